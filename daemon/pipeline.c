#include "daemon/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/log.h"

struct work {
    atomic_size_t next;
    size_t n_jobs;
    void (*job)(void *ctx, size_t i);
    void *ctx;
};

static void *work_off(void *argument) {
    struct work *w = argument;
    for (size_t i; (i = atomic_fetch_add(&w->next, 1)) < w->n_jobs;)
        w->job(w->ctx, i);
    return NULL;
}

static unsigned cores(void) {
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

bool pipeline_run(size_t n_jobs, unsigned n_workers, void (*job)(void *ctx, size_t i), void *ctx) {
    struct work w = {.n_jobs = n_jobs, .job = job, .ctx = ctx};
    if (n_workers == 0)
        n_workers = cores();
    const size_t others = n_jobs < n_workers ? (n_jobs == 0 ? 0 : n_jobs - 1) : n_workers - 1;
    pthread_t *threads = calloc(others + 1, sizeof *threads);
    if (threads == NULL) {
        log_error("no memory for %zu threads", others);
        return false;
    }
    size_t made = 0;
    while (made < others && pthread_create(&threads[made], NULL, work_off, &w) == 0)
        made++;
    if (made < others)
        log_warning("only %zu of %zu threads could be made; the work takes longer", made + 1, others + 1);
    work_off(&w);
    for (size_t i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return true;
}
