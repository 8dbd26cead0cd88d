#include "pulse/pixel_model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/optimal_filter.h"
#include "pulse/pulse_quality.h"
#include "pulse/pulse_shape.h"

enum {
    ARRIVAL_MAX = 5,   /* samples: beyond that the parabola through five lags is an extrapolation */
    RESIDUAL_MAX = 7   /* robust sigmas above the residuals of good pulses: 0.0-0.2 % of them are lost (filters-measured.md 2.6) */
};

void pixel_model_free(struct pixel_model *m) {
    if (m == NULL)
        return;
    optimal_filter_free(m->filter);
    free(m->template_pulse);
    pulse_shape_free(m->shape);
    free(m);
}

/* Counts rms, over the whole record, of what the pulse's shape leaves; before the shape begins that is the pretrigger's own spread. */
static float residual_of(const struct pixel_model *m, const sample_u16 *samples, const struct pulse_quality *q, double height, double phase) {
    const struct pulse_shape *s = m->shape;
    float behind = pulse_shape_residual(s, optimal_filter_kernel(m->filter), samples, q->pretrigger_mean, height, phase);
    float before = q->pretrigger_sd * q->pretrigger_sd;
    return sqrtf((before * (float)s->first + behind * (float)(s->n_samples - s->first)) / (float)s->n_samples);
}

static bool shape_is_off(const struct pixel_model *m, float residual, double height) {
    return !(residual <= m->limits.residual_max) || residual_scale_excess(&m->residual_scale, height, (double)residual) > RESIDUAL_MAX;
}

void pixel_model_measure(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    assert(!m->coefficients && m->filter && m->shape);
    struct measured_pulse p = { .time_ns = record->trigger_time_ns, .frame = record->trigger_frame, .height = NAN, .arrival_samples = NAN,
                                .pretrigger_mean = NAN, .residual = NAN, .cuts = CUT_BIT(CUT_SHORT) };
    if (record->n_samples == m->n_samples && record->n_presamples == m->n_presamples) {
        uint32_t late_start = pulse_quality_late_start(&m->limits, m->n_presamples);
        struct pulse_quality q = pulse_quality_of(optimal_filter_kernel(m->filter), record, m->inverted, late_start);
        struct lag_parabola fit = optimal_filter_apply(m->filter, record->samples, q.pretrigger_mean);
        p.cuts = pulse_quality_cuts(&q, &m->limits);
        p.pretrigger_mean = q.pretrigger_mean;
        p.height = (float)fit.height;
        double arrival = fit.arrival_samples - m->template_arrival;
        p.arrival_samples = (float)arrival;
        p.residual = residual_of(m, record->samples, &q, fit.height, arrival);
        if (!(fabs(arrival) < ARRIVAL_MAX))
            p.cuts |= CUT_BIT(CUT_PEAK_TIME);
        if (shape_is_off(m, p.residual, fit.height))
            p.cuts |= CUT_BIT(CUT_RESIDUAL);
    }
    *out = p;
}
