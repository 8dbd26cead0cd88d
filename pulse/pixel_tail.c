#include "pulse/pixel_tail.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/filter_design.h"
#include "pulse/gap_filter.h"
#include "pulse/optimal_filter.h"

enum { END = 8, LEAST_FITTED = 32 };
static const double LITTLE_LEFT = 2e-3;                          /* at the end of a record, of its pulse */
static const double DECAY_FROM = 1e-3, DECAY_DOWN_TO = 1e-4;   /* of the pulse: a decay is fitted between */

double pixel_tail_decay(const double *template_pulse, uint32_t n_samples, uint32_t n_presamples, bool inverted) {
    uint32_t from = n_samples - (n_samples - n_presamples) / 3, fitted = 0;
    double weight = 0, x = 0, y = 0, xx = 0, xy = 0, sign = inverted ? -1 : 1;
    if (!(sign * template_pulse[from] > DECAY_FROM))
        return 0;
    for (uint32_t k = from; k < n_samples && sign * template_pulse[k] > DECAY_DOWN_TO; k++, fitted++) {
        double value = sign * template_pulse[k], at = k - from;
        double w = value * value;   /* equal errors of the values themselves */
        weight += w;
        x += w * at;
        y += w * log(value);
        xx += w * at * at;
        xy += w * at * log(value);
    }
    double slope = (weight * xy - x * y) / (weight * xx - x * x);
    return fitted >= LEAST_FITTED && slope < 0 ? -1 / slope : 0;
}

double pixel_tail_share(const struct pixel_model *m, const double *weights, const double *template_pulse, double tail_samples) {
    double cross = 0, square = 0, mean = 0;
    uint32_t p = m->n_presamples, used = p - 3;
    for (uint32_t k = p; k + LAGS / 2 < m->n_samples; k++) {
        double w = weights[k - LAGS / 2] * template_pulse[k];
        cross += w * exp((p - (double)k) / tail_samples);
        square += w * fabs(template_pulse[k]);
    }
    for (uint32_t k = 0; k < used; k++)
        mean += exp((p - (double)k) / tail_samples) / used;
    return (m->inverted ? -1 : 1) * cross / (square * mean);
}

static enum status make(const struct record_store *pulses, const bool *good, const double *template_pulse, const struct filter_design *d, double tail_samples,
                        struct pixel_model *m) {
    struct gap_filter *g = calloc(1, sizeof *g);
    struct lag_parabola own = optimal_filter_on_template(d->weights, d->n_weights, template_pulse);
    enum status s = g != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (s == STATUS_OK && !(own.peaked && fabs(own.arrival_samples) < 1))
        s = STATUS_TOO_FEW;
    if (s == STATUS_OK)
        s = optimal_filter_new(d->weights, d->n_weights, NULL, &g->filter);
    if (s == STATUS_OK) {
        g->n_behind = m->n_samples - m->n_presamples;
        g->arrival = own.arrival_samples;
        g->tail_samples = tail_samples;
        g->tail_share = pixel_tail_share(m, d->weights, template_pulse, tail_samples);
        s = gap_filter_learn_scale(pulses, good, m, d->variance, g);
    }
    if (s == STATUS_OK)
        m->tail = g;
    else
        gap_filter_free(g);
    return s == STATUS_NO_MEMORY ? s : STATUS_OK;
}

enum status pixel_tail_learn(const struct record_store *pulses, const bool *good, const double *template_pulse, const double *covariance,
                             struct pixel_model *m) {
    struct filter_request r = { .kind = FILTER_FIVE_LAG, .n_samples = m->n_samples, .template_pulse = template_pulse, .covariance = covariance };
    struct filter_design d;
    r.tail_samples = pixel_tail_decay(template_pulse, m->n_samples, m->n_presamples, m->inverted);
    r.decay_unsure = !pixel_tail_faint(m);
    if (!(r.tail_samples > 0))
        return STATUS_OK;
    enum status s = filter_design_make(&r, &d);
    if (s != STATUS_OK)
        return s == STATUS_NO_MEMORY ? s : STATUS_OK;
    s = make(pulses, good, template_pulse, &d, r.tail_samples, m);
    filter_design_done(&d);
    return s;
}

static bool little_left(const struct pixel_model *m) {
    double left = 0;
    for (uint32_t k = m->n_samples - END; k < m->n_samples; k++)
        left += fabs((double)m->template_pulse[k]) / END;
    return left < LITTLE_LEFT;
}

bool pixel_tail_known(const struct pixel_model *m) {
    return !m->coefficients && m->template_pulse != NULL && (m->tail != NULL || little_left(m));
}

bool pixel_tail_faint(const struct pixel_model *m) {
    return m->template_pulse != NULL && little_left(m);
}

void pixel_tail_filterless(const struct pixel_model *m, struct measured_pulse *pulse) {
    pulse->on_tail = true;
    if (pixel_tail_known(m))
        pulse->cuts &= ~CUT_BIT(CUT_PRETRIGGER);
}

void pixel_model_measure_tail(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    if (m->tail != NULL && record->n_samples == m->n_samples && record->n_presamples == m->n_presamples) {
        *out = gap_filter_measure(m, m->tail, record);
        return;
    }
    pixel_model_measure(m, record, out);
    pixel_tail_filterless(m, out);
}
