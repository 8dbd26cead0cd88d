/* An event covers [e - W, e + W). All cover the same length, so they begin and end in the order of events: one queue. Between two of
 * these times the set of covering pixels is constant; where it has more than K members every pixel is vetoed, where it has K
 * exactly, all but the members. */
#include "pulse/coincidence.h"

#include <assert.h>
#include <stdlib.h>

struct covering { int64_t time_ns; uint32_t pixel; };
struct stretch { struct time_span span; bool everyone; };

struct coincidence {
    struct coincidence_settings settings;
    uint32_t *covers;                    /* of each pixel, events that cover `at_ns` */
    uint32_t n_covering;                 /* pixels with any */
    int64_t at_ns;
    struct covering *queue;              /* head .. tail - 1 */
    size_t head, tail, queue_capacity;
    struct stretch *stretches;
    size_t n, capacity;
};

enum status coincidence_new(const struct coincidence_settings *s, struct coincidence **out) {
    if (s->n_pixels == 0 || s->others == 0 || s->window_ns <= 0 || s->hold_ns < 0)
        return STATUS_BAD_VALUE;
    struct coincidence *c = calloc(1, sizeof *c);
    uint32_t *covers = calloc(s->n_pixels, sizeof *covers);
    if (c == NULL || covers == NULL) {
        free(c);
        free(covers);
        return STATUS_NO_MEMORY;
    }
    *c = (struct coincidence){ .settings = *s, .covers = covers, .at_ns = INT64_MIN };
    *out = c;
    return STATUS_OK;
}

void coincidence_free(struct coincidence *c) {
    if (c == NULL)
        return;
    free(c->covers);
    free(c->queue);
    free(c->stretches);
    free(c);
}

static bool keep_stretch(struct coincidence *c, struct stretch s) {
    struct stretch *last = c->n > 0 ? &c->stretches[c->n - 1] : NULL;
    if (last != NULL && last->everyone && s.everyone && last->span.end_ns == s.span.start_ns) {
        last->span.end_ns = s.span.end_ns;
        return true;
    }
    if (c->n == c->capacity || c->stretches == NULL) {
        size_t capacity = c->capacity > 0 ? 2 * c->capacity : 64;
        struct stretch *grown = realloc(c->stretches, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        c->stretches = grown;
        c->capacity = capacity;
    }
    c->stretches[c->n++] = s;
    return true;
}

/* The set of pixels that cover changes at time_ns; it was constant since at_ns. */
static bool come_to(struct coincidence *c, int64_t time_ns) {
    bool good = true;
    if (c->n_covering >= c->settings.others && time_ns > c->at_ns)
        good = keep_stretch(c, (struct stretch){ { c->at_ns, time_ns }, c->n_covering > c->settings.others });
    c->at_ns = time_ns;
    return good;
}

static bool end_covers(struct coincidence *c, int64_t until_ns) {
    bool good = true;
    while (good && c->head < c->tail && c->queue[c->head].time_ns + c->settings.window_ns <= until_ns) {
        struct covering e = c->queue[c->head++];
        good = come_to(c, e.time_ns + c->settings.window_ns);
        c->n_covering -= --c->covers[e.pixel] == 0;
    }
    return good;
}

static bool enqueue(struct coincidence *c, struct covering e) {
    if (c->head > 0 && c->head == c->tail)
        c->head = c->tail = 0;
    if (c->tail == c->queue_capacity && c->head > c->tail / 2) {
        for (size_t i = c->head; i < c->tail; i++)
            c->queue[i - c->head] = c->queue[i];
        c->tail -= c->head;
        c->head = 0;
    }
    if (c->tail == c->queue_capacity) {
        size_t capacity = c->queue_capacity > 0 ? 2 * c->queue_capacity : 256;
        struct covering *grown = realloc(c->queue, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        c->queue = grown;
        c->queue_capacity = capacity;
    }
    c->queue[c->tail++] = e;
    return true;
}

bool coincidence_add(struct coincidence *c, int64_t time_ns, uint32_t pixel) {
    assert(pixel < c->settings.n_pixels);
    int64_t from_ns = time_ns - c->settings.window_ns;
    if (!end_covers(c, from_ns) || !come_to(c, from_ns))
        return false;
    c->n_covering += c->covers[pixel]++ == 0;
    return enqueue(c, (struct covering){ time_ns, pixel });
}

bool coincidence_settle(struct coincidence *c) {
    return end_covers(c, INT64_MAX);
}

bool coincidence_spans(const struct coincidence *c, const int64_t *own_ns, size_t n, struct time_spans *out) {
    size_t k = 0;
    bool good = true;
    for (size_t i = 0; good && i < c->n; i++) {
        struct time_span s = c->stretches[i].span;
        while (k < n && own_ns[k] <= s.start_ns - c->settings.window_ns)
            k++;
        bool member = k < n && own_ns[k] <= s.start_ns + c->settings.window_ns;
        if (c->stretches[i].everyone || !member)
            good = time_spans_add(out, (struct time_span){ s.start_ns, s.end_ns + c->settings.hold_ns });
    }
    return good;
}
