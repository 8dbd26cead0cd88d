#include "pulse/second_pulse.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"

/* SUM: samples to one of the first look's, whose whitener of GLANCE_ORDER sums looks as far back as the other. */
enum { SUM = 4, GLANCE_ORDER = WHITENER_ORDER / SUM, GLANCE_MAX = SECOND_SAMPLES_MAX / SUM, NEAR_BEFORE = 28, NEAR_BEHIND = 52 };

static const double LEAST_LEFT = 0.05, LEAST_LEFT_OF_SUMS = 0.03, LEAST_LEFT_NEAR = 1e-3;   /* the first look passes over nothing that the second would see */

struct second_search {
    const struct pulse_shape *shape;
    uint32_t n, n_presamples;
    struct onset_match match;
    float even[ONSET_MOST / 2], odd[ONSET_MOST / 2];   /* the onset's samples 0, 2, .. and 1, 3, .. of those compared; zeros behind them */
    float *half_left;                    /* owned: match.left of every other lag */
    bool glances;                        /* whether there is a first look: */
    struct onset_match sums;             /* of sums of SUM samples */
    float *sum_rows;                     /* owned: SHAPE_TERMS x sums.n, the shape's */
    uint32_t near_from;                  /* what sums of samples cannot tell, pulses within a few samples of each other: */
    struct onset_match near;             /* of the samples around the record's own onset, from near_from on */
};

/* Every other one, n of them: to[m] = from[2m]. By four, as no compiler does by itself. */
static void halve(const float *from, float *to, uint32_t n) {
    typedef float four __attribute__((vector_size(16)));
    uint32_t m = 0;
    for (; m + 4 < n; m += 4) {
        four a, b;
        memcpy(&a, from + 2 * m, sizeof a);
        memcpy(&b, from + 2 * m + 4, sizeof b);
        four other = { a[0], a[2], b[0], b[2] };
        memcpy(to + m, &other, sizeof other);
    }
    for (; m < n; m++)
        to[m] = from[2 * m];
}

/* A constant and the shape's terms in h, hp, hp^2, hu, hpu, or sums of them; the pulse is the second. rows: MATCH_NUISANCES x n / sum. */
static void nuisances(const struct pulse_shape *shape, uint32_t n, uint32_t sum, float *rows) {
    static const int terms[MATCH_NUISANCES] = { -1, 0, 1, 2, 4, 5 };
    memset(rows, 0, MATCH_NUISANCES * (size_t)(n / sum) * sizeof *rows);
    for (uint32_t i = 0; i < MATCH_NUISANCES; i++)
        for (uint32_t k = 0; k < n / sum * sum; k++)
            rows[i * (n / sum) + k / sum] += terms[i] < 0 ? 1 : k < shape->first ? 0 : shape->rows[(size_t)terms[i] * shape->stride + k - shape->first];
}

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
static enum status make_near(struct second_search *s, const double *whitener, const float *rows, float *scratch) {
    uint32_t first = s->shape->first, from = first > NEAR_BEFORE + 4 ? first - NEAR_BEFORE : 4, end = first + NEAR_BEHIND + 4 < s->n ? first + NEAR_BEHIND : s->n - 4;
    for (uint32_t i = 0; i < MATCH_NUISANCES; i++)
        memcpy(scratch + i * (end - from), rows + i * s->n + from, (end - from) * sizeof *rows);
    const struct onset_plan plan = { .n = end - from, .first = first - from, .order = WHITENER_ORDER, .rows = scratch, .taps = whitener, .least_left = LEAST_LEFT_NEAR };
    s->near_from = from;
    return end - from > 2 * WHITENER_ORDER ? onset_match_init(&plan, &s->near) : STATUS_BAD_VALUE;
}

/* Without a first look all is well: then the second is the first. rows: those of the whole record; scratch: as many. */
static enum status make_glance(struct second_search *s, const double *whitener, const float *rows, float *scratch) {
    double taps[GLANCE_ORDER + 1];
    uint32_t n = s->n / SUM;
    const struct onset_plan plan = { .n = n, .first = s->shape->first / SUM, .order = GLANCE_ORDER, .rows = scratch, .taps = taps, .least_left = LEAST_LEFT_OF_SUMS };
    if (!whitener_of_sums(whitener, taps))
        return STATUS_OK;
    enum status status = make_near(s, whitener, rows, scratch);
    nuisances(s->shape, s->n, SUM, scratch);
    if (status == STATUS_OK)
        status = onset_match_init(&plan, &s->sums);
    s->glances = status == STATUS_OK;
    s->sum_rows = calloc(SHAPE_TERMS * (size_t)n, sizeof *s->sum_rows);
    if (s->sum_rows == NULL)
        return STATUS_NO_MEMORY;
    sum_shape(s->shape, n, s->sum_rows);
    return status == STATUS_BAD_VALUE ? STATUS_OK : status;
}

static enum status make_search(struct second_search *s, const double *whitener) {
    uint32_t n = s->n, halves = (n - WHITENER_ORDER + 1) / 2;
    float *rows = malloc(2 * MATCH_NUISANCES * (size_t)n * sizeof *rows);
    s->half_left = calloc(halves, sizeof *s->half_left);
    if (rows == NULL || s->half_left == NULL) {
        free(rows);
        return STATUS_NO_MEMORY;
    }
    const struct onset_plan plan = { .n = n, .first = s->shape->first, .order = WHITENER_ORDER, .rows = rows, .taps = whitener, .least_left = LEAST_LEFT };
    nuisances(s->shape, n, 1, rows);
    enum status status = onset_match_init(&plan, &s->match);
    if (status == STATUS_OK) {
        for (uint32_t i = 0; i < s->match.n_compared; i++)
            (i % 2 ? s->odd : s->even)[i / 2] = s->match.onset[i];
        halve(s->match.left + WHITENER_ORDER, s->half_left, halves);
        status = make_glance(s, whitener, rows, rows + MATCH_NUISANCES * (size_t)n);
    }
    free(rows);
    return status;
}

enum status second_search_new(const struct pulse_shape *shape, uint32_t n_presamples, const double *whitener, struct second_search **out) {
    uint32_t n = shape->n_samples;
    if (n > SECOND_SAMPLES_MAX || n < 4 * WHITENER_ORDER || n_presamples < shape->first)
        return STATUS_BAD_VALUE;
    struct second_search *s = calloc(1, sizeof *s);
    if (s == NULL)
        return STATUS_NO_MEMORY;
    s->shape = shape;
    s->n = n;
    s->n_presamples = n_presamples;
    enum status status = make_search(s, whitener);
    if (status == STATUS_OK)
        *out = s;
    else
        second_search_free(s);
    return status;
}

void second_search_free(struct second_search *s) {
    if (s == NULL)
        return;
    onset_match_done(&s->match);
    onset_match_done(&s->sums);
    onset_match_done(&s->near);
    free(s->half_left);
    free(s->sum_rows);
    free(s);
}

/* t^2 of products. Which sign a product has is chance, and to ask would cost half of a search. t2 may be products. */
static void significances(const float *products, const float *left, uint32_t n, float *t2) {
    for (uint32_t i = 0; i < n; i++) {
        float positive = 0.5F * (products[i] + fabsf(products[i]));
        t2[i] = positive * positive * left[i];
    }
}

/* Of floats that are not negative: with their bits compared as integers compilers make vectors of it. */
static float largest(const float *x, uint32_t n) {
    uint32_t most = 0;
    float value;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        most = bits > most ? bits : most;
    }
    memcpy(&value, &most, sizeof value);
    return value;
}

/* ---- the first look ---- */

/* t at the best place of all. e: room for m->n + ONSET_MOST. */
static float most_significant(const struct onset_match *m, const struct dot_kernel *kernel, const float *x, float *e, float *products) {
    uint32_t lags = m->n - m->order;
    onset_match_clean(m, kernel, x, e);
    kernel->correlate(m->onset, m->n_onset, e + m->order, lags, products);
    significances(products, m->left + m->order, lags, products);
    return sqrtf(largest(products, lags));
}

/* x[k]: sums of samples less those of the shape, which are taken as many samples later as the pulse is late; where the record has not all of
 * them, as beside. */
static void rest_of_sums(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, int32_t shift, const float *terms, float *x) {
    uint32_t n = s->sums.n, first = shift < 0, end = shift > 0 ? n - 1 : n;
    for (uint32_t k = first; k < end; k++) {
        const sample_u16 *d = samples + ((int32_t)(SUM * k) + shift);
        x[k] = (float)(d[0] + d[1] + d[2] + d[3]) - SUM * base;
    }
    kernel->less(x + first, s->sum_rows + first, n, terms, SHAPE_TERMS, end - first);
    x[0] = x[first];
    x[n - 1] = x[end - 1];
}

/* The same of the samples around the onset, which are all there: there are 4 before the first of them, and 4 behind the last. */
static void rest_of_near(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, int32_t shift, const float *terms, float *x) {
    const struct pulse_shape *shape = s->shape;
    uint32_t before = shape->first - s->near_from;
    for (uint32_t k = 0; k < s->near.n; k++)
        x[k] = (float)samples[(int32_t)(s->near_from + k) + shift] - base;
    kernel->less(x + before, shape->rows, shape->stride, terms, SHAPE_TERMS, s->near.n - before);
}

float second_search_glance(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height, double phase) {
    float x[GLANCE_MAX], e[GLANCE_MAX + ONSET_MOST], products[GLANCE_MAX], terms[SHAPE_TERMS];
    if (!s->glances)
        return INFINITY;
    int32_t shift = pulse_shape_terms(s->shape, height, phase, terms);
    rest_of_near(s, kernel, samples, base, shift, terms, x);
    float near = most_significant(&s->near, kernel, x, e, products);
    rest_of_sums(s, kernel, samples, base, shift, terms, x);
    float far = most_significant(&s->sums, kernel, x, e, products);
    return near > far ? near : far;
}

/* ---- the search ---- */

/* x[k] = what the shape leaves of the record. */
static void rest_of(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height, double phase, float *x) {
    const struct pulse_shape *shape = s->shape;
    float terms[SHAPE_TERMS];
    int32_t shift = pulse_shape_terms(shape, height, phase, terms);
    for (uint32_t k = 0; k < s->n; k++)
        x[k] = (float)samples[k] - base;
    uint32_t n = s->n - shape->first, moved = (uint32_t)(shift > 0 ? shift : 0), open = (uint32_t)(shift < 0 ? -shift : 0);
    kernel->less(x + shape->first + moved - open, shape->rows, shape->stride, terms, SHAPE_TERMS, n - moved);
    for (size_t j = 0; j < SHAPE_TERMS && open > 0; j++)
        for (uint32_t k = 0; k < open; k++)   /* behind an early pulse's last row its tail goes on */
            x[s->n - 1 - k] -= terms[j] * shape->rows[j * shape->stride + n - 1];
}

struct candidate { uint32_t lag; float product, t2; };

static struct candidate better(const struct second_search *s, struct candidate best, uint32_t lag, float product) {
    float t2 = product > 0 ? product * product * s->match.left[WHITENER_ORDER + lag] : 0;
    return t2 > best.t2 ? (struct candidate){ lag, product, t2 } : best;
}

/* t^2 at every other lag by most of the onset, which is a quarter of the work: onsets rise within a few samples. */
static uint32_t best_of_half(const struct second_search *s, const float *with_even, const float *with_odd, uint32_t halves) {
    float t2[SECOND_SAMPLES_MAX / 2];
    uint32_t m = 0;
    assert(halves > 0);
    for (uint32_t i = 0; i < halves; i++)
        t2[i] = with_even[i] + with_odd[i];
    significances(t2, s->half_left, halves, t2);
    float most = largest(t2, halves);
    while (m + 1 < halves && t2[m] < most)   /* of what is no number: the first of all */
        m++;
    return m;
}

/* The best of half of the lags, and then it and its neighbours by all of the onset. e: from the first lag on, with ONSET_MOST zeros behind its n_lags. */
static struct candidate best_lag(const struct second_search *s, const struct dot_kernel *kernel, const float *e, uint32_t n_lags) {
    enum { HALF = (SECOND_SAMPLES_MAX + ONSET_MOST) / 2 };
    float part[HALF], with_even[SECOND_SAMPLES_MAX / 2], with_odd[SECOND_SAMPLES_MAX / 2];
    uint32_t halves = (n_lags + 1) / 2, taps = (s->match.n_compared + 1) / 2;
    halve(e, part, halves + taps - 1);
    kernel->correlate(s->even, taps, part, halves, with_even);
    halve(e + 1, part, halves + taps - 1);
    kernel->correlate(s->odd, taps, part, halves, with_odd);
    uint32_t middle = 2 * best_of_half(s, with_even, with_odd, halves), first = middle > 0 ? middle - 1 : 0, last = middle + 1 < n_lags ? middle + 1 : middle;
    struct candidate best = { middle, 0, 0 };
    for (uint32_t lag = first; lag <= last; lag++)
        best = better(s, best, lag, kernel->floats(s->match.onset, e + lag, s->match.n_onset));
    return best;
}

bool second_search_find(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height,
                        double phase, struct second_pulse *out) {
    float x[SECOND_SAMPLES_MAX], e[SECOND_SAMPLES_MAX + ONSET_MOST];
    rest_of(s, kernel, samples, base, height, phase, x);
    onset_match_clean(&s->match, kernel, x, e);
    struct candidate best = best_lag(s, kernel, e + WHITENER_ORDER, s->n - WHITENER_ORDER);
    *out = (struct second_pulse){ .sample = best.lag + WHITENER_ORDER + (s->n_presamples - s->shape->first), .significance = sqrtf(best.t2),
                                  .height = best.product * s->match.left[WHITENER_ORDER + best.lag] };
    return best.t2 > 0;
}
