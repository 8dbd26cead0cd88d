#include "daemon/channel_rows.h"

#include <string.h>

#include "daemon/crowded_pulses.h"
#include "daemon/measured_channel.h"

struct analyse_settings channel_rows_settings(const struct channel_rows_work *w, size_t pixel) {
    const struct array_model *m = w->model;
    struct analyse_settings s = { .pixel = (uint32_t)pixel, .model = m->channels[pixel].model, .n_tables = m->n_tables, .tables = m->tables, .lock = w->lock, .causal = w->causal };
    if (m->neighbours != NULL && !w->causal && m->neighbours->of[pixel].used) {
        s.neighbours = &m->neighbours->of[pixel];
        s.mains = m->neighbours->mains;
    }
    return s;
}

/* At once, or when the events of the whole array are known. */
static bool grade_or_wait(const struct channel_rows_work *w, size_t pixel, const bool *gaps, size_t n, struct channel_rows *rows) {
    if (w->array == NULL)
        return grading_rows(w->grading, pixel, gaps, NULL, rows->block);
    if (!scratch_take(w->scratch, n + 1, &rows->gaps))
        return false;
    memcpy(rows->gaps.data, gaps, n * sizeof *gaps);
    return true;
}

static bool grade_and_watch(const struct channel_rows_work *w, const struct analyse_settings *settings, struct channel_reader *reader, struct measured_channel *m, struct channel_rows *out) {
    size_t n_seconds, pixel = settings->pixel;
    bin_stage_place(w->bins, out->block);
    if (!grading_events(w->grading, pixel, reader, w->causal, out->block))
        return false;
    const struct inner_event *seconds = grading_seconds(w->grading, pixel, &n_seconds);
    if (!w->causal && grading_unseen(w->grading, pixel))
        crowded_pulses_measure_unseen(settings, reader, m->places, m->pulses, out->block);
    else if (!w->causal)
        crowded_pulses_measure(settings, reader, m->places, grading_windows(w->grading, pixel), seconds, n_seconds, m->pulses, out->block);
    measured_channel_residuals(m);
    return grade_or_wait(w, pixel, m->gap_before, m->n, out) && monitoring_channel(w->monitoring, w->scratch, pixel, m->residual, out->block);
}

static void make_read(const struct channel_rows_work *w, const struct analyse_settings *settings, struct channel_reader *reader, struct channel_rows *out) {
    const size_t most = channel_reader_most(reader) + 1, bytes = photon_block_bytes(most);
    struct scratch_piece piece = { 0 };
    if (bytes == 0 || !scratch_take(w->scratch, measured_channel_bytes(most, settings->causal), &piece))
        return;
    if (scratch_take(w->scratch, bytes, &out->room)) {
        struct measured_channel m = measured_channel_in(piece.data, most, settings->causal);
        out->block = photon_block_in(out->room.data, most);
        bool measured = measured_channel_read(&m, settings, reader, out->block);
        out->counts = channel_reader_counts(reader);   /* of a whole pass: grading may walk again and stop early */
        if (!measured || !grade_and_watch(w, settings, reader, &m, out))
            out->block = NULL;
    }
    scratch_give(w->scratch, &piece);
}

/* The same of pulses that were measured when their records came. */
static bool rows_of_stored(const struct channel_rows_work *w, const struct analyse_settings *settings, struct stored_channel *c, struct measured_pulse *pulses, float *residual, struct channel_rows *out) {
    struct kept_rows kept = { .gap_before = c->gaps, .flags = c->flags, .seconds = c->seconds, .n_seconds = c->n_seconds };
    if (!scratch_take(w->scratch, photon_block_bytes(c->n + 1), &out->room))
        return false;
    out->block = photon_block_in(out->room.data, c->n + 1);
    analyse_rows(settings, pulses, c->n, out->block);
    for (size_t i = 0; i < c->n; i++)
        residual[i] = pulses[i].residual;
    bin_stage_place(w->bins, out->block);
    c->seconds = NULL;   /* taken over */
    return grading_events_kept(w->grading, settings->pixel, w->stored->n_samples, &kept, out->block) && grade_or_wait(w, settings->pixel, c->gaps, c->n, out) &&
           monitoring_channel(w->monitoring, w->scratch, settings->pixel, residual, out->block);
}

static void make_stored(const struct channel_rows_work *w, const struct analyse_settings *settings, struct channel_rows *out) {
    const struct reprocess_stored *from = w->stored;
    int64_t first_ns, last_ns;
    size_t most = pulse_store_most(from->pulses, from->pixel_of[settings->pixel], &first_ns, &last_ns) + 1;
    struct scratch_piece room = { 0 };
    struct stored_channel c;
    if (!scratch_take(w->scratch, most * (sizeof(struct measured_pulse) + sizeof(float)), &room))
        return;
    struct measured_pulse *pulses = room.data;
    if (pulse_store_channel(from->pulses, from->pixel_of[settings->pixel], from->sample_period_s, pulses, &c)) {
        out->counts = c.counts;
        if (!rows_of_stored(w, settings, &c, pulses, (float *)(pulses + most), out))
            out->block = NULL;
        stored_channel_done(&c);
    }
    scratch_give(w->scratch, &room);
}

void channel_rows_make(const struct channel_rows_work *w, size_t pixel, struct channel_rows *out) {
    struct channel_reader *reader;
    struct analyse_settings settings = channel_rows_settings(w, pixel);
    if (w->stored != NULL) {
        make_stored(w, &settings, out);
        return;
    }
    if (!channel_reader_open(&w->beamtime->pulses.channels[pixel], (uint32_t)pixel, &reader))
        return;
    make_read(w, &settings, reader, out);
    channel_reader_close(reader);
}

void channel_rows_grade(const struct channel_rows_work *w, size_t pixel, struct channel_rows *rows) {
    struct time_spans vetoes = { 0 };
    bool good = rows->block != NULL && array_events_vetoes(w->array, pixel, &vetoes) && grading_rows(w->grading, pixel, rows->gaps.data, &vetoes, rows->block);
    time_spans_done(&vetoes);
    scratch_give(w->scratch, &rows->gaps);
    if (!good)
        rows->block = NULL;
}

void channel_rows_free(const struct channel_rows_work *w, struct channel_rows *rows) {
    scratch_give(w->scratch, &rows->room);
    scratch_give(w->scratch, &rows->gaps);
}
