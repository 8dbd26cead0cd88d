#include "daemon/grade_windows.h"

#include <math.h>

#include "pulse/pulse_times.h"
#include "pulse/tail_reach.h"

/* Rise and fall from what the channel's filter was made of: its template, or (files of older versions) the pulse in the basis of the OFF file. */
static bool times_of(const struct pixel_model *m, const struct channel_shape *shape_of, struct pulse_times *out) {
    enum { OFF_PULSE = 2 };
    if (m->coefficients && m->template_pulse == NULL)
        return shape_of->basis != NULL && pulse_times_of(shape_of->basis + OFF_PULSE, shape_of->n_bases, m->n_samples, m->n_presamples, out) == STATUS_OK;
    return m->template_pulse != NULL && pulse_times_of_floats(m->template_pulse, m->n_samples, m->n_presamples, out) == STATUS_OK;
}

/* Where pulses come that have no record, they spoil others however long after the last record: what was measured of tails is then too
 * long. Ten decay times leave 5e-5 of a pulse. */
static const double UNSEEN_DECAYS = 10;

/* As long as tails reach; the table takes six of what it is given. */
static double isolating_decay_s(const struct pixel_model *m, const struct pulse_times *t, enum trigger_kind kind, double isolation_s) {
    double decays = trigger_kind_lossy(kind) ? fmin(m->isolation_decays, UNSEEN_DECAYS) : m->isolation_decays;
    if (isolation_s > 0)
        return isolation_s / TAIL_REACH_LEAST;
    if (kind == TRIGGER_KIND_EDGE && t->decay_samples > 0)   /* measured from the record before; grades count from where its blindness ends */
        decays -= (m->n_samples + 1) / t->decay_samples;
    return t->decay_samples * m->sample_period_s * fmax(1, decays / TAIL_REACH_LEAST);
}

bool grade_windows_make(const struct pixel_model *m, const struct channel_shape *shape, enum trigger_kind kind, double isolation_s, struct livetime_table *out) {
    struct pulse_times t;
    if (m == NULL || shape == NULL || shape->coefficients != m->coefficients || shape->n_samples != m->n_samples || !times_of(m, shape, &t))
        return false;
    const struct livetime_settings s = {
        .trigger = kind == TRIGGER_KIND_EDGE ? LIVETIME_EDGE : LIVETIME_EDGE_MULTI,
        .sample_period_s = m->sample_period_s, .n_samples = m->n_samples, .n_presamples = m->n_presamples, .peak_samples = t.peak_samples,
        .decay_s = isolating_decay_s(m, &t, kind, isolation_s),
    };
    return livetime_table_make(&s, out) == STATUS_OK;
}

struct grade_spans grade_windows_spans(const struct livetime_table *t) {
    const struct livetime_box *high = &t->boxes[0];
    int64_t shorter_ns = high->before_lo_ns < high->after_lo_ns ? high->before_lo_ns : high->after_lo_ns, tail_ns = 0;
    for (const struct livetime_box *b = t->boxes; b < t->boxes + LIVETIME_BOXES; b++)
        if (b->grade == LIVETIME_TAIL)
            tail_ns = b->before_hi_ns - b->before_lo_ns;
    return (struct grade_spans){ .window_s = 1e-9 * (double)shorter_ns, .unresolved_s = 1e-9 * (double)t->unresolved_ns, .tail_s = 1e-9 * (double)tail_ns };
}
