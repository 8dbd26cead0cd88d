/* daemon/sink/report.h - the calibration of an array as one page for a browser: array map, verdict table, and for every pixel its
 * spectrum with fits and residuals, curve, leave-one-out errors and drift.   array_model + report_spectra --> FILE.html
 * The page asks nothing of any network. Its parts are real files in daemon/sink/report/. */
#ifndef TESD_DAEMON_SINK_REPORT_H
#define TESD_DAEMON_SINK_REPORT_H

#include <stdbool.h>

#include "daemon/sink/report_data.h"

/* spectra may be NULL. The file appears whole or not at all. False after logging path and reason. */
bool report_write(const char *path, const struct report_facts *facts, const struct array_model *m, const struct report_spectra *spectra);

#endif
