#include "daemon/followed_pulses.h"

#include "pulse/gap_filter.h"

struct walk { const struct inner_event *seconds; size_t n_seconds, second; };

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

static void measure_again(const struct analyse_settings *s, struct channel_reader *reader, struct channel_place place, double gap_samples, struct measured_pulse *pulse,
                          struct photon_block *b, size_t i) {
    struct channel_record record;
    struct measured_pulse m;
    if (!channel_reader_again(reader, place, &record) || record.coefficients || !gap_filters_measure(s->model, &record.samples, gap_samples, &m))
        return;
    pulse->height = m.height;
    pulse->arrival_samples = m.arrival_samples;
    pulse->residual = m.residual;
    pulse->cuts = m.cuts;
    pulse->noise_factor = m.noise_factor;
    analyse_row_again(s, pulse, b, i);
}

void followed_pulses_measure(const struct analyse_settings *s, struct channel_reader *reader, const struct channel_place *places, const struct inner_event *seconds,
                             size_t n_seconds, struct measured_pulse *pulses, struct photon_block *block) {
    if (s->model == NULL || s->model->gaps == NULL)
        return;
    struct walk w = { seconds, n_seconds, 0 };
    double sample_ns = 1e9 * s->model->sample_period_s, post_ns = (s->model->n_samples - s->model->n_presamples) * sample_ns;
    for (size_t i = 0; i < block->n; i++) {
        if (block->cuts[i] & CUT_BIT(CUT_SECONDARY))
            continue;
        int64_t next_ns = next_event_ns(&w, block, i), time_ns = block->time_ns[i];
        double gap_ns = next_ns > time_ns ? (double)(next_ns - time_ns) : 0;
        if (gap_ns < post_ns)
            measure_again(s, reader, places[i], gap_ns / sample_ns, &pulses[i], block, i);
    }
}
