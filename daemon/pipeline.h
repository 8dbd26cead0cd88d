/* daemon/pipeline.h - the one place where threads are made. */
#ifndef TESD_DAEMON_PIPELINE_H
#define TESD_DAEMON_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

/* Calls job(ctx, i) once for each i < n_jobs, on up to n_workers threads (the caller's is one of them); whoever is free takes the next
 * job. n_workers 0: one per core; 1: in order, without any thread. Jobs share ctx and keep out of each other's data. Returns when all
 * are done; false after logging when there is no memory, then no job has run. Fewer threads than asked for are a warning. */
bool pipeline_run(size_t n_jobs, unsigned n_workers, void (*job)(void *ctx, size_t i), void *ctx);

#endif
