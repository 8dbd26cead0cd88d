#include "pulse/pixel_model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/open_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_quality.h"
#include "pulse/pulse_shape.h"

enum {
    ARRIVAL_MAX = 5,   /* samples: beyond that the parabola through five lags is an extrapolation */
    /* Robust sigmas above the residuals of good pulses (filters-measured.md 2.6): doubt, and no doubt any more. */
    RESIDUAL_DOUBTFUL = 4, RESIDUAL_MAX = 10
};

void pixel_model_free(struct pixel_model *m) {
    if (m == NULL)
        return;
    optimal_filter_free(m->filter);
    optimal_filter_free(m->tail_filter);
    open_filter_free(m->open);
    second_search_free(m->second);
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

/* A pulse behind the record's own makes it rise late; one before it is a matter of shape. */
static uint32_t second_cut(const struct pixel_model *m, const sample_u16 *samples, float base, const struct lag_parabola *fit) {
    struct second_pulse found;
    if (m->second == NULL)
        return 0;
    second_search_find(m->second, optimal_filter_kernel(m->filter), samples, base, fit->height, fit->arrival_samples - m->template_arrival, &found);
    if (!((double)found.significance > m->second_limit))
        return 0;
    return found.sample > m->n_presamples ? CUT_BIT(CUT_LATE_RISE) : CUT_BIT(CUT_RESIDUAL);
}

/* The search is for records that nothing else speaks against. */
static uint32_t shape_cuts(const struct pixel_model *m, const struct measured_pulse *p, const sample_u16 *samples, const struct lag_parabola *fit) {
    double excess = residual_scale_excess(&m->residual_scale, fit->height, (double)p->residual);
    if (!(p->residual <= m->limits.residual_max) || excess > RESIDUAL_MAX)
        return CUT_BIT(CUT_RESIDUAL);
    return p->cuts == 0 && excess > RESIDUAL_DOUBTFUL ? second_cut(m, samples, p->pretrigger_mean, fit) : 0;
}

bool pixel_model_second_pulse(const struct pixel_model *m, const struct pulse_record *record, struct second_pulse *found) {
    if (m->second == NULL || record->n_samples != m->n_samples || record->n_presamples != m->n_presamples)
        return false;
    const struct dot_kernel *kernel = optimal_filter_kernel(m->filter);
    float base = (float)kernel->sums(record->samples, m->n_presamples - 3).sum / (float)(m->n_presamples - 3);
    struct lag_parabola fit = optimal_filter_apply(m->filter, record->samples, base);
    second_search_find(m->second, kernel, record->samples, base, fit.height, fit.arrival_samples - m->template_arrival, found);
    return (double)found->significance > m->second_limit;
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
        if (m->open != NULL) {
            struct open_value open = open_filter_apply(m->open, record->samples, q.pretrigger_mean);
            p.open_height = open.height;
            p.open_level = open.level;
        }
        p.residual = residual_of(m, record->samples, &q, fit.height, arrival);
        if (!(fabs(arrival) < ARRIVAL_MAX))
            p.cuts |= CUT_BIT(CUT_PEAK_TIME);
        p.cuts |= shape_cuts(m, &p, record->samples, &fit);
    }
    *out = p;
}
