#include "daemon/live_follow.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/record_block.h"
#include "daemon/source/follow_block.h"

enum { BLOCKS = 16, ROWS = 512, BLOCK_SAMPLES = 1 << 20, WAIT_MS = 20 };

/* What the book wants, until the follow thread has taken it. */
struct wish { bool array_new, run_new, end; struct live_array *array; char folder[512]; };

struct live_follow {
    char base[512];
    struct follow *follow;
    struct follow_block shape;
    struct record_block *blocks[BLOCKS];
    struct ring *ring;
    struct live_array *array;              /* the follow thread's; NULL: none */
    _Atomic uint64_t generation;
    pthread_mutex_t lock;                  /* of the two below */
    struct wish wish;
    struct live_follow_figures figures;
};

bool live_follow_new(const struct live_follow_settings *settings, struct live_follow **out) {
    struct live_follow *f = calloc(1, sizeof *f);
    void *blocks[BLOCKS];
    bool good = f != NULL;
    if (good)
        pthread_mutex_init(&f->lock, NULL);
    for (size_t i = 0; good && i < BLOCKS; i++) {
        good = record_block_new(ROWS, BLOCK_SAMPLES, &f->blocks[i]);
        blocks[i] = f->blocks[i];
    }
    if (good)
        snprintf(f->base, sizeof f->base, "%s", settings->folder);
    good = good && ring_new(blocks, BLOCKS, &f->ring) && follow_new(&settings->follow, &f->follow);
    if (!good) {
        log_error("the files of the acquisition cannot be followed: out of memory, or io_uring was asked for and is not allowed here");
        live_follow_free(f);
        return false;
    }
    f->figures.over = true;
    *out = f;
    return true;
}

void live_follow_free(struct live_follow *f) {
    if (f == NULL)
        return;
    follow_free(f->follow);
    ring_free(f->ring);
    for (size_t i = 0; i < BLOCKS; i++)
        record_block_free(f->blocks[i]);
    live_array_free(f->array);
    live_array_free(f->wish.array);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

struct ring *live_follow_ring(struct live_follow *f) { return f->ring; }
const _Atomic uint64_t *live_follow_generation(const struct live_follow *f) { return &f->generation; }

/* ---- the book's side ---- */

void live_follow_array(struct live_follow *f, const struct live_array *array) {
    struct live_array *copy = NULL;
    if (array != NULL && !live_array_copy(array, &copy))
        log_error("out of memory: the files of the acquisition are not followed");
    pthread_mutex_lock(&f->lock);
    struct live_array *old = f->wish.array;
    f->wish.array = copy;
    f->wish.array_new = true;
    pthread_mutex_unlock(&f->lock);
    live_array_free(old);
}

void live_follow_run(struct live_follow *f, const char *folder) {
    pthread_mutex_lock(&f->lock);
    snprintf(f->wish.folder, sizeof f->wish.folder, "%s", f->base[0] != '\0' ? f->base : folder);
    f->wish.run_new = true;
    f->wish.end = false;
    f->figures.over = false;
    pthread_mutex_unlock(&f->lock);
}

void live_follow_end(struct live_follow *f) {
    pthread_mutex_lock(&f->lock);
    f->wish.end = true;
    pthread_mutex_unlock(&f->lock);
}

struct live_follow_figures live_follow_figures_of(struct live_follow *f) {
    pthread_mutex_lock(&f->lock);
    struct live_follow_figures out = f->figures;
    pthread_mutex_unlock(&f->lock);
    return out;
}

/* ---- the follow thread ---- */

static void take_wish(struct live_follow *f) {
    pthread_mutex_lock(&f->lock);
    struct wish w = f->wish;
    f->wish = (struct wish){ .folder = { 0 } };
    pthread_mutex_unlock(&f->lock);
    if (w.array_new) {
        live_array_free(f->array);
        f->array = w.array;
        atomic_fetch_add(&f->generation, 1);
    }
    if (w.run_new && !follow_folder(f->follow, w.folder))
        log_error("%s: out of memory, it is not followed", w.folder);
    if (w.end)
        follow_end(f->follow);
}

static int64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void tell_figures(struct live_follow *f, bool over) {
    pthread_mutex_lock(&f->lock);
    f->figures = (struct live_follow_figures){
        .counts = follow_count(f->follow), .unknown_channel = f->shape.unknown_channel, .coefficients = f->shape.coefficients,
        .over = over && !f->wish.run_new, .polling = follow_is_polling(f->follow), .uring = follow_is_uring(f->follow),
    };
    pthread_mutex_unlock(&f->lock);
}

bool live_follow_step(void *context) {
    struct live_follow *f = context;
    take_wish(f);
    struct record_block *b = f->array != NULL ? ring_take_empty(f->ring) : NULL;
    if (b == NULL)
        return false;
    int64_t now_ns = monotonic_ns();
    record_block_clear(b);
    b->arrived_ns = now_ns;
    b->generation = atomic_load(&f->generation);
    enum follow_state s = follow_block_step(&f->shape, f->follow, now_ns, f->array, b);
    if (b->n > 0)
        ring_mark_full(f->ring);
    tell_figures(f, s == FOLLOW_ENDED && ring_filled(f->ring) == 0);
    if (s == FOLLOW_WAITING || s == FOLLOW_ENDED)
        follow_wait(f->follow, WAIT_MS);
    return true;
}
