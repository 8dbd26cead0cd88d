#include "daemon/measured_channel.h"

#include <assert.h>

enum { BATCH = 64 };   /* pulses that become rows together */

size_t measured_channel_bytes(size_t most, bool causal) {
    const size_t each = sizeof(float) + sizeof(bool), pulses = causal ? BATCH : most;
    return pulses * sizeof(struct measured_pulse) + (causal ? 0 : most * sizeof(struct channel_place)) + most * each;
}

struct measured_channel measured_channel_in(void *memory, size_t most, bool causal) {
    struct measured_channel m = { .most = most, .causal = causal, .pulses = memory };
    void *behind = m.pulses + (causal ? BATCH : most);
    if (!causal) {
        m.places = behind;
        behind = m.places + most;
    }
    m.residual = behind;
    behind = m.residual + most;
    m.gap_before = behind;
    return m;
}

/* One pass. */
struct walk {
    struct measured_channel *m;
    const struct analyse_settings *settings;
    struct photon_block *block;
    struct analyse_track track;
    size_t in_batch;                  /* pulses that are no rows yet; causal */
};

static void make_rows(struct walk *w) {
    struct measured_channel *m = w->m;
    for (size_t i = 0; i < w->in_batch; i++)
        m->residual[m->n - w->in_batch + i] = m->pulses[i].residual;
    analyse_next(w->settings, &w->track, m->pulses, w->in_batch, w->block);
    w->in_batch = 0;
}

static void measure(struct walk *w, const struct channel_record *record, bool gap_before, struct channel_place place) {
    struct measured_channel *m = w->m;
    analyse_measure(w->settings, record, &m->pulses[m->causal ? w->in_batch : m->n]);
    m->gap_before[m->n] = gap_before;
    if (!m->causal)
        m->places[m->n] = place;
    m->n++;
    if (m->causal && ++w->in_batch == BATCH)
        make_rows(w);
}

static void measure_run(struct walk *w, struct channel_run *run) {
    struct channel_record *record = &run->record;
    const uint8_t *samples = (const uint8_t *)record->samples.samples;
    for (size_t i = 0; i < run->n; i++) {
        record->samples.samples = (const sample_u16 *)(samples + i * run->record_bytes);
        record->time_ns = record->samples.trigger_time_ns = run->stamps[i].time_ns;
        record->frame = record->samples.trigger_frame = run->stamps[i].frame;
        measure(w, record, run->gap_before[i], (struct channel_place){ run->place.where + i * run->record_bytes, run->place.file });
    }
}

static void walk(struct measured_channel *m, const struct analyse_settings *settings, struct channel_reader *reader, struct photon_block *block) {
    struct walk w = { .m = m, .settings = settings, .block = block };
    struct channel_run run;
    m->n = block->n = 0;
    while (m->n < m->most) {
        channel_reader_run(reader, m->most - m->n, &run);
        if (run.n > 0)
            measure_run(&w, &run);
        else if (channel_reader_next(reader, &run.record))
            measure(&w, &run.record, run.record.gap_before, channel_reader_place(reader));
        else
            break;
    }
    if (m->causal)
        make_rows(&w);
    else
        analyse_rows(settings, m->pulses, m->n, block);
}

bool measured_channel_read(struct measured_channel *m, const struct analyse_settings *settings, struct channel_reader *reader, struct photon_block *block) {
    assert(m->causal == settings->causal && block->capacity >= m->most);
    do
        walk(m, settings, reader, block);
    while (!channel_reader_ordered(reader) && channel_reader_sort(reader));
    measured_channel_residuals(m);
    return channel_reader_ordered(reader);
}

void measured_channel_residuals(struct measured_channel *m) {
    for (size_t i = 0; i < m->n && !m->causal; i++)
        m->residual[i] = m->pulses[i].residual;
}
