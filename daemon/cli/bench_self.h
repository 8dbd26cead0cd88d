/* daemon/cli/bench_self.h - this program run again by `tesd bench`, with other words. */
#ifndef TESD_DAEMON_CLI_BENCH_SELF_H
#define TESD_DAEMON_CLI_BENCH_SELF_H

#include <stdbool.h>

/* Runs this program with the words given ("replay", ..., NULL), its standard output thrown away. *anonymous_bytes (may be NULL): the
 * most anonymous memory it was seen to hold. True when it ends with 0. */
bool bench_run_self(const char *const *words, double *anonymous_bytes);

#endif
