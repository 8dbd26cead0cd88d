#include "daemon/stage/live_analyse.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/stage/analyse.h"
#include "pulse/edge_trigger.h"

enum { SECONDS_MAX = 16 };

struct live_pixel {
    struct analyse_settings settings;
    struct analyse_track track;
    struct edge_trigger trigger;
    bool look;
};

struct live_analyse {
    size_t n;
    uint64_t version;
    struct live_pixel *pixels;
};

bool live_analyse_new(size_t n_pixels, struct live_analyse **out) {
    struct live_analyse *a = calloc(1, sizeof *a);
    struct live_pixel *pixels = calloc(n_pixels + 1, sizeof *pixels);
    if (a == NULL || pixels == NULL) {
        free(a);
        free(pixels);
        return false;
    }
    *a = (struct live_analyse){ .n = n_pixels, .pixels = pixels };
    live_analyse_model(a, NULL, 0);
    *out = a;
    return true;
}

void live_analyse_free(struct live_analyse *a) {
    if (a == NULL)
        return;
    free(a->pixels);
    free(a);
}

void live_analyse_model(struct live_analyse *a, const struct array_model *m, uint64_t version) {
    a->version = version;
    for (size_t i = 0; i < a->n; i++) {
        struct live_pixel *p = &a->pixels[i];
        p->settings = (struct analyse_settings){ .pixel = (uint32_t)i, .causal = true };
        if (m != NULL && i < m->n_channels) {
            p->settings.model = m->channels[i].model;
            p->settings.n_tables = m->n_tables;
            p->settings.tables = m->tables;
        }
        p->track = (struct analyse_track){ 0 };
        p->trigger.inverted = p->settings.model != NULL && p->settings.model->inverted;
    }
}

void live_analyse_look(struct live_analyse *a, const bool *look) {
    for (size_t i = 0; i < a->n; i++)
        a->pixels[i].look = look[i];
}

/* What the samples tell about live time, as channel_events does with recorded ones. */
static void look_into(struct live_pixel *p, const struct channel_record *record, struct row_block *into, size_t row) {
    if (!edge_trigger_next(&p->trigger, &record->samples, into->photons->cuts[row] == 0))
        return;
    if (!edge_trigger_fired(&p->trigger, &record->samples))
        into->flags[row] |= ROW_NO_RISE;
    uint32_t samples[SECONDS_MAX];
    size_t n = edge_trigger_find(&p->trigger, &record->samples, samples, SECONDS_MAX);
    double period_s = p->settings.model != NULL ? p->settings.model->sample_period_s : (double)record->samples.sample_period_s;
    for (size_t k = 0; k < n; k++) {
        int64_t later_ns = llround((samples[k] - (double)record->samples.n_presamples) * period_s * 1e9);
        into->seconds[into->n_seconds++] = (struct inner_event){ .row = row, .time_ns = record->time_ns + later_ns };
    }
}

static uint8_t row_flags(uint16_t flags) {
    return (uint8_t)(((flags & BLOCK_GAP_BEFORE) != 0 ? ROW_GAP_BEFORE : 0) | ((flags & BLOCK_FROM_FILE) != 0 ? ROW_FROM_FILE : 0) |
                     ((flags & BLOCK_NEW_EPOCH) != 0 ? ROW_NEW_EPOCH : 0));
}

/* The next record comes from wherever the I/O thread put it: asked for while this one is analysed. */
static void fetch(const struct block_record *r) {
    const char *at = (const char *)r->samples;
    const size_t bytes = (r->flags & BLOCK_COEFFICIENTS) != 0 ? sizeof *r->off : 2 * (size_t)r->n_samples;
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(at + i);
}

size_t live_analyse_block(struct live_analyse *a, const struct record_block *block, size_t from, struct row_block *into) {
    if (into->n == 0)
        into->arrived_ns = block->arrived_ns;
    into->model_version = a->version;
    for (size_t i = from; i < block->n; i++) {
        if (block->rows[i].pixel >= a->n)
            continue;
        if (into->n == into->capacity || into->second_capacity - into->n_seconds < SECONDS_MAX)
            return i;
        struct live_pixel *p = &a->pixels[block->rows[i].pixel];
        if (i + 1 < block->n)
            fetch(&block->rows[i + 1]);
        struct channel_record record = record_block_at(block, i);
        size_t row = into->n++;
        analyse_measure(&p->settings, &record, &into->pulses[row]);
        analyse_next(&p->settings, &p->track, &into->pulses[row], into->photons);
        into->flags[row] = row_flags(block->rows[i].flags);
        if (p->look && !record.coefficients)
            look_into(p, &record, into, row);
    }
    return block->n;
}
