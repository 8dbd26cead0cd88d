#include "pulse/pixel_tail.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/filter_design.h"
#include "pulse/optimal_filter.h"
#include "pulse/pulse_quality.h"
#include "pulse/pulse_shape.h"
#include "pulse/robust.h"
#include "pulse/sample_turn.h"

enum { ARRIVAL_MAX = 5, RESIDUAL_MAX = 7 };   /* as for other records, pixel_model.c */

double pixel_tail_decay(const double *template_pulse, uint32_t n_samples, uint32_t n_presamples, bool inverted) {
    uint32_t from = n_samples - (n_samples - n_presamples) / 3;
    double weight = 0, x = 0, y = 0, xx = 0, xy = 0, sign = inverted ? -1 : 1;
    for (uint32_t k = from; k < n_samples; k++) {
        double value = sign * template_pulse[k], at = k - from;
        if (!(value > 1e-3))
            return 0;
        double w = value * value;   /* equal errors of the values themselves */
        weight += w;
        x += w * at;
        y += w * log(value);
        xx += w * at * at;
        xy += w * at * log(value);
    }
    double slope = (weight * xy - x * y) / (weight * xx - x * x);
    return slope < 0 ? -1 / slope : 0;
}

/* Height by the model's filter over height by the tail filter: the median over good pulses, 0 when there are none. */
static double relative_gain(const struct record_store *pulses, const bool *good, const struct pixel_model *m, const struct optimal_filter *tail) {
    double *ratio = malloc(((size_t)pulses->n_records + 1) * sizeof *ratio);
    size_t n = 0;
    for (uint32_t i = 0; ratio && i < pulses->n_records; i++) {
        struct pulse_record r = record_store_at(pulses, i);
        if (!good[i])
            continue;
        double own = optimal_filter_apply(m->filter, r.samples, r.samples[0]).height;
        double other = optimal_filter_apply(tail, r.samples, r.samples[0]).height;
        if (own > 0 && other > 0)
            ratio[n++] = own / other;
    }
    double gain = n > 0 ? robust_median(ratio, n) : 0;
    free(ratio);
    return gain;
}

/* A filter of that gain, and what it says of the template, into the model. */
static enum status take(const struct filter_design *d, double gain, const double *template_pulse, struct pixel_model *m) {
    for (uint32_t k = 0; k < d->n_weights; k++)
        d->weights[k] *= gain;
    m->tail_arrival = optimal_filter_on_template(d->weights, d->n_weights, template_pulse).arrival_samples;
    return optimal_filter_new(d->weights, d->n_weights, NULL, &m->tail_filter);
}

enum status pixel_tail_learn(const struct record_store *pulses, const bool *good, const double *template_pulse, const double *covariance,
                             struct pixel_model *m) {
    struct filter_request r = { .kind = FILTER_FIVE_LAG, .n_samples = m->n_samples, .template_pulse = template_pulse, .covariance = covariance };
    struct filter_design d;
    struct optimal_filter *trial = NULL;
    r.tail_samples = pixel_tail_decay(template_pulse, m->n_samples, m->n_presamples, m->inverted);
    if (!(r.tail_samples > 0))
        return STATUS_OK;
    enum status s = filter_design_make(&r, &d);
    if (s != STATUS_OK)
        return s == STATUS_NO_MEMORY ? s : STATUS_OK;
    struct lag_parabola own = optimal_filter_on_template(d.weights, d.n_weights, template_pulse);
    s = optimal_filter_new(d.weights, d.n_weights, NULL, &trial);
    double gain = s == STATUS_OK && own.peaked && fabs(own.arrival_samples) < 1 ? relative_gain(pulses, good, m, trial) : 0;
    if (s == STATUS_OK && gain > 0) {
        s = take(&d, gain, template_pulse, m);
        m->tail_samples = r.tail_samples;
        m->tail_sigma = covariance ? gain * sqrt(d.variance) : 0;
    }
    optimal_filter_free(trial);
    filter_design_done(&d);
    return s;
}

struct baseline { double level, tail; };   /* level + tail x exp(-k / tail_samples) */

/* Least squares over the pretrigger less its last 4 samples. */
static struct baseline baseline_of(const struct pixel_model *m, const sample_u16 *d) {
    double n = m->shape->first, e = 0, ee = 0, y = 0, ey = 0, step = exp(-1 / m->tail_samples), at = 1;
    for (uint32_t k = 0; k < m->shape->first; k++, at *= step) {
        e += at;
        ee += at * at;
        y += d[k];
        ey += at * d[k];
    }
    double tail = (n * ey - e * y) / (n * ee - e * e);
    return (struct baseline){ (y - tail * e) / n, tail };
}

static float residual_of(const struct pixel_model *m, const sample_u16 *d, double height, double phase) {
    const struct pulse_shape *s = m->shape;
    struct baseline b = baseline_of(m, d);
    float terms[SHAPE_TERMS];
    double sum = 0, step = exp(-1 / m->tail_samples), at = b.tail;
    pulse_shape_terms(s, height, phase, terms);
    for (uint32_t k = 0; k < s->n_samples; k++, at *= step) {
        double left = d[k] - b.level - at;
        for (size_t j = 0; k >= s->first && j < SHAPE_TERMS; j++)
            left -= (double)terms[j] * (double)s->rows[j * s->stride + k - s->first];
        sum += left * left;
    }
    return (float)sqrt(sum / s->n_samples);
}

static uint32_t cuts_of(const struct pixel_model *m, const struct pulse_quality *q, const struct measured_pulse *p) {
    uint32_t cuts = pulse_quality_cuts(q, &m->limits) & ~CUT_BIT(CUT_PRETRIGGER);
    if (!(fabsf(p->arrival_samples) < ARRIVAL_MAX))
        cuts |= CUT_BIT(CUT_PEAK_TIME);
    if (residual_scale_excess(&m->residual_scale, (double)p->height, (double)p->residual) > RESIDUAL_MAX)
        cuts |= CUT_BIT(CUT_RESIDUAL);
    return cuts;
}

/* In the pixel's own frame. */
static void measure_on_tail(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    uint32_t late_start = pulse_quality_late_start(&m->limits, m->n_presamples);
    struct pulse_quality q = pulse_quality_of(optimal_filter_kernel(m->filter), record, m->inverted, late_start);
    struct lag_parabola fit = optimal_filter_apply(m->tail_filter, record->samples, q.pretrigger_mean);
    double arrival = fit.arrival_samples - m->tail_arrival;
    *out = (struct measured_pulse){ .time_ns = record->trigger_time_ns, .frame = record->trigger_frame, .height = (float)fit.height,
                                    .arrival_samples = (float)arrival, .pretrigger_mean = q.pretrigger_mean,
                                    .residual = residual_of(m, record->samples, fit.height, arrival) };
    out->cuts = cuts_of(m, &q, out);
}

__attribute__((noinline)) static void measure_turned(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    uint16_t samples[RECORD_SAMPLES_MAX];
    struct pulse_record turned = sample_turn_record(record, m->sample_turn, samples);
    measure_on_tail(m, &turned, out);
    out->pretrigger_mean -= (float)m->sample_turn;
}

void pixel_model_measure_tail(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    if (m->tail_filter == NULL || record->n_samples != m->n_samples || record->n_presamples != m->n_presamples)
        pixel_model_measure(m, record, out);
    else if (m->sample_turn == SAMPLE_TURN_NONE || m->n_samples > RECORD_SAMPLES_MAX)
        measure_on_tail(m, record, out);
    else
        measure_turned(m, record, out);
}
