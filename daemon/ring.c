/* Two counters that only grow: `full` is the producer's, `emptied` the consumer's. Block k stands at k modulo n. Each lies on its own
 * cache line with the other side's value as last seen, so that a side looks at the other's line only when it seems to be stuck. */
#include "daemon/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CACHE_LINE = 64 };

struct ring_side {
    _Alignas(CACHE_LINE) atomic_size_t count;
    size_t other;          /* the other side's count when last looked at */
};

struct ring {
    struct ring_side full, emptied;
    _Alignas(CACHE_LINE) size_t n;
    void *blocks[];
};

bool ring_new(void *const *blocks, size_t n, struct ring **out) {
    assert(n >= 2);
    size_t bytes = sizeof(struct ring) + n * sizeof(void *);
    struct ring *r = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (r == NULL)
        return false;
    r->full.other = r->emptied.other = 0;
    atomic_init(&r->full.count, 0);
    atomic_init(&r->emptied.count, 0);
    r->n = n;
    for (size_t i = 0; i < n; i++)
        r->blocks[i] = blocks[i];
    *out = r;
    return true;
}

void ring_free(struct ring *r) { free(r); }

void *ring_take_empty(struct ring *r) {
    size_t full = atomic_load_explicit(&r->full.count, memory_order_relaxed);
    if (full - r->full.other == r->n)
        r->full.other = atomic_load_explicit(&r->emptied.count, memory_order_acquire);
    return full - r->full.other == r->n ? NULL : r->blocks[full % r->n];
}

void ring_mark_full(struct ring *r) {
    size_t full = atomic_load_explicit(&r->full.count, memory_order_relaxed);
    assert(full - r->full.other < r->n);
    atomic_store_explicit(&r->full.count, full + 1, memory_order_release);
}

void *ring_take_full(struct ring *r) {
    size_t emptied = atomic_load_explicit(&r->emptied.count, memory_order_relaxed);
    if (emptied == r->emptied.other)
        r->emptied.other = atomic_load_explicit(&r->full.count, memory_order_acquire);
    return emptied == r->emptied.other ? NULL : r->blocks[emptied % r->n];
}

void ring_mark_empty(struct ring *r) {
    size_t emptied = atomic_load_explicit(&r->emptied.count, memory_order_relaxed);
    assert(emptied != r->emptied.other);
    atomic_store_explicit(&r->emptied.count, emptied + 1, memory_order_release);
}

size_t ring_size(const struct ring *r) { return r->n; }

size_t ring_filled(const struct ring *r) {
    size_t emptied = atomic_load_explicit(&r->emptied.count, memory_order_acquire);
    return atomic_load_explicit(&r->full.count, memory_order_acquire) - emptied;
}
