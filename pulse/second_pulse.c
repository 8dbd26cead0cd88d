#include "pulse/second_pulse.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_LEFT = 0.05;

struct second_search {
    const struct pulse_shape *shape;
    uint32_t n, n_presamples;
    struct onset_match match;
    float even[ONSET_MOST / 2], odd[ONSET_MOST / 2];   /* the onset's samples 0, 2, .. and 1, 3, .. of those compared; zeros behind them */
    float *half_left;                    /* owned: match.left of every other lag */
    struct second_glance *glance;        /* owned; NULL: no first look can be taken */
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

/* Without a first look all is well: then the search is the first. */
static enum status make_glance(struct second_search *s, const double *whitener) {
    enum status status = second_glance_new(s->shape, whitener, &s->glance);
    return status == STATUS_BAD_VALUE ? STATUS_OK : status;
}

static enum status make_search(struct second_search *s, const double *whitener) {
    uint32_t n = s->n, halves = (n - WHITENER_ORDER + 1) / 2;
    float *rows = malloc(MATCH_NUISANCES * (size_t)n * sizeof *rows);
    s->half_left = calloc(halves, sizeof *s->half_left);
    if (rows == NULL || s->half_left == NULL) {
        free(rows);
        return STATUS_NO_MEMORY;
    }
    const struct onset_plan plan = { .n = n, .first = s->shape->first, .order = WHITENER_ORDER, .rows = rows, .taps = whitener, .least_left = LEAST_LEFT };
    onset_match_rows(s->shape, n, 1, rows);
    enum status status = onset_match_init(&plan, &s->match);
    if (status == STATUS_OK) {
        for (uint32_t i = 0; i < s->match.n_compared; i++)
            (i % 2 ? s->odd : s->even)[i / 2] = s->match.onset[i];
        halve(s->match.left + WHITENER_ORDER, s->half_left, halves);
        status = make_glance(s, whitener);
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
    second_glance_free(s->glance);
    free(s->half_left);
    free(s);
}

float second_search_glance(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height, double phase) {
    return s->glance != NULL ? second_glance_look(s->glance, kernel, samples, base, height, phase) : INFINITY;
}

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
    onset_match_squares(t2, s->half_left, halves, t2);
    float most = onset_match_largest(t2, halves);
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
