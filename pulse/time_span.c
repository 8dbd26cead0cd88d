#include "pulse/growing_list.h"
#include "pulse/time_span.h"

#include <stdlib.h>

bool time_spans_add(struct time_spans *s, struct time_span span) {
    if (span.end_ns <= span.start_ns)
        return true;
    struct time_span *last = s->n > 0 ? &s->list[s->n - 1] : NULL;
    if (last != NULL && span.start_ns <= last->end_ns) {
        last->end_ns = span.end_ns > last->end_ns ? span.end_ns : last->end_ns;
        return true;
    }
    struct time_span *list = growing_list_room(s->list, s->n, &s->capacity, sizeof *list, 64);
    if (list == NULL)
        return false;
    s->list = list;
    s->list[s->n++] = span;
    return true;
}

bool time_spans_join(const struct time_spans *a, const struct time_spans *b, struct time_spans *out) {
    size_t i = 0, j = 0;
    struct time_spans joined = { 0 };
    while (i < a->n || j < b->n) {
        bool first = j == b->n || (i < a->n && a->list[i].start_ns <= b->list[j].start_ns);
        if (!time_spans_add(&joined, first ? a->list[i++] : b->list[j++])) {
            time_spans_done(&joined);
            *out = joined;
            return false;
        }
    }
    *out = joined;
    return true;
}

void time_spans_keep(struct time_spans *s, const struct time_span *where, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t k = time_span_after(where, n, s->list[i].start_ns);
        if (k < n && where[k].start_ns < s->list[i].end_ns)
            s->list[kept++] = s->list[i];
    }
    s->n = kept;
}

size_t time_span_after(const struct time_span *spans, size_t n, int64_t time_ns) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (spans[middle].end_ns <= time_ns)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

void time_spans_done(struct time_spans *s) {
    free(s->list);
    *s = (struct time_spans){ 0 };
}
