#include "daemon/pipeline.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* Workers draw job numbers from `next`; `finished[j]` is set when job j's result may be taken. */
struct run {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_jobs, next, taken, window;
    bool stop;
    bool *finished;
    pipeline_job *job;
    void *context;
};

unsigned pipeline_default_workers(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

static bool draw_job(struct run *r, size_t *job) {
    pthread_mutex_lock(&r->lock);
    while (!r->stop && r->next < r->n_jobs && r->next >= r->taken + r->window)
        pthread_cond_wait(&r->changed, &r->lock);
    bool got = !r->stop && r->next < r->n_jobs;
    if (got)
        *job = r->next++;
    pthread_mutex_unlock(&r->lock);
    return got;
}

static void *work(void *argument) {
    struct run *r = argument;
    size_t j;
    while (draw_job(r, &j)) {
        r->job(r->context, j);
        pthread_mutex_lock(&r->lock);
        r->finished[j] = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

static bool take_in_order(struct run *r, pipeline_take *take) {
    bool good = true;
    for (size_t j = 0; good && j < r->n_jobs; j++) {
        pthread_mutex_lock(&r->lock);
        while (!r->finished[j])
            pthread_cond_wait(&r->changed, &r->lock);
        pthread_mutex_unlock(&r->lock);
        good = take(r->context, j);
        pthread_mutex_lock(&r->lock);
        r->taken = j + 1;
        r->stop = !good;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
    }
    return good;
}

static bool run_inline(size_t n_jobs, pipeline_job *job, pipeline_take *take, void *context) {
    for (size_t j = 0; j < n_jobs; j++) {
        job(context, j);
        if (!take(context, j))
            return false;
    }
    return true;
}

bool pipeline_run_ordered(size_t n_jobs, unsigned n_workers, pipeline_job *job, pipeline_take *take, void *context) {
    if (n_workers == 0)
        n_workers = pipeline_default_workers();
    if (n_workers > n_jobs)
        n_workers = (unsigned)n_jobs;
    if (n_workers <= 1)
        return run_inline(n_jobs, job, take, context);
    struct run r = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .n_jobs = n_jobs,
                     .window = 2 * (size_t)n_workers, .job = job, .context = context };
    r.finished = calloc(n_jobs, sizeof *r.finished);
    pthread_t *threads = calloc(n_workers, sizeof *threads);
    unsigned made = 0;
    if (r.finished != NULL && threads != NULL)
        while (made < n_workers && pthread_create(&threads[made], NULL, work, &r) == 0)
            made++;
    bool good = made > 0 && take_in_order(&r, take);
    for (unsigned i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&r.changed);
    pthread_mutex_destroy(&r.lock);
    free(threads);
    free(r.finished);
    return good;
}

static bool take_nothing(void *context, size_t job) {
    (void)context;
    (void)job;
    return true;
}

bool pipeline_run(size_t n_jobs, unsigned n_workers, pipeline_job *job, void *context) {
    return pipeline_run_ordered(n_jobs, n_workers, job, take_nothing, context);
}
