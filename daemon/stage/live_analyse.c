#include "daemon/stage/live_analyse.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/stage/analyse.h"
#include "pulse/cut.h"
#include "pulse/edge_trigger.h"

enum { SECONDS_MAX = INNER_PULSES_MAX, STRETCH = 16 };

struct live_pixel {
    struct analyse_settings settings;
    struct analyse_track track;
    struct edge_trigger trigger;
    uint8_t look;             /* enum live_look */
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
        if (m != NULL && i < m->n_channels && p->settings.model == m->channels[i].model && p->settings.tables == m->tables)
            continue;   /* other triggers alone: baselines go on */
        p->settings = (struct analyse_settings){ .pixel = (uint32_t)i, .causal = true };
        if (m != NULL && i < m->n_channels) {
            p->settings.model = m->channels[i].model;
            p->settings.n_tables = m->n_tables;
            p->settings.tables = m->tables;
        }
        p->track = (struct analyse_track){ .lock = p->track.lock };
        p->trigger.inverted = p->settings.model != NULL && p->settings.model->inverted;
    }
}

void live_analyse_look(struct live_analyse *a, const uint8_t *look) {
    for (size_t i = 0; i < a->n; i++)
        a->pixels[i].look = look[i];
}

static void keep_seconds(const struct live_pixel *p, const struct channel_record *record, const uint32_t *samples, size_t n, struct row_block *into, size_t row) {
    double period_s = p->settings.model != NULL ? p->settings.model->sample_period_s : (double)record->samples.sample_period_s;
    for (size_t k = 0; k < n; k++) {
        int64_t later_ns = llround((samples[k] - (double)record->samples.n_presamples) * period_s * 1e9);
        into->seconds[into->n_seconds++] = (struct inner_event){ .row = row, .time_ns = record->time_ns + later_ns };
    }
}

/* What the samples tell about live time, as channel_events does with recorded ones, by a trigger whose level is known. */
static void look_into(const struct live_pixel *p, const struct channel_record *record, struct row_block *into, size_t row) {
    if (!edge_trigger_fired(&p->trigger, &record->samples))
        into->flags[row] |= ROW_NO_RISE;
    if (p->look & LIVE_LOOK_RISES)
        return;
    uint32_t samples[SECONDS_MAX];
    keep_seconds(p, record, samples, edge_trigger_find(&p->trigger, &record->samples, samples, SECONDS_MAX), into, row);
}

static void look_for_rises(const struct live_pixel *p, const struct channel_record *record, struct row_block *into, size_t row) {
    uint32_t samples[SECONDS_MAX];
    if (p->settings.model != NULL)
        keep_seconds(p, record, samples, pixel_model_inner_pulses(p->settings.model, &record->samples, samples), into, row);
}

static uint8_t row_flags(uint16_t flags) {
    return (uint8_t)(((flags & BLOCK_GAP_BEFORE) != 0 ? ROW_GAP_BEFORE : 0) | ((flags & BLOCK_FROM_FILE) != 0 ? ROW_FROM_FILE : 0) |
                     ((flags & BLOCK_NEW_EPOCH) != 0 ? ROW_NEW_EPOCH : 0) | ((flags & BLOCK_OLD_EPOCH) != 0 ? ROW_OLD_EPOCH : 0));
}

/* Records from..: how many of them are one pixel's and have room. */
static size_t stretch(const struct record_block *block, size_t from, const struct row_block *into) {
    const size_t rows = into->capacity - into->n, searched = (into->second_capacity - into->n_seconds) / SECONDS_MAX;
    size_t most = rows < searched ? rows : searched, n = 0;
    most = most < STRETCH ? most : STRETCH;
    while (n < most && from + n < block->n && block->rows[from + n].pixel == block->rows[from].pixel)
        n++;
    return n;
}

static void measure(const struct live_pixel *p, const struct channel_record *record, uint16_t flags, struct measured_pulse *out) {
    if ((flags & BLOCK_OTHER_BASIS) == 0)
        analyse_measure(&p->settings, record, out);
    else
        *out = (struct measured_pulse){ .height = NAN, .arrival_samples = NAN, .pretrigger_mean = NAN, .residual = NAN, .cuts = CUT_BIT(CUT_SHORT), .time_ns = record->time_ns, .frame = record->frame };
}

/* n records of one pixel: each step for all of them, as steps wait for divisions and tables, and records do not wait for each other. */
static void analyse_stretch(struct live_pixel *p, const struct record_block *block, size_t from, size_t n, struct row_block *into) {
    struct channel_record records[STRETCH];
    const size_t row = into->n;
    const bool known = p->trigger.level > 0, by_trigger = (p->look & LIVE_LOOK_TRIGGER) != 0, by_rises = (p->look & LIVE_LOOK_RISES) != 0;
    for (size_t k = 0; k < n; k++) {
        record_block_get(block, from + k, &records[k]);
        measure(p, &records[k], block->rows[from + k].flags, &into->pulses[row + k]);
        into->flags[row + k] = row_flags(block->rows[from + k].flags);
        if (by_trigger && known && !records[k].coefficients)
            look_into(p, &records[k], into, row + k);   /* while its samples are near */
        if (by_rises && !records[k].coefficients)
            look_for_rises(p, &records[k], into, row + k);
    }
    analyse_next(&p->settings, &p->track, into->pulses + row, n, into->photons);
    into->n += n;
    for (size_t k = 0; by_trigger && !known && k < n; k++)
        if (!records[k].coefficients && edge_trigger_next(&p->trigger, &records[k].samples, into->photons->cuts[row + k] == 0))
            look_into(p, &records[k], into, row + k);
}

size_t live_analyse_block(struct live_analyse *a, const struct record_block *block, size_t from, struct row_block *into) {
    if (into->n == 0)
        into->arrived_ns = block->arrived_ns;
    into->model_version = a->version;
    for (size_t i = from, n; i < block->n; i += n) {
        n = 1;
        if (block->rows[i].pixel >= a->n)
            continue;
        if ((n = stretch(block, i, into)) == 0)
            return i;
        analyse_stretch(&a->pixels[block->rows[i].pixel], block, i, n, into);
    }
    return block->n;
}
