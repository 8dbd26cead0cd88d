#include "pulse/pixel_model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/edge_trigger.h"
#include "pulse/gap_filter.h"
#include "pulse/open_filter.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_tail.h"
#include "pulse/pulse_quality.h"
#include "pulse/pulse_shape.h"
#include "pulse/record_mend.h"
#include "pulse/sample_turn.h"

enum {
    ARRIVAL_MAX = 5,   /* samples: beyond that the parabola through five lags is an extrapolation */
    /* Robust sigmas above the residuals of good pulses (doc/methods.md, Cuts and pile-up): doubt, and no doubt any more. */
    RESIDUAL_DOUBTFUL = 4, RESIDUAL_MAX = 10
};

static const float FALLING = 0.4F;   /* of the limit, 5 robust sigmas */

void pixel_model_free(struct pixel_model *m) {
    if (m == NULL)
        return;
    optimal_filter_free(m->filter);
    open_filter_free(m->open);
    second_search_free(m->second);
    gap_filters_free(m->gaps);
    gap_filter_free(m->tail);
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
    const struct dot_kernel *kernel = optimal_filter_kernel(m->filter);
    double phase = fit->arrival_samples - m->template_arrival;
    if (m->second == NULL || (double)second_search_glance(m->second, kernel, samples, base, fit->height, phase) < SECOND_GLANCE_LEAST * m->second_limit)
        return 0;
    second_search_find(m->second, kernel, samples, base, fit->height, phase, &found);
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

static bool second_in_frame(const struct pixel_model *m, const sample_u16 *samples, struct second_pulse *found) {
    const struct dot_kernel *kernel = optimal_filter_kernel(m->filter);
    float base = (float)kernel->sums(samples, m->n_presamples - 3, DOT_ANY).sum / (float)(m->n_presamples - 3);
    struct lag_parabola fit = optimal_filter_apply(m->filter, samples, base);
    second_search_find(m->second, kernel, samples, base, fit.height, fit.arrival_samples - m->template_arrival, found);
    return (double)found->significance > m->second_limit;
}

bool pixel_model_second_pulse(const struct pixel_model *m, const struct pulse_record *record, struct second_pulse *found) {
    uint16_t turned[SECOND_SAMPLES_MAX];
    if (m->second == NULL || record->n_samples != m->n_samples || record->n_presamples != m->n_presamples)
        return false;
    if (m->sample_turn == SAMPLE_TURN_NONE)
        return second_in_frame(m, record->samples, found);
    sample_turn_copy(record->samples, m->n_samples, m->sample_turn, turned);
    return second_in_frame(m, turned, found);
}

/* In the pixel's own frame. */
static void measure_plain(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *p) {
    const struct dot_kernel *kernel = optimal_filter_kernel(m->filter);
    struct dot_looks looks;
    optimal_filter_look(m->filter, record, &looks);   /* first to touch the record */
    pulse_record_ask(record, 0);
    struct pulse_quality q = pulse_quality_within(kernel, record, m->inverted, &m->limits, looks.extremes);
    struct lag_parabola fit = optimal_filter_saw(&looks);
    double arrival = fit.arrival_samples - m->template_arrival;
    pulse_record_ask(record, 1);
    p->cuts = pulse_quality_cuts(&q, &m->limits);
    p->falling = (m->inverted ? -q.pretrigger_rise : q.pretrigger_rise) < -FALLING * m->limits.pretrigger_slope_max;
    p->pretrigger_mean = q.pretrigger_mean;
    p->height = (float)fit.height;
    p->arrival_samples = (float)arrival;
    if (m->open != NULL) {
        struct open_value open = open_filter_apply(m->open, record->samples, q.pretrigger_mean);
        p->open_height = open.height;
        p->open_level = open.level;
    }
    p->residual = residual_of(m, record->samples, &q, fit.height, arrival);
    pulse_record_ask(record, 2);
    if (!(fabs(arrival) < ARRIVAL_MAX))
        p->cuts |= CUT_BIT(CUT_PEAK_TIME);
    p->cuts |= shape_cuts(m, p, record->samples, &fit);
    pulse_record_ask(record, 3);
}

/* Something speaks against it. What was turned is believed whatever comes out, since nothing was right before; jumps are
 * taken out for a good record only. Never inlined: its copy of the record is no part of the usual path's stack. */
__attribute__((noinline)) static void measure_mended(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *p) {
    struct mended_record mended;
    record_mend(optimal_filter_kernel(m->filter), record, m->sample_turn, m->limits.pretrigger_sd_max, &mended);
    if (mended.turned || mended.n_jumps > 0) {
        struct measured_pulse again = *p;
        measure_plain(m, &mended.record, &again);
        again.pretrigger_mean = sample_turn_level(again.pretrigger_mean, mended.turn, m->sample_turn) + (float)m->sample_turn;
        if (mended.turned || again.cuts == 0)
            *p = again;
    }
    p->cuts |= mended.cuts;
}

static void measure_in_frame(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *p) {
    measure_plain(m, record, p);
    if (p->cuts != 0)
        measure_mended(m, record, p);
}

__attribute__((noinline)) static void measure_turned(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *p) {
    uint16_t samples[RECORD_SAMPLES_MAX];
    struct pulse_record turned = sample_turn_record(record, m->sample_turn, samples);
    measure_in_frame(m, &turned, p);
    p->pretrigger_mean -= (float)m->sample_turn;
}

/* In the caller's place from the start: copied at the end, it would wait for what is still on its way to memory. */
void pixel_model_measure(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    assert(!m->coefficients && m->filter && m->shape);
    *out = (struct measured_pulse){ .time_ns = record->trigger_time_ns, .frame = record->trigger_frame, .height = NAN, .arrival_samples = NAN,
                                    .pretrigger_mean = NAN, .residual = NAN, .cuts = CUT_BIT(CUT_SHORT) };
    if (record->n_samples == m->n_samples && record->n_presamples == m->n_presamples) {
        if (m->sample_turn == SAMPLE_TURN_NONE || m->n_samples > RECORD_SAMPLES_MAX)
            measure_in_frame(m, record, out);
        else
            measure_turned(m, record, out);
    }
}

size_t pixel_model_inner_pulses(const struct pixel_model *m, const struct pulse_record *record, uint32_t *samples) {
    enum { OWN_RISE = 8 };   /* the trigger may stand where the pulse's own rise only begins */
    if (!(m->rise_level > 0) || record->n_samples != m->n_samples || record->n_presamples != m->n_presamples)
        return 0;
    size_t n = edge_rule_find((struct edge_rule){ m->inverted, m->rise_level }, record, samples, INNER_PULSES_MAX);
    if (n == 0 || samples[0] > m->n_presamples + OWN_RISE)
        return n;
    memmove(samples, samples + 1, --n * sizeof *samples);
    return n;
}

/* By a filter cut to the gap, where a second pulse is seen behind the record's own. */
static void measure_followed(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *pulse) {
    uint32_t found[INNER_PULSES_MAX];
    if (m->gaps != NULL && pixel_model_inner_pulses(m, record, found) > 0)
        (void)gap_filters_measure(m, record, found[0] - m->n_presamples, pulse);
}

/* By the filter that is blind to the tail of an earlier pulse; kept when nothing speaks against it. */
static void measure_behind(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *pulse) {
    struct measured_pulse tail = *pulse;
    if (m->tail != NULL && (pulse->cuts != 0 || !pixel_tail_faint(m)))
        pixel_model_measure_tail(m, record, &tail);
    else
        pixel_tail_filterless(m, &tail);   /* what would be measured is measured, or near enough */
    if (tail.cuts == 0)
        *pulse = tail;
}

void pixel_model_measure_crowded(const struct pixel_model *m, const struct pulse_record *record, struct measured_pulse *out) {
    pixel_model_measure(m, record, out);
    if (out->cuts & CUT_BIT(CUT_SHORT))
        return;
    const bool falls = out->falling || (out->cuts & CUT_BIT(CUT_PRETRIGGER)) != 0;
    if (falls)
        measure_behind(m, record, out);
    if (out->cuts != 0)
        measure_followed(m, record, out);
    if (!falls && (out->cuts & CUT_BIT(CUT_RESIDUAL)))   /* a long tail falls too little for a short pretrigger to show, yet spoils the shape */
        measure_behind(m, record, out);
}
