#include "daemon/channel_events.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/row_block.h"
#include "pulse/cut.h"
#include "pulse/edge_trigger.h"
#include "pulse/pixel_model.h"

static void mark_all_secondary(struct photon_block *b) {
    for (size_t i = 0; i < b->n; i++)
        b->cuts[i] |= CUT_BIT(CUT_SECONDARY);
}

/* Records without a cut, taken evenly over the run. */
static bool learn_level(struct channel_reader *reader, const struct photon_block *b, struct edge_trigger *t) {
    size_t step = b->n / EDGE_TRIGGER_RECORDS + 1;
    struct channel_record record;
    channel_reader_rewind(reader);
    for (size_t i = 0; i < b->n && channel_reader_next(reader, &record); i++)
        if (i % step == 0 && b->cuts[i] == 0)
            edge_trigger_learn(t, &record.samples);
    return edge_trigger_settle(t);
}

static bool keep_second(struct channel_events *e, struct inner_event s) {
    if (e->n_seconds == e->capacity) {
        size_t capacity = e->capacity ? 2 * e->capacity : 64;
        struct inner_event *grown = realloc(e->seconds, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        e->seconds = grown;
        e->capacity = capacity;
    }
    e->seconds[e->n_seconds++] = s;
    return true;
}

/* Those that the trigger would have seen: the edge trigger by its own level, the others by the model's. */
static bool keep_seconds(struct channel_events *e, const struct edge_trigger *t, const struct pixel_model *m, const struct channel_record *record, double period_s, size_t row) {
    uint32_t samples[INNER_PULSES_MAX];
    size_t n = e->kind == TRIGGER_KIND_EDGE ? edge_trigger_find(t, &record->samples, samples, INNER_PULSES_MAX) : m != NULL ? pixel_model_inner_pulses(m, &record->samples, samples) : 0;
    bool good = true;
    for (size_t k = 0; good && k < n; k++) {
        int64_t later_ns = llround((samples[k] - (double)record->samples.n_presamples) * period_s * 1e9);
        good = keep_second(e, (struct inner_event){ .row = row, .time_ns = record->time_ns + later_ns });
    }
    return good;
}

/* Everything that needs the samples. Where the level is not known before, it is learnt on the way. */
static bool look_into_records(struct channel_reader *reader, struct trigger_mode mode, struct edge_trigger *t, const struct pixel_model *m, struct photon_block *b,
                              struct channel_events *e) {
    const bool lossy = trigger_kind_lossy(e->kind);
    double period_s = channel_reader_info(reader)->shape.sample_period_s;
    struct channel_record record;
    bool good = true;
    channel_reader_rewind(reader);
    for (size_t i = 0; good && i < b->n && channel_reader_next(reader, &record); i++) {
        const bool known = (!lossy || mode.automatic) && edge_trigger_next(t, &record.samples, b->cuts[i] == 0);
        if (known && mode.automatic && !edge_trigger_fired(t, &record.samples))
            b->cuts[i] |= CUT_BIT(CUT_SECONDARY);
        else if (lossy || (known && e->kind == TRIGGER_KIND_EDGE))
            good = keep_seconds(e, t, m, &record, period_s, i);
    }
    return good;
}

static bool has_samples(const struct channel_reader *reader) {
    const struct source_info *info = channel_reader_info(reader);
    return info != NULL && !info->shape.coefficients;
}

static uint32_t samples_of(const struct channel_reader *reader) {
    const struct source_info *info = channel_reader_info(reader);
    return info != NULL ? info->shape.n_samples : 0;
}

bool channel_events_find(struct channel_reader *reader, struct trigger_mode mode, const struct pixel_model *model, bool causal, struct photon_block *block, struct channel_events *out) {
    struct channel_events e = { .kind = mode.kind };
    bool good = true;
    if (mode.secondary)
        mark_all_secondary(block);
    if (e.kind == TRIGGER_KIND_UNKNOWN)
        e.kind = trigger_kind_of_frames(block->frame, block->n, samples_of(reader));
    if ((trigger_kind_hides(e.kind) || mode.automatic) && !mode.secondary && has_samples(reader)) {
        struct edge_trigger *t = calloc(1, sizeof *t);
        good = t != NULL;
        if (good)
            t->inverted = model != NULL && model->inverted;
        const bool learn = good && !causal && (e.kind == TRIGGER_KIND_EDGE || mode.automatic);
        if (good && (!learn || learn_level(reader, block, t) || trigger_kind_lossy(e.kind)))
            good = look_into_records(reader, mode, t, model, block, &e);
        free(t);
    }
    if (!good) {
        channel_events_done(&e);
        return false;
    }
    *out = e;
    return true;
}

void channel_events_kept(struct trigger_mode mode, uint32_t n_samples, const uint8_t *flags, struct inner_event *seconds, size_t n_seconds,
                         struct photon_block *b, struct channel_events *out) {
    *out = (struct channel_events){ .kind = mode.kind, .seconds = seconds, .n_seconds = n_seconds, .capacity = n_seconds };
    if (mode.secondary)
        mark_all_secondary(b);
    if (out->kind == TRIGGER_KIND_UNKNOWN)
        out->kind = trigger_kind_of_frames(b->frame, b->n, n_samples);
    if (!trigger_kind_hides(out->kind) || mode.secondary)
        out->n_seconds = 0;
    size_t kept = 0;
    for (size_t i = 0, k = 0; i < b->n; i++) {
        bool automatic = mode.automatic && !mode.secondary && (flags[i] & ROW_NO_RISE) != 0;
        b->cuts[i] |= automatic ? CUT_BIT(CUT_SECONDARY) : 0;
        for (; k < out->n_seconds && seconds[k].row == i; k++)
            if (!automatic)
                seconds[kept++] = seconds[k];
    }
    out->n_seconds = kept;
}

void channel_events_done(struct channel_events *e) {
    free(e->seconds);
    *e = (struct channel_events){ 0 };
}
