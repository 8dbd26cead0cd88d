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

#ifdef __SSE2__
/* First i in [from, n) that may reach the level; n: none. Eight differences at once; sums that do not fit 16 bits saturate, which no level
 * up to INT16_MAX can tell from the truth. */
static uint32_t next_high(const struct edge_rule *t, const sample_u16 *d, uint32_t from, uint32_t n) {
    if (t->level > INT16_MAX)
        return from;
    const int16_t least = (int16_t)(int32_t)ceil(t->level);   /* differences are whole */
    const __m128i above = _mm_set1_epi16((int16_t)(least - 1)), under = _mm_set1_epi16((int16_t)(1 - least));
    uint32_t i = from;
    for (; i + 8 <= n; i += 8) {
        __m128i now = _mm_loadu_si128((const __m128i *)(const void *)(d + i)), one = _mm_loadu_si128((const __m128i *)(const void *)(d + i - 1));
        __m128i two = _mm_loadu_si128((const __m128i *)(const void *)(d + i - 2)), three = _mm_loadu_si128((const __m128i *)(const void *)(d + i - SPAN));
        __m128i a = _mm_sub_epi16(now, two), b = _mm_sub_epi16(one, three);
        __m128i rise = _mm_adds_epi16(a, b);
        int hits = _mm_movemask_epi8(t->inverted ? _mm_cmplt_epi16(rise, under) : _mm_cmpgt_epi16(rise, above));
        if (hits != 0)
            return i + (uint32_t)__builtin_ctz((unsigned)hits) / 2;
    }
    return i;
}
#else
static uint32_t next_high(const struct edge_rule *t, const sample_u16 *d, uint32_t from, uint32_t n) {
    (void)t;
    (void)d;
    (void)n;
    return from;
}
#endif

size_t edge_rule_find(struct edge_rule rule, const struct pulse_record *record, uint32_t *samples, size_t max) {
    size_t n = 0;
    if (!has_room(record))
        return 0;
    bool high = true;
    for (uint32_t i = record->n_presamples + 1; i < record->n_samples && n < max; i++) {
        if (!high && (i = next_high(&rule, record->samples, i, record->n_samples)) >= record->n_samples)
            break;
        bool now = difference(rule.inverted, record->samples, i) >= rule.level;
        if (now && !high)
            samples[n++] = i;
        high = now;
    }
    return n;
}

size_t edge_trigger_find(const struct edge_trigger *t, const struct pulse_record *record, uint32_t *samples, size_t max) {
    return edge_rule_find((struct edge_rule){ t->inverted, t->level }, record, samples, max);
}
