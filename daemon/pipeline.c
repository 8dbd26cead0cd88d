#include "daemon/pipeline.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

static void *draw_and_work(void *argument) {
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
        while (made < n_workers && pthread_create(&threads[made], NULL, draw_and_work, &r) == 0)
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

/* ---- threads of a service ---- */

enum { NAME_BYTES = 16, BACKGROUND_NICE = 10 };

struct pipeline_thread {
    pthread_t thread;
    char name[NAME_BYTES];
    pipeline_step *step;
    void *context;
    unsigned tick_us;
    atomic_bool stop;
    _Atomic uint64_t turns;
};

static void *live_on(void *argument) {
    struct pipeline_thread *t = argument;
    const struct timespec tick = { .tv_sec = t->tick_us / 1000000, .tv_nsec = (long)(t->tick_us % 1000000) * 1000 };
    while (!atomic_load_explicit(&t->stop, memory_order_acquire)) {
        bool busy = t->step(t->context);
        atomic_fetch_add_explicit(&t->turns, 1, memory_order_relaxed);
        if (!busy && t->tick_us > 0)
            nanosleep(&tick, NULL);
    }
    return NULL;
}

/* With all signals blocked, as the new thread will have them. */
static bool make_thread(pthread_t *thread, const char *name, void *(*work)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool good = pthread_create(thread, NULL, work, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (good)
        pthread_setname_np(*thread, name);
    return good;
}

bool pipeline_thread_start(const char *name, pipeline_step *step, void *context, unsigned tick_us, struct pipeline_thread **out) {
    struct pipeline_thread *t = calloc(1, sizeof *t);
    if (t == NULL)
        return false;
    snprintf(t->name, sizeof t->name, "%s", name);
    t->step = step;
    t->context = context;
    t->tick_us = tick_us;
    if (!make_thread(&t->thread, t->name, live_on, t)) {
        free(t);
        return false;
    }
    *out = t;
    return true;
}

uint64_t pipeline_thread_turns(const struct pipeline_thread *t) { return atomic_load_explicit(&t->turns, memory_order_relaxed); }
const char *pipeline_thread_name(const struct pipeline_thread *t) { return t->name; }

void pipeline_thread_stop(struct pipeline_thread *t) {
    if (t == NULL)
        return;
    atomic_store_explicit(&t->stop, true, memory_order_release);
    pthread_join(t->thread, NULL);
    free(t);
}

struct pipeline_job_thread {
    pthread_t thread;
    void (*work)(void *context);
    void *context;
    atomic_bool over;
};

static void *work_once(void *argument) {
    struct pipeline_job_thread *j = argument;
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), BACKGROUND_NICE);   /* refused in a hardened service: then at the same priority */
    j->work(j->context);
    atomic_store_explicit(&j->over, true, memory_order_release);
    return NULL;
}

bool pipeline_background(const char *name, void (*work)(void *context), void *context, struct pipeline_job_thread **out) {
    struct pipeline_job_thread *j = calloc(1, sizeof *j);
    if (j == NULL)
        return false;
    j->work = work;
    j->context = context;
    if (!make_thread(&j->thread, name, work_once, j)) {
        free(j);
        return false;
    }
    *out = j;
    return true;
}

bool pipeline_background_over(const struct pipeline_job_thread *j) { return atomic_load_explicit(&j->over, memory_order_acquire); }

void pipeline_background_join(struct pipeline_job_thread *j) {
    if (j == NULL)
        return;
    pthread_join(j->thread, NULL);
    free(j);
}
