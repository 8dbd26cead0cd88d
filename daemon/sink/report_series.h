/* daemon/sink/report_series.h - whole numbers as short text, in the form that report_data.h describes. */
#ifndef TESD_DAEMON_SINK_REPORT_SERIES_H
#define TESD_DAEMON_SINK_REPORT_SERIES_H

#include <stddef.h>

/* Values are rounded; one that is not finite or beyond +-1e15 repeats the number before. free() the text. NULL: no memory. */
char *report_series_pack(const double *values, size_t n);

#endif
