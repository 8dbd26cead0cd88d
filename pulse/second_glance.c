#include "pulse/second_glance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"
#include "pulse/onset_match.h"

/* SUM: samples to one sum, whose whitener of GLANCE_ORDER sums looks as far back as that of samples. */
enum { SUM = 4, GLANCE_ORDER = WHITENER_ORDER / SUM, GLANCE_MAX = SECOND_SAMPLES_MAX / SUM, NEAR_BEFORE = 28, NEAR_BEHIND = 52 };

static const double LEAST_LEFT_OF_SUMS = 0.03, LEAST_LEFT_NEAR = 1e-3;   /* it passes over nothing that the search would see */

struct second_glance {
    const struct pulse_shape *shape;
    uint32_t n;
    struct onset_match sums;             /* of sums of SUM samples */
    float *sum_rows;                     /* owned: SHAPE_TERMS x sums.n, the shape's */
    uint32_t near_from;                  /* what sums of samples cannot tell, pulses within a few samples of each other: */
    struct onset_match near;             /* of the samples around the record's own onset, from near_from on */
};

/* The whitener of sums of SUM samples of noise that `whitener` whitens: noise is what its inverse makes of white noise. False: there is none. */
static bool whitener_of_sums(const double *whitener, double taps[GLANCE_ORDER + 1]) {
    enum { LONG = 2048, LAGS_OF_ONE = SUM * (GLANCE_ORDER + 1) };
    double answer[LONG], one[LAGS_OF_ONE] = { 0 }, sums[GLANCE_ORDER + 1] = { 0 }, error;
    for (int k = 0; k < LONG; k++) {
        answer[k] = k == 0;
        for (int i = 1; i <= WHITENER_ORDER && i <= k; i++)
            answer[k] -= whitener[i] * answer[k - i];
        answer[k] /= whitener[0];
        for (int lag = 0; lag < LAGS_OF_ONE && lag <= k; lag++)
            one[lag] += answer[k] * answer[k - lag];
    }
    for (int lag = 0; lag <= GLANCE_ORDER; lag++)
        for (int i = 1 - SUM; i < SUM; i++)
            sums[lag] += (SUM - abs(i)) * one[abs(SUM * lag + i)];
    if (!(sums[0] > 0 && isfinite(sums[0])))
        return false;
    linear_prediction(sums, GLANCE_ORDER, taps, &error);
    for (int i = 0; i <= GLANCE_ORDER; i++)
        taps[i] /= sqrt(error);
    return true;
}

static void sum_shape(const struct pulse_shape *shape, uint32_t n_sums, float *rows) {
    for (uint32_t j = 0; j < SHAPE_TERMS; j++)
        for (uint32_t k = shape->first; k < n_sums * SUM; k++)
            rows[j * n_sums + k / SUM] += shape->rows[j * shape->stride + k - shape->first];
}

/* The samples around the record's own onset, as far as they are there. rows: those of the whole record; scratch: as many. */
static enum status make_near(struct second_glance *g, const double *whitener, const float *rows, float *scratch) {
    uint32_t first = g->shape->first, from = first > NEAR_BEFORE + 4 ? first - NEAR_BEFORE : 4, end = first + NEAR_BEHIND + 4 < g->n ? first + NEAR_BEHIND : g->n - 4;
    for (uint32_t i = 0; i < MATCH_NUISANCES; i++)
        memcpy(scratch + i * (end - from), rows + i * g->n + from, (end - from) * sizeof *rows);
    const struct onset_plan plan = { .n = end - from, .first = first - from, .order = WHITENER_ORDER, .rows = scratch, .taps = whitener, .least_left = LEAST_LEFT_NEAR };
    g->near_from = from;
    return end - from > 2 * WHITENER_ORDER ? onset_match_init(&plan, &g->near) : STATUS_BAD_VALUE;
}

static enum status make_sums(struct second_glance *g, const struct pulse_shape *shape, const double *taps, float *rows) {
    uint32_t n = g->n / SUM;
    const struct onset_plan plan = { .n = n, .first = shape->first / SUM, .order = GLANCE_ORDER, .rows = rows, .taps = taps, .least_left = LEAST_LEFT_OF_SUMS };
    onset_match_rows(shape, g->n, SUM, rows);
    enum status status = onset_match_init(&plan, &g->sums);
    g->sum_rows = calloc(SHAPE_TERMS * (size_t)n, sizeof *g->sum_rows);
    if (g->sum_rows == NULL)
        return STATUS_NO_MEMORY;
    sum_shape(shape, n, g->sum_rows);
    return status;
}

static enum status make_glance(struct second_glance *g, const double *whitener, const double *taps) {
    size_t size = MATCH_NUISANCES * (size_t)g->n;
    float *rows = malloc(2 * size * sizeof *rows);
    if (rows == NULL)
        return STATUS_NO_MEMORY;
    onset_match_rows(g->shape, g->n, 1, rows);
    enum status status = make_near(g, whitener, rows, rows + size);
    if (status == STATUS_OK)
        status = make_sums(g, g->shape, taps, rows);
    free(rows);
    return status;
}

enum status second_glance_new(const struct pulse_shape *shape, const double *whitener, struct second_glance **out) {
    double taps[GLANCE_ORDER + 1];
    if (shape->n_samples > SECOND_SAMPLES_MAX || shape->n_samples < 4 * WHITENER_ORDER || !whitener_of_sums(whitener, taps))
        return STATUS_BAD_VALUE;
    struct second_glance *g = calloc(1, sizeof *g);
    if (g == NULL)
        return STATUS_NO_MEMORY;
    g->shape = shape;
    g->n = shape->n_samples;
    enum status status = make_glance(g, whitener, taps);
    if (status == STATUS_OK)
        *out = g;
    else
        second_glance_free(g);
    return status;
}

void second_glance_free(struct second_glance *g) {
    if (g == NULL)
        return;
    onset_match_done(&g->sums);
    onset_match_done(&g->near);
    free(g->sum_rows);
    free(g);
}

/* t at the best place of all. e: room for m->n + ONSET_MOST. */
static float most_significant(const struct onset_match *m, const struct dot_kernel *kernel, const float *x, float *e, float *products) {
    uint32_t lags = m->n - m->order;
    onset_match_clean(m, kernel, x, e);
    kernel->correlate(m->onset, m->n_onset, e + m->order, lags, products);
    onset_match_squares(products, m->left + m->order, lags, products);
    return sqrtf(onset_match_largest(products, lags));
}

/* x[k]: sums of samples less those of the shape, which are taken as many samples later as the pulse is late; where the record has not all of
 * them, as beside. */
static void rest_of_sums(const struct second_glance *g, const struct dot_kernel *kernel, const sample_u16 *samples, float base, int32_t shift, const float *terms, float *x) {
    uint32_t n = g->sums.n, first = shift < 0, end = shift > 0 ? n - 1 : n;
    for (uint32_t k = first; k < end; k++) {
        const sample_u16 *d = samples + ((int32_t)(SUM * k) + shift);
        x[k] = (float)(d[0] + d[1] + d[2] + d[3]) - SUM * base;
    }
    kernel->less(x + first, g->sum_rows + first, n, terms, SHAPE_TERMS, end - first);
    x[0] = x[first];
    x[n - 1] = x[end - 1];
}

/* The same of the samples around the onset, which are all there: there are 4 before the first of them, and 4 behind the last. */
static void rest_of_near(const struct second_glance *g, const struct dot_kernel *kernel, const sample_u16 *samples, float base, int32_t shift, const float *terms, float *x) {
    const struct pulse_shape *shape = g->shape;
    uint32_t before = shape->first - g->near_from;
    for (uint32_t k = 0; k < g->near.n; k++)
        x[k] = (float)samples[(int32_t)(g->near_from + k) + shift] - base;
    kernel->less(x + before, shape->rows, shape->stride, terms, SHAPE_TERMS, g->near.n - before);
}

float second_glance_look(const struct second_glance *g, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height, double phase) {
    float x[GLANCE_MAX], e[GLANCE_MAX + ONSET_MOST], products[GLANCE_MAX], terms[SHAPE_TERMS];
    int32_t shift = pulse_shape_terms(g->shape, height, phase, terms);
    rest_of_near(g, kernel, samples, base, shift, terms, x);
    float near = most_significant(&g->near, kernel, x, e, products);
    rest_of_sums(g, kernel, samples, base, shift, terms, x);
    float far = most_significant(&g->sums, kernel, x, e, products);
    return near > far ? near : far;
}
