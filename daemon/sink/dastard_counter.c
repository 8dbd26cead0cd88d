#include "daemon/sink/dastard_counter.h"

#include <stdlib.h>
#include <string.h>

bool dastard_counter_init(struct dastard_counter *c, uint32_t n_channels, double period_s) {
    uint64_t *counts = calloc(n_channels, sizeof *counts), *next = calloc(n_channels, sizeof *next);
    if (counts == NULL || next == NULL) {
        free(counts);
        free(next);
        return false;
    }
    *c = (struct dastard_counter){.period_s = period_s, .n_channels = n_channels, .counts = counts, .next = next};
    return true;
}

void dastard_counter_done(struct dastard_counter *c) {
    free(c->counts);
    free(c->next);
    *c = (struct dastard_counter){0};
}

void dastard_counter_restart(struct dastard_counter *c) {
    memset(c->counts, 0, c->n_channels * sizeof *c->counts);
    memset(c->next, 0, c->n_channels * sizeof *c->next);
    c->second = 0;
}

static int64_t second_of(const struct dastard_counter *c, int64_t frame) {
    return (int64_t)((double)frame * c->period_s);
}

void dastard_counter_add(struct dastard_counter *c, const struct dastard_record *records, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct dastard_message *m = &records[i].message;
        if (!records[i].secondary)
            (second_of(c, m->record.trigger_frame) > c->second ? c->next : c->counts)[m->channel_index]++;
    }
}

bool dastard_counter_ready(const struct dastard_counter *c, int64_t frame) {
    return second_of(c, frame) > c->second;
}

void dastard_counter_next(struct dastard_counter *c) {
    uint64_t *done = c->counts;
    c->counts = c->next;
    c->next = done;
    memset(done, 0, c->n_channels * sizeof *done);
    c->second++;
}
