/* pulse/time_span.h - stretches of time [start, end), in ns since 1970 UTC, and ordered lists of them. */
#ifndef TESD_PULSE_TIME_SPAN_H
#define TESD_PULSE_TIME_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct time_span { int64_t start_ns, end_ns; };

/* By time, disjoint and apart. Zeros: none. Owns its list. */
struct time_spans { struct time_span *list; size_t n, capacity; };

/* Spans come by their start; one that meets or overlaps the last is joined to it, an empty one is nothing. False: no memory. */
bool time_spans_add(struct time_spans *s, struct time_span span);
/* What is in a or in b. False: no memory; *out is empty then. */
bool time_spans_join(const struct time_spans *a, const struct time_spans *b, struct time_spans *out);
/* Keeps of s what meets one of `where` (ordered, disjoint). */
void time_spans_keep(struct time_spans *s, const struct time_span *where, size_t n);
/* The first of n ordered spans that ends after time_ns; n when none does. */
size_t time_span_after(const struct time_span *spans, size_t n, int64_t time_ns);
void time_spans_done(struct time_spans *s);

#endif
