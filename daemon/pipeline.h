/* daemon/pipeline.h - the one place where threads are made.
 * Jobs are independent (one channel each) and their results are taken in job order on the calling thread, so that every result
 * is the same whatever the number of workers. */
#ifndef TESD_DAEMON_PIPELINE_H
#define TESD_DAEMON_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

unsigned pipeline_default_workers(void);  /* processors this process may use, at least 1 */

typedef void pipeline_job(void *context, size_t job);              /* runs on some worker */
typedef bool pipeline_take(void *context, size_t job);             /* runs on the caller's thread, jobs 0, 1, 2, ... ; false stops */

/* Runs jobs 0..n_jobs-1 on n_workers threads (0: default; 1: inline, no thread). True when threads could be made. */
bool pipeline_run(size_t n_jobs, unsigned n_workers, pipeline_job *job, void *context);

/* The same, and takes each result in order as soon as it is there. At most 2 x n_workers results wait untaken, which bounds
 * memory. False when `take` stopped the run or threads could not be made; jobs begun are always finished. */
bool pipeline_run_ordered(size_t n_jobs, unsigned n_workers, pipeline_job *job, pipeline_take *take, void *context);

#endif
