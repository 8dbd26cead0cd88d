/* Of each channel a circular array of the newest records, in order of (stamp, frame). Nearly every record goes to its end, and a
 * backlog goes to its beginning; what lies between moves the shorter side by one. */
#include "daemon/stage/reconcile.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BY_PORT = 1, BY_FILE = 2, WAYS = 3 };

static const int64_t STEP_BACK_NS = 1000000000;   /* stamps of one file may step back by so much */

struct seen {
    int64_t time_ns;
    int64_t frame_ways;        /* frame x 4 + ways */
};

struct memory {
    uint32_t first, n;         /* seen[(first + i) % capacity], i = 0..n-1 */
    int64_t forgotten_ns;      /* the newest stamp that was forgotten; INT64_MIN: none was */
    int64_t unfiled_ns;        /* the same of those that had come by the port alone */
    int64_t newest_ns;
    int64_t file_frame, file_ns;   /* of the last record that came by file */
    atomic_uint_fast64_t by_port, by_file, both, admitted, late, repeated, too_late;
};

struct reconcile {
    uint32_t n_channels, capacity;
    struct memory *channels;
    struct seen *seen;         /* capacity for each channel */
};

bool reconcile_new(uint32_t n_channels, uint32_t memory, struct reconcile **out) {
    assert(memory >= 2);
    struct reconcile *r = calloc(1, sizeof *r);
    struct memory *channels = calloc((size_t)n_channels + 1, sizeof *channels);
    struct seen *seen = calloc((size_t)n_channels * memory + 1, sizeof *seen);
    if (r == NULL || channels == NULL || seen == NULL) {
        free(r);
        free(channels);
        free(seen);
        return false;
    }
    for (uint32_t i = 0; i < n_channels; i++)
        channels[i].forgotten_ns = channels[i].unfiled_ns = channels[i].newest_ns = channels[i].file_frame = INT64_MIN;   /* file_ns: 0 */
    *r = (struct reconcile){ .n_channels = n_channels, .capacity = memory, .channels = channels, .seen = seen };
    *out = r;
    return true;
}

void reconcile_free(struct reconcile *r) {
    if (r == NULL)
        return;
    free(r->channels);
    free(r->seen);
    free(r);
}

/* One thread writes, so no read-modify-write is needed. */
static void count(atomic_uint_fast64_t *c) {
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* A channel's part of the table, with its circle. */
struct circle { struct memory *m; struct seen *seen; uint32_t capacity; };

static struct seen *at(const struct circle *c, uint32_t i) {
    uint32_t k = c->m->first + i;
    return &c->seen[k < c->capacity ? k : k - c->capacity];
}

static bool before(const struct seen *a, int64_t time_ns, int64_t frame) {
    return a->time_ns != time_ns ? a->time_ns < time_ns : (a->frame_ways >> 2) < frame;
}

/* The first that is not before (time, frame); n when all are. The end is looked at first: that is where records go. */
static uint32_t place_of(const struct circle *c, int64_t time_ns, int64_t frame) {
    uint32_t lo = 0, hi = c->m->n;
    if (hi == 0 || before(at(c, hi - 1), time_ns, frame))
        return hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (before(at(c, mid), time_ns, frame))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void forget(struct memory *m, const struct seen *s) {
    if (s->time_ns > m->forgotten_ns)
        m->forgotten_ns = s->time_ns;
    if ((s->frame_ways & BY_FILE) == 0 && s->time_ns > m->unfiled_ns)
        m->unfiled_ns = s->time_ns;
}

static void forget_oldest(struct circle *c) {
    forget(c->m, at(c, 0));
    c->m->first = c->m->first + 1 < c->capacity ? c->m->first + 1 : 0;
    c->m->n--;
}

static void insert(struct circle *c, uint32_t place, struct seen s) {
    struct memory *m = c->m;
    if (place < m->n / 2) {
        m->first = m->first > 0 ? m->first - 1 : c->capacity - 1;
        m->n++;
        for (uint32_t i = 0; i < place; i++)
            *at(c, i) = *at(c, i + 1);
    } else {
        m->n++;
        for (uint32_t i = m->n - 1; i > place; i--)
            *at(c, i) = *at(c, i - 1);
    }
    *at(c, place) = s;
}

/* Makes room by forgetting the oldest, which may be the new one itself. */
static void remember(struct circle *c, uint32_t place, struct seen s) {
    if (c->m->n == c->capacity && place == 0) {
        forget(c->m, &s);
        return;
    }
    if (c->m->n == c->capacity) {
        forget_oldest(c);
        place--;
    }
    insert(c, place, s);
}

/* Nothing with this stamp or a later one was forgotten; or its file goes on here with a stamp that steps back a little, and the port
 * cannot have brought it. */
static bool can_be_told(const struct memory *m, int64_t way, int64_t time_ns, int64_t frame) {
    return time_ns > m->forgotten_ns || (way == BY_FILE && time_ns > m->file_ns - STEP_BACK_NS && frame > m->file_frame && time_ns > m->unfiled_ns);
}

enum reconcile_verdict reconcile_admit(struct reconcile *r, const struct block_record *row) {
    struct memory *m = &r->channels[row->channel_index];
    struct circle c = { m, r->seen + (size_t)row->channel_index * r->capacity, r->capacity };
    int64_t way = row->flags & BLOCK_FROM_FILE ? BY_FILE : BY_PORT, frame = row->frame & (INT64_MAX >> 2);
    uint32_t place = place_of(&c, row->time_ns, frame);
    struct seen *there = place < m->n ? at(&c, place) : NULL;
    bool known = there != NULL && there->time_ns == row->time_ns && there->frame_ways >> 2 == frame;
    if (known && (there->frame_ways & way)) {
        count(&m->repeated);
        return RECONCILE_REPEATED;
    }
    count(way == BY_FILE ? &m->by_file : &m->by_port);
    bool told = known || can_be_told(m, way, row->time_ns, frame);
    if (way == BY_FILE && told) {
        m->file_frame = frame;
        m->file_ns = row->time_ns;
    }
    if (known) {
        there->frame_ways |= way;
        count(&m->both);
        return RECONCILE_KNOWN;
    }
    if (!told) {
        count(&m->too_late);
        return RECONCILE_TOO_LATE;
    }
    if (row->time_ns < m->newest_ns)
        count(&m->late);
    else
        m->newest_ns = row->time_ns;
    count(&m->admitted);
    remember(&c, place, (struct seen){ row->time_ns, frame << 2 | way });
    return RECONCILE_NEW;
}

static uint64_t look(const atomic_uint_fast64_t *c) {
    return atomic_load_explicit(c, memory_order_relaxed);
}

struct reconcile_counts reconcile_count(const struct reconcile *r, uint32_t channel_index) {
    const struct memory *m = &r->channels[channel_index];
    return (struct reconcile_counts){ .by_port = look(&m->by_port), .by_file = look(&m->by_file), .both = look(&m->both), .admitted = look(&m->admitted),
                                      .late = look(&m->late), .repeated = look(&m->repeated), .too_late = look(&m->too_late) };
}
