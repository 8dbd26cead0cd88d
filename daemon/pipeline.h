/* daemon/pipeline.h - the one place where threads are made.
 * Jobs are independent (one channel each) and their results are taken in job order on the calling thread, so that every result
 * is the same whatever the number of workers. */
#ifndef TESD_DAEMON_PIPELINE_H
#define TESD_DAEMON_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

unsigned pipeline_default_workers(void);  /* processors this process may use, at least 1 */

typedef void pipeline_job(void *context, size_t job);              /* runs on some worker */
typedef bool pipeline_take(void *context, size_t job);             /* runs on the caller's thread, jobs 0, 1, 2, ... ; false stops */

/* Runs jobs 0..n_jobs-1 on n_workers threads (0: default; 1: inline, no thread). True when threads could be made. */
bool pipeline_run(size_t n_jobs, unsigned n_workers, pipeline_job *job, void *context);

/* The same, and takes each result in order as soon as it is there. At most 2 x n_workers results wait untaken, which bounds
 * memory. False when `take` stopped the run or threads could not be made; jobs begun are always finished. */
bool pipeline_run_ordered(size_t n_jobs, unsigned n_workers, pipeline_job *job, pipeline_take *take, void *context);

/* ---- threads of a service, which live as long as it does ---- */

struct pipeline_thread;   /* opaque */
/* One round of a node's work; true: there was something to do. When not, the thread sleeps tick_us (0: the node waits by itself). */
typedef bool pipeline_step(void *context);
/* name: at most 15 bytes, for ps and gdb. Signals go to the main thread. False: no thread could be made. */
bool pipeline_thread_start(const char *name, pipeline_step *step, void *context, unsigned tick_us, struct pipeline_thread **out);
uint64_t pipeline_thread_turns(const struct pipeline_thread *t);   /* any thread: grows with every round, for the watchdog */
const char *pipeline_thread_name(const struct pipeline_thread *t);
void pipeline_thread_stop(struct pipeline_thread *t);              /* after the round under way; joins and frees; NULL is fine */

/* One long piece of work beside them, at a lower priority. */
struct pipeline_job_thread;
bool pipeline_background(const char *name, void (*work)(void *context), void *context, struct pipeline_job_thread **out);
bool pipeline_background_over(const struct pipeline_job_thread *j);   /* any thread */
void pipeline_background_join(struct pipeline_job_thread *j);         /* waits; NULL is fine */

#endif
