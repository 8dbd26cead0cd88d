#include "pulse/edge_trigger.h"

#include "pulse/robust.h"

enum { SPAN = 3 };

static int32_t difference(const struct edge_trigger *t, const sample_u16 *d, uint32_t i) {
    int32_t rise = (int16_t)(d[i] - d[i - 2]) + (int16_t)(d[i - 1] - d[i - SPAN]);   /* right across a wrap, too */
    return t->inverted ? -rise : rise;
}

static bool has_room(const struct pulse_record *r) {
    return r->n_presamples > SPAN && r->n_presamples < r->n_samples;
}

void edge_trigger_learn(struct edge_trigger *t, const struct pulse_record *record) {
    if (t->n == EDGE_TRIGGER_RECORDS || !has_room(record))
        return;
    t->before[t->n] = (float)difference(t, record->samples, record->n_presamples - 1);
    t->fired[t->n] = (float)difference(t, record->samples, record->n_presamples);
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
        if (difference(t, record->samples, i) >= t->level)
            return true;
    return false;
}

size_t edge_trigger_find(const struct edge_trigger *t, const struct pulse_record *record, uint32_t *samples, size_t max) {
    size_t n = 0;
    if (!has_room(record))
        return 0;
    bool high = true;
    for (uint32_t i = record->n_presamples + 1; i < record->n_samples && n < max; i++) {
        bool now = difference(t, record->samples, i) >= t->level;
        if (now && !high)
            samples[n++] = i;
        high = now;
    }
    return n;
}
