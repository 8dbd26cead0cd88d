/* daemon/control/file_pattern.h - names of runs as clients of the scan server give them: folders with the date left open.
 *   "/raw/%Y/%m/%d" + time --fill--> "/raw/2026/11/27" --next--> "/raw/2026/11/27/0003/20261127_run0003_%s.%s" */
#ifndef TESD_DAEMON_CONTROL_FILE_PATTERN_H
#define TESD_DAEMON_CONTROL_FILE_PATTERN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* As strftime, with local time, as the old server did it. False: too long. */
bool file_pattern_fill(const char *pattern, int64_t time_ns, char out[PATH_MAX]);
/* The first of FOLDER/0000 .. FOLDER/0999 that is not there; nothing is made. False: none, or too long. */
bool file_pattern_next(const char *folder, int64_t time_ns, char out[PATH_MAX]);

#endif
