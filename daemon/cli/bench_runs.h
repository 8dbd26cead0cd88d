/* daemon/cli/bench_runs.h - the times of all legs, run by run.   context --make--> runs --spread, ratio--> figures
 * The legs of a run follow each other within a second or two, so what the machine gives at that moment is about the same for all: figures that hold
 * one leg against another are taken within each run first, and their median told. Of medians of each leg the longest would come out too long where others
 * use the machine: it is the one that is seldom left alone. */
#ifndef TESD_DAEMON_CLI_BENCH_RUNS_H
#define TESD_DAEMON_CLI_BENCH_RUNS_H

#include <stdbool.h>

#include "daemon/cli/bench_legs.h"

enum { BENCH_RUNS_MAX = 1001 };

struct bench_run { struct bench_time legs[N_LEGS]; };
struct bench_spread { double median, least, p90; };
struct bench_runs {
    unsigned n;
    struct bench_run *list;        /* owned */
};

/* n runs of every leg, interleaved; n <= BENCH_RUNS_MAX. False: a leg failed, or memory. */
bool bench_runs_make(struct bench_context *c, unsigned n, struct bench_runs *out);
void bench_runs_done(struct bench_runs *r);

struct bench_spread bench_runs_wall(const struct bench_runs *r, enum bench_leg_id leg);   /* ns per record */
struct bench_spread bench_runs_cpu(const struct bench_runs *r, enum bench_leg_id leg);
bool bench_runs_contended(const struct bench_runs *r, enum bench_leg_id leg);   /* wall and CPU time of a leg with one thread part */
/* Median over the runs of what a run's own times say. */
double bench_runs_median(const struct bench_runs *r, double (*of)(const struct bench_run *run, const void *context), const void *context);

#endif
