#include "pulse/gap_filter_parts.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/pulse_quality.h"
#include "pulse/pulse_shape.h"
#include "pulse/sample_turn.h"
#include "pulse/tail_residual.h"

enum { ARRIVAL_MAX = 5 };
static const double RESIDUAL_MOST = 7, PHASE_MOST = 1.2;

static enum status copy_into(const struct gap_filter *from, struct gap_filter *to) {
    const struct optimal_filter *f = from->filter;
    *to = *from;
    to->filter = NULL;
    return optimal_filter_new(optimal_filter_weights(f), optimal_filter_n_samples(f) - (LAGS - 1), optimal_filter_kernel(f), &to->filter);
}

void gap_filter_free(struct gap_filter *g) {
    if (g == NULL)
        return;
    optimal_filter_free(g->filter);
    free(g);
}

enum status gap_filter_copy(const struct gap_filter *from, struct gap_filter **out) {
    struct gap_filter *g = from != NULL ? calloc(1, sizeof *g) : NULL;
    enum status s = from == NULL || g != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (g != NULL)
        s = copy_into(from, g);
    if (s == STATUS_OK)
        *out = g;
    else
        gap_filter_free(g);
    return s;
}

void gap_filters_free(struct gap_filters *g) {
    if (g == NULL)
        return;
    for (uint32_t k = 0; k < g->n; k++)
        optimal_filter_free(g->list[k].filter);
    free(g);
}

enum status gap_filters_copy(const struct gap_filters *from, struct gap_filters **out) {
    struct gap_filters *g = from != NULL ? calloc(1, sizeof *g) : NULL;
    enum status s = from == NULL || g != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (uint32_t k = 0; g != NULL && s == STATUS_OK && k < from->n; k++) {
        s = copy_into(&from->list[k], &g->list[k]);
        g->n += s == STATUS_OK;
    }
    if (s == STATUS_OK)
        *out = g;
    else
        gap_filters_free(g);
    return s;
}

/* ---- one pulse ---- */

static double clip(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

void gap_filter_terms(const struct gap_filter *g, double height, double arrival, double terms[GAP_TERMS]) {
    double u = clip(height / g->reference - 1, g->u_low, g->u_high), p = clip(isfinite(arrival) ? arrival : 0, -PHASE_MOST, PHASE_MOST);
    terms[0] = 1;
    terms[1] = u;
    terms[2] = u * u;
    terms[3] = p;
    terms[4] = p * p;
}

double gap_filter_on_whole_scale(const struct gap_filter *g, double height, double arrival) {
    double terms[GAP_TERMS], factor = 0;
    gap_filter_terms(g, height, arrival, terms);
    for (unsigned k = 0; k < GAP_TERMS; k++)
        factor += g->map[k] * terms[k];
    return factor * height;
}

double gap_filter_whole_arrival(const struct gap_filter *g, double arrival) {
    const double *e = g->arrival_map, p = clip(arrival, -GAP_ARRIVAL_MOST, GAP_ARRIVAL_MOST);
    return e[0] + p * (e[1] + p * (e[2] + p * e[3])) + (arrival - p);   /* NaN stays */
}

/* Counts rms of what the shape leaves of the samples used. */
static double residual_of(const struct pixel_model *m, const struct gap_filter *g, const sample_u16 *d, const struct pulse_quality *q, double height, double arrival) {
    struct pulse_shape shorter = *m->shape;
    if (g->tail_samples > 0)
        return tail_residual(m->shape, optimal_filter_kernel(m->filter), d, q->pretrigger_mean, height, arrival, g->tail_samples);
    shorter.n_samples = m->n_presamples + g->n_behind;
    double behind = (double)pulse_shape_residual(&shorter, optimal_filter_kernel(m->filter), d, q->pretrigger_mean, height, arrival);
    double before = (double)q->pretrigger_sd * (double)q->pretrigger_sd, first = shorter.first, n = shorter.n_samples;
    return sqrt((before * first + behind * (n - first)) / n);
}

static struct measured_pulse measure(const struct pixel_model *m, const struct gap_filter *g, const struct pulse_record *record) {
    struct pulse_record shorter = *record;
    shorter.n_samples = m->n_presamples + g->n_behind;
    const struct dot_kernel *kernel = optimal_filter_kernel(m->filter);
    struct pulse_quality q = pulse_quality_within(kernel, &shorter, m->inverted, &m->limits, kernel->extremes(shorter.samples, shorter.n_samples));
    struct lag_parabola fit = optimal_filter_apply(g->filter, record->samples, q.pretrigger_mean);
    double own = fit.arrival_samples - g->arrival, height = gap_filter_on_whole_scale(g, fit.height, own), arrival = gap_filter_whole_arrival(g, own);
    struct measured_pulse p = { .time_ns = record->trigger_time_ns, .frame = record->trigger_frame, .height = (float)height, .arrival_samples = (float)arrival,
                                .pretrigger_mean = q.pretrigger_mean, .residual = (float)residual_of(m, g, record->samples, &q, height, arrival),
                                .cuts = pulse_quality_cuts(&q, &m->limits), .noise_factor = (float)g->noise_factor };
    if (g->tail_samples > 0) {   /* a tail breaks the limits on the pretrigger, and may be higher than the pulse */
        p.cuts &= ~(CUT_BIT(CUT_PRETRIGGER) | CUT_BIT(CUT_PEAK_TIME));
        p.on_tail = true;
        p.tail_share = (float)g->tail_share;
    }
    if (!(fabs(arrival) < ARRIVAL_MAX))
        p.cuts |= CUT_BIT(CUT_PEAK_TIME);
    if (residual_scale_excess(&g->residual_scale, height, (double)p.residual) > RESIDUAL_MOST)
        p.cuts |= CUT_BIT(CUT_RESIDUAL);
    return p;
}

/* In the frame in which the pixel was learnt. */
__attribute__((noinline)) static struct measured_pulse measure_turned(const struct pixel_model *m, const struct gap_filter *g, const struct pulse_record *record) {
    uint16_t samples[RECORD_SAMPLES_MAX];
    struct pulse_record turned = sample_turn_record(record, m->sample_turn, samples);
    struct measured_pulse p = measure(m, g, &turned);
    p.pretrigger_mean -= (float)m->sample_turn;
    return p;
}

struct measured_pulse gap_filter_measure(const struct pixel_model *m, const struct gap_filter *g, const struct pulse_record *record) {
    bool turned = m->sample_turn != SAMPLE_TURN_NONE && record->n_samples <= RECORD_SAMPLES_MAX;
    return turned ? measure_turned(m, g, record) : measure(m, g, record);
}

bool gap_filters_measure(const struct pixel_model *m, const struct pulse_record *record, double gap_samples, struct measured_pulse *out) {
    if (m->gaps == NULL || record->n_samples != m->n_samples || record->n_presamples != m->n_presamples)
        return false;
    const struct gap_filter *best = NULL;
    for (uint32_t k = 0; k < m->gaps->n; k++)
        if (m->gaps->list[k].n_behind + GAP_MARGIN <= gap_samples)
            best = &m->gaps->list[k];
    if (best == NULL)
        return false;
    *out = gap_filter_measure(m, best, record);
    return true;
}
