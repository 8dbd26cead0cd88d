#include "daemon/follower.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/source/follow_block.h"

enum { WAIT_MS = 20, PATH_BYTES = 512 };

struct follower {
    struct follow *follow;
    struct follow_block block;
    struct plan_exchange *exchange;
    struct ring *ring;
    pthread_mutex_t lock;            /* of what others tell, and of counts */
    char folder[PATH_BYTES];         /* "" nothing new */
    bool end;
    struct follow_counts counts;
    atomic_bool behind;
};

bool follower_new(const struct follow_settings *settings, const char *folder, struct off_bases *bases, struct plan_exchange *exchange, struct ring *ring, struct follower **out) {
    struct follower *f = calloc(1, sizeof *f);
    if (f == NULL)
        return false;
    f->exchange = exchange;
    f->ring = ring;
    f->block.bases = bases;
    pthread_mutex_init(&f->lock, NULL);
    snprintf(f->folder, sizeof f->folder, "%s", folder);
    if (!follow_new(settings, &f->follow)) {
        log_error("the acquisition's files cannot be followed: out of memory, or io_uring is forbidden here (follow.reads: plain)");
        follower_free(f);
        return false;
    }
    *out = f;
    return true;
}

void follower_free(struct follower *f) {
    if (f == NULL)
        return;
    if (f->follow != NULL)
        follow_free(f->follow);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void follower_folder(struct follower *f, const char *path) {
    pthread_mutex_lock(&f->lock);
    snprintf(f->folder, sizeof f->folder, "%s", path);
    f->end = false;
    pthread_mutex_unlock(&f->lock);
    atomic_store_explicit(&f->behind, true, memory_order_release);
}

void follower_end(struct follower *f) {
    pthread_mutex_lock(&f->lock);
    f->end = true;
    pthread_mutex_unlock(&f->lock);
}

bool follower_is_behind(const struct follower *f) { return atomic_load_explicit(&f->behind, memory_order_acquire) || ring_filled(f->ring) > 0; }

struct follow_counts follower_counts(struct follower *f) {
    pthread_mutex_lock(&f->lock);
    struct follow_counts c = f->counts;
    pthread_mutex_unlock(&f->lock);
    return c;
}

static void hear(struct follower *f) {
    char folder[PATH_BYTES];
    pthread_mutex_lock(&f->lock);
    snprintf(folder, sizeof folder, "%s", f->folder);
    f->folder[0] = '\0';
    bool end = f->end;
    f->end = false;
    f->counts = follow_count(f->follow);
    pthread_mutex_unlock(&f->lock);
    if (folder[0] != '\0' && !follow_folder(f->follow, folder))
        log_error("%s: out of memory, so its files are not followed", folder);
    if (end)
        follow_end(f->follow);
}

bool follower_step(void *context) {
    struct follower *f = context;
    const struct live_plan *plan = atomic_load_explicit(&f->exchange->plan, memory_order_acquire);
    atomic_store_explicit(&f->exchange->followed, plan != NULL ? plan->serial : 0, memory_order_release);
    hear(f);
    struct record_block *b = plan != NULL && plan->array != NULL ? ring_take_empty(f->ring) : NULL;
    if (b == NULL) {
        nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 100000L }, NULL);
        return true;
    }
    record_block_clear(b);
    enum follow_state state = follow_block_step(&f->block, f->follow, clock_ns(CLOCK_MONOTONIC), plan->array, b);
    b->arrived_ns = clock_ns(CLOCK_MONOTONIC);
    bool some = b->n > 0;
    if (some)
        ring_mark_full(f->ring);
    if (state == FOLLOW_ENDED && !some)
        atomic_store_explicit(&f->behind, false, memory_order_release);
    if (!some)
        follow_wait(f->follow, WAIT_MS);
    return true;
}
