/* pwrite, for machines that forbid io_uring: a thread of its own does what is submitted, one after the other, and may wait for the disk.
 * Slot k of `depth` is the owner's until it is submitted, then the thread's until it is through: two counters say so, semaphores only wake. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/pipeline.h"
#include "daemon/sink/disk_engine.h"

enum { IDLE_NS = 50000000 };   /* how often the thread looks whether it is to end */

struct slot { struct disk_request *request; int result; };

struct pwrite_state {
    struct pipeline_thread *thread;
    sem_t submitted_one, through_one;
    _Atomic unsigned submitted, through;   /* ever; by the owner, by the thread */
    unsigned reaped, depth;                /* the owner's */
    struct slot slots[];
};

static int perform(const struct disk_request *r) {
    ssize_t n = -1;
    switch (r->op) {
    case DISK_WRITE: n = pwrite(r->fd, r->data, r->n, (off_t)r->offset); break;
    case DISK_ALLOCATE: n = fallocate(r->fd, FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->n); break;
    case DISK_PUNCH: n = fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->n); break;
    case DISK_SYNC: n = fdatasync(r->fd); break;
    }
    return n < 0 ? -errno : (int)n;
}

static bool wait_for(sem_t *s, int64_t wait_ns) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t ns = until.tv_nsec + wait_ns;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return sem_clockwait(s, CLOCK_MONOTONIC, &until) == 0;
}

static bool serve(void *state) {
    struct pwrite_state *s = state;
    wait_for(&s->submitted_one, IDLE_NS);
    const unsigned k = atomic_load_explicit(&s->through, memory_order_relaxed);
    if (k == atomic_load_explicit(&s->submitted, memory_order_acquire))
        return false;
    struct slot *slot = &s->slots[k % s->depth];
    slot->result = perform(slot->request);
    atomic_store_explicit(&s->through, k + 1, memory_order_release);
    sem_post(&s->through_one);
    return true;
}

static bool start(const struct disk_arena *arena, unsigned depth, void **state) {
    (void)arena;
    struct pwrite_state *s = calloc(1, sizeof *s + depth * sizeof s->slots[0]);
    if (s == NULL)
        return false;
    s->depth = depth;
    sem_init(&s->submitted_one, 0, 0);
    sem_init(&s->through_one, 0, 0);
    if (!pipeline_thread_start("tesd-pwrite", serve, s, 0, &s->thread)) {
        free(s);
        return false;
    }
    *state = s;
    return true;
}

static void stop(void *state) {
    struct pwrite_state *s = state;
    sem_post(&s->submitted_one);
    pipeline_thread_stop(s->thread);
    sem_destroy(&s->submitted_one);
    sem_destroy(&s->through_one);
    free(s);
}

static bool submit(void *state, struct disk_request *r) {
    struct pwrite_state *s = state;
    const unsigned k = atomic_load_explicit(&s->submitted, memory_order_relaxed);
    if (k - s->reaped == s->depth)
        return false;
    s->slots[k % s->depth] = (struct slot){ .request = r };
    atomic_store_explicit(&s->submitted, k + 1, memory_order_release);
    sem_post(&s->submitted_one);
    return true;
}

static bool is_through(const struct pwrite_state *s) { return s->reaped != atomic_load_explicit(&s->through, memory_order_acquire); }

static struct disk_request *reap(void *state, int64_t wait_ns, int *result) {
    struct pwrite_state *s = state;
    if (s->reaped == atomic_load_explicit(&s->submitted, memory_order_relaxed))
        return NULL;
    while (!is_through(s) && wait_ns > 0 && wait_for(&s->through_one, wait_ns))   /* what was posted for one that is reaped already wakes as well */
        continue;
    if (!is_through(s))
        return NULL;
    const struct slot t = s->slots[s->reaped++ % s->depth];
    *result = t.result;
    return t.request;
}

const struct disk_engine disk_engine_pwrite = { .name = "pwrite", .start = start, .stop = stop, .submit = submit, .reap = reap };
