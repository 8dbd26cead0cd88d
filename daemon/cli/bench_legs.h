/* daemon/cli/bench_legs.h - what `tesd bench` times: bare kernels over the array's records in memory, bare reading of its files, and the
 * chain of replay. Each leg goes once over all records of the array, pixel after pixel, so the filters rotate as in a replay. */
#ifndef TESD_DAEMON_CLI_BENCH_LEGS_H
#define TESD_DAEMON_CLI_BENCH_LEGS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/cli/bench_set.h"

struct bench_time { double wall_ns, cpu_ns; };   /* per record; cpu: user + system of the whole process */

struct bench_context {
    const struct bench_set *set;
    const struct options *options;
    unsigned sink;                 /* of what the kernels return, so that nothing is left out */
    bool failed;
};

enum bench_leg_id {
    LEG_READ, LEG_DOT, LEG_OPERATIONS, LEG_SUMMARIES_LAGS, LEG_ANALYSIS, LEG_ANALYSIS_TWO, LEG_ENERGIES, LEG_FILE_PREAD, LEG_FILE_PREAD_WIDE, LEG_FILE_MMAP, LEG_CHAIN,
    LEG_CHAIN_TWO, LEG_CHAIN_SCALAR, N_LEGS
};

struct bench_leg {
    const char *name, *what;
    unsigned threads;
    struct bench_time (*run)(struct bench_context *c);
};
extern const struct bench_leg bench_legs[N_LEGS];

#endif
