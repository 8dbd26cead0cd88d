/* daemon/cli/bench_kernels.h - legs of `tesd bench` that need no file: what kernels take over the array's records in memory, and what they are held
 * against. Each goes once over all records, pixel after pixel. */
#ifndef TESD_DAEMON_CLI_BENCH_KERNELS_H
#define TESD_DAEMON_CLI_BENCH_KERNELS_H

#include <stdint.h>

#include "daemon/cli/bench_legs.h"

struct stopwatch { double wall_ns, cpu_ns; };
struct stopwatch stopwatch_start(void);
struct bench_time stopwatch_stop(struct stopwatch from, double records);

double bench_records(const struct bench_set *s);              /* of all pixels */
unsigned bench_fold(const uint8_t *bytes, size_t n);          /* the cheapest way to touch every byte */

struct bench_time bench_read(struct bench_context *c);
struct bench_time bench_dot(struct bench_context *c);
struct bench_time bench_operations(struct bench_context *c);
struct bench_time bench_summaries_lags(struct bench_context *c);
struct bench_time bench_analysis(struct bench_context *c);
struct bench_time bench_analysis_two(struct bench_context *c);
struct bench_time bench_energies(struct bench_context *c);

#endif
