#include "pulse/edge_trigger.h"

#include <math.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "pulse/robust.h"

enum { SPAN = 3 };

static int32_t difference(bool inverted, const sample_u16 *d, uint32_t i) {
    int32_t rise = (int16_t)(d[i] - d[i - 2]) + (int16_t)(d[i - 1] - d[i - SPAN]);   /* right across a wrap, too */
    return inverted ? -rise : rise;
}

int32_t edge_rule_difference(bool inverted, const struct pulse_record *record, uint32_t sample) {
    return difference(inverted, record->samples, sample);
}

static bool has_room(const struct pulse_record *r) {
    return r->n_presamples > SPAN && r->n_presamples < r->n_samples;
}

void edge_trigger_learn(struct edge_trigger *t, const struct pulse_record *record) {
    if (t->n == EDGE_TRIGGER_RECORDS || !has_room(record))
        return;
    t->before[t->n] = (float)difference(t->inverted, record->samples, record->n_presamples - 1);
    t->fired[t->n] = (float)difference(t->inverted, record->samples, record->n_presamples);
    t->n++;
}

bool edge_trigger_settle(struct edge_trigger *t) {
    double before[EDGE_TRIGGER_RECORDS], fired[EDGE_TRIGGER_RECORDS];
    if (t->n < EDGE_TRIGGER_ENOUGH)
        return false;
    for (uint32_t i = 0; i < t->n; i++) {
        before[i] = (double)t->before[i];
        fired[i] = (double)t->fired[i];
    }
    t->level = 0.5 * (robust_quantile(before, t->n, 0.99) + robust_quantile(fired, t->n, 0.01));
    return t->level > 0;
}

bool edge_trigger_next(struct edge_trigger *t, const struct pulse_record *record, bool good) {
    if (t->level > 0)
        return true;
    if (good)
        edge_trigger_learn(t, record);
    if (t->n == EDGE_TRIGGER_FIRST && !edge_trigger_settle(t))
        t->n = 0;
    return false;
}

bool edge_trigger_fired(const struct edge_trigger *t, const struct pulse_record *record) {
    if (!has_room(record))
        return false;
    for (uint32_t i = record->n_presamples; i < record->n_samples && i < record->n_presamples + SPAN; i++)
        if (difference(t->inverted, record->samples, i) >= t->level)
            return true;
    return false;
}

/* Takes sample i, where the level is reached, if the rise of the pulse before is over: between the two the difference was no rise at all. While it
 * only falls below the level, at the pulse's own maximum, noise lifts it over the level again and again. Returns how many are kept. */
static size_t keep(const struct edge_rule *t, const struct pulse_record *r, uint32_t i, uint32_t *samples, size_t n) {
    const uint32_t before = n > 0 ? samples[n - 1] : r->n_presamples;
    uint32_t k = i - 1;
    while (k > before && difference(t->inverted, r->samples, k) > 0)
        k--;
    samples[n] = i;
    return n + (k > before);
}

#ifdef __SSE2__
/* All bits where the difference reaches the level, at eight samples from d on. Sums that do not fit 16 bits saturate, which no level up to INT16_MAX can
 * tell from the truth. past: the level less 1, or with inverted pulses 1 less the level: differences are whole. */
static inline __m128i high_eight(bool inverted, __m128i past, const sample_u16 *d) {
    const __m128i now = _mm_loadu_si128((const __m128i *)(const void *)d), one = _mm_loadu_si128((const __m128i *)(const void *)(d - 1));
    const __m128i two = _mm_loadu_si128((const __m128i *)(const void *)(d - 2)), three = _mm_loadu_si128((const __m128i *)(const void *)(d - SPAN));
    const __m128i rise = _mm_adds_epi16(_mm_sub_epi16(now, two), _mm_sub_epi16(one, three));
    return inverted ? _mm_cmpgt_epi16(past, rise) : _mm_cmpgt_epi16(rise, past);
}

/* Bit k: at sample d[k], k = 0..15. */
static inline uint32_t high_mask(bool inverted, __m128i past, const sample_u16 *d) {
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(high_eight(inverted, past, d), high_eight(inverted, past, d + 8)));
}

/* Whether nothing in the 64 samples from d on can reach the level: it is the sum of two differences over two samples each, one of which would have to
 * be half of it. half: that, less 1, or with inverted pulses 1 less that. True of nearly all of a record, and a third of the work. */
static inline bool all_low(bool inverted, __m128i half, const sample_u16 *d) {
    __m128i most = inverted ? _mm_set1_epi16(INT16_MAX) : _mm_set1_epi16(INT16_MIN);
    for (int k = 0; k < 9; k++) {   /* the differences at d - 1 to d + 63; the last eight overlap */
        const sample_u16 *at = d - 1 + (k < 8 ? 8 * k : 57);
        const __m128i two = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)(const void *)at), _mm_loadu_si128((const __m128i *)(const void *)(at - 2)));
        most = inverted ? _mm_min_epi16(most, two) : _mm_max_epi16(most, two);
    }
    return _mm_movemask_epi8(inverted ? _mm_cmpgt_epi16(half, most) : _mm_cmpgt_epi16(most, half)) == 0;
}

struct walk { bool inverted; __m128i past, half; uint32_t carry; size_t n, max; uint32_t *samples; };

/* Sixteen samples of which the last sixteen - seen, from i on, have not been looked at: where they begin to be high; carry: the sample before is. */
static inline void look_at_sixteen(struct walk *w, const struct edge_rule *t, const struct pulse_record *r, uint32_t i, uint32_t seen) {
    const uint32_t high = high_mask(w->inverted, w->past, r->samples + i - seen) >> seen;
    for (uint32_t edges = high & ~(high << 1 | w->carry); edges != 0 && w->n < w->max; edges &= edges - 1)
        w->n = keep(t, r, i + (uint32_t)__builtin_ctz(edges), w->samples, w->n);
    w->carry = high >> 15;
}

static __m128i beyond(bool inverted, int32_t least) { return _mm_set1_epi16((int16_t)(inverted ? 1 - least : least - 1)); }

/* All from sample first on, at least sixteen; the sample before counts as high. The last ones are looked at again rather than one by one. Edges are rare. */
static size_t find_by_sixteens(const struct edge_rule *t, const struct pulse_record *r, uint32_t first, uint32_t *samples, size_t max) {
    const int32_t least = (int32_t)ceil(t->level);
    struct walk w = { t->inverted, beyond(t->inverted, least), beyond(t->inverted, (least + 1) / 2), true, 0, max, samples };
    const uint32_t end = r->n_samples;
    uint32_t i = first;
    while (i < end) {
        const uint32_t last = i + 64 < end ? i + 64 : end;
        if (last - first >= 64 && all_low(w.inverted, w.half, r->samples + last - 64)) {
            w.carry = 0;
            i = last;
            continue;
        }
        for (; i + 16 <= last; i += 16)
            look_at_sixteen(&w, t, r, i, 0);
        if (i < last)
            look_at_sixteen(&w, t, r, i, 16 - (last - i));
        i = last;
    }
    return w.n;
}
#endif

size_t edge_rule_find(struct edge_rule rule, const struct pulse_record *record, uint32_t *samples, size_t max) {
    size_t n = 0;
    if (!has_room(record))
        return 0;
    bool was = true;
    const uint32_t first = record->n_presamples + 1;
#ifdef __SSE2__
    if (rule.level > 0 && rule.level <= INT16_MAX && record->n_samples - first >= 16)
        return find_by_sixteens(&rule, record, first, samples, max);
#endif
    for (uint32_t i = first; i < record->n_samples && n < max; i++) {
        const bool now = difference(rule.inverted, record->samples, i) >= rule.level;
        if (now && !was)
            n = keep(&rule, record, i, samples, n);
        was = now;
    }
    return n;
}

size_t edge_trigger_find(const struct edge_trigger *t, const struct pulse_record *record, uint32_t *samples, size_t max) {
    return edge_rule_find((struct edge_rule){ t->inverted, t->level }, record, samples, max);
}
