#include "daemon/crowded_pulses.h"

#include <math.h>

#include "pulse/gap_filter.h"

struct walk {
    const struct livetime_table *windows;
    const struct inner_event *seconds;
    size_t n_seconds, second;
    bool begun;
    int64_t anchor_ns;               /* where the blindness of the event before ends */
    double jumped;                   /* counts that the baseline stands beside its smooth since a jump: of the last good pulse */
};

/* The next event behind row i: a pulse inside its own record, else the next primary row. INT64_MAX: none. */
static int64_t next_event_ns(struct walk *w, const struct photon_block *b, size_t i) {
    while (w->second < w->n_seconds && w->seconds[w->second].row < i)
        w->second++;
    if (w->second < w->n_seconds && w->seconds[w->second].row == i)
        return w->seconds[w->second].time_ns;
    for (size_t k = i + 1; k < b->n; k++)
        if ((b->cuts[k] & CUT_BIT(CUT_SECONDARY)) == 0)
            return b->time_ns[k];
    return INT64_MAX;
}

/* What neighbours in time gave stays: the baseline. */
static void take(const struct analyse_settings *s, const struct measured_pulse *m, const struct walk *w, struct measured_pulse *pulse, struct photon_block *b, size_t i) {
    pulse->height = m->height;
    pulse->arrival_samples = m->arrival_samples;
    pulse->residual = m->residual;
    pulse->cuts = m->cuts;
    pulse->noise_factor = m->noise_factor;
    pulse->on_tail = m->on_tail;
    pulse->tail_share = m->tail_share;
    if (m->on_tail && isfinite(pulse->baseline))
        pulse->baseline_offset = (float)((double)pulse->pretrigger_mean - (double)pulse->slow_counts - w->jumped - (double)pulse->baseline);
    analyse_row_again(s, pulse, b, i);
}

enum { GRADES_BY_BOX_HIGH = 0, GRADES_BY_BOX_TAIL = 2 };

static bool stands_on_tail(const struct walk *w, int64_t time_ns) {
    int64_t before_ns = time_ns - w->anchor_ns;
    return w->begun && before_ns >= w->windows->boxes[GRADES_BY_BOX_TAIL].before_lo_ns && before_ns < w->windows->boxes[GRADES_BY_BOX_HIGH].before_lo_ns;
}

static void look_at(const struct analyse_settings *s, struct channel_reader *reader, struct channel_place place, struct walk *w, struct measured_pulse *pulses,
                    struct photon_block *b, size_t i) {
    double sample_ns = 1e9 * s->model->sample_period_s, post_ns = (s->model->n_samples - s->model->n_presamples) * sample_ns;
    int64_t next_ns = next_event_ns(w, b, i), time_ns = b->time_ns[i];
    double gap_ns = next_ns > time_ns ? (double)(next_ns - time_ns) : 0;
    bool followed = gap_ns < post_ns && s->model->gaps != NULL, on_tail = gap_ns >= post_ns && stands_on_tail(w, time_ns);
    struct channel_record record;
    struct measured_pulse m;
    if ((!followed && !on_tail) || !channel_reader_again(reader, place, &record) || record.coefficients)
        return;
    if (on_tail)
        pixel_model_measure_tail(s->model, &record.samples, &m);
    else if (!gap_filters_measure(s->model, &record.samples, gap_ns / sample_ns, &m))
        return;
    take(s, &m, w, &pulses[i], b, i);
}

/* Before its row is measured again: what the next ones on tails are held to. */
static void follow_jump(struct walk *w, const struct measured_pulse *p) {
    if (p->cuts == 0 && isfinite(p->baseline))
        w->jumped = (double)p->pretrigger_mean - (double)p->slow_counts - (double)p->baseline - (double)p->baseline_offset;
}

void crowded_pulses_measure_unseen(const struct analyse_settings *s, struct channel_reader *reader, const struct channel_place *places, struct measured_pulse *pulses,
                                   struct photon_block *block) {
    struct walk w = { 0 };
    struct channel_record record;
    struct measured_pulse m;
    if (s->model == NULL || s->model->coefficients)
        return;
    for (size_t i = 0; i < block->n; i++) {
        if (block->cuts[i] & CUT_BIT(CUT_SECONDARY))
            continue;
        follow_jump(&w, &pulses[i]);
        if ((pulses[i].cuts == 0 && !pulses[i].falling) || !channel_reader_again(reader, places[i], &record) || record.coefficients)
            continue;
        pixel_model_measure_crowded(s->model, &record.samples, &m);
        take(s, &m, &w, &pulses[i], block, i);
    }
}

void crowded_pulses_measure(const struct analyse_settings *s, struct channel_reader *reader, const struct channel_place *places, const struct livetime_table *windows,
                            const struct inner_event *seconds, size_t n_seconds, struct measured_pulse *pulses, struct photon_block *block) {
    struct walk w = { .windows = windows, .seconds = seconds, .n_seconds = n_seconds };
    if (s->model == NULL || s->model->coefficients || windows == NULL)
        return;
    for (size_t i = 0; i < block->n; i++) {
        if (block->cuts[i] & CUT_BIT(CUT_SECONDARY))
            continue;
        follow_jump(&w, &pulses[i]);
        look_at(s, reader, places[i], &w, pulses, block, i);
        w.begun = true;
        w.anchor_ns = block->time_ns[i] + windows->blind_ns;
    }
}
