/* daemon/cli/bench_report.h - what `tesd bench` tells: the time of each leg, ratios between them, learning and memory; as text or as a JSON line each. */
#ifndef TESD_DAEMON_CLI_BENCH_REPORT_H
#define TESD_DAEMON_CLI_BENCH_REPORT_H

#include <stdbool.h>

#include "daemon/cli/bench_runs.h"

struct bench_report {
    const struct bench_set *set;
    const struct bench_runs *runs;
    const char *kernel;
    double frozen_bytes, learning_bytes;   /* anonymous memory of a replay, with a calibration given and learning */
};

void bench_report_print(const struct bench_report *r, bool json);   /* to stdout */

#endif
