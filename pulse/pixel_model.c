#include "pulse/pixel_model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/optimal_filter.h"
#include "pulse/pulse_quality.h"
#include "pulse/residual_curve.h"

enum { ARRIVAL_MAX = 5 };  /* samples: beyond that the parabola through five lags is an extrapolation */

void pixel_model_free(struct pixel_model *m) {
    if (m == NULL)
        return;
    optimal_filter_free(m->filter);
    free(m->template_pulse);
    free(m);
}

/* Counts rms between the record and the template at the record's height and arrival, to first order in the arrival. */
static float residual_of(const struct pixel_model *m, const sample_u16 *samples, float base, double fitted_height, double fitted_arrival) {
    float height = (float)fitted_height;
    float arrival = isfinite(fitted_arrival) ? (float)fmax(-1.5, fmin(1.5, fitted_arrival)) : 0;
    float sum = optimal_filter_kernel(m->filter)->residual(m->template_pulse, samples, m->n_samples, base, height, -0.5F * height * arrival);
    return sqrtf(sum / (float)(m->n_samples - 2));
}

static bool shape_is_off(const struct pixel_model *m, float residual, double height) {
    return !(residual <= m->limits.residual_max) || !((double)residual <= residual_curve_limit(m, height));
}

void pixel_model_measure(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    assert(!m->coefficients && m->filter && m->template_pulse);
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
        p.residual = residual_of(m, record->samples, q.pretrigger_mean, fit.height, arrival);
        if (!(fabs(arrival) < ARRIVAL_MAX))
            p.cuts |= CUT_BIT(CUT_PEAK_TIME);
        if (shape_is_off(m, p.residual, fit.height))
            p.cuts |= CUT_BIT(CUT_RESIDUAL);
    }
    *out = p;
}
