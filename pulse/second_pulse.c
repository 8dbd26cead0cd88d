#include "pulse/second_pulse.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* NUISANCES: a constant and the shape's terms in h, hp, hp^2, hu, hpu. An onset ends where 99 % of its weight has come; what comes until then
 * behind the first 90 % is more than half of its length, and not asked when lags are compared. */
enum { NUISANCES = 6, ONSET_MOST = 512, FIRST_LAG = WHITENER_ORDER };

static const double ONSET_WHOLE = 0.99, ONSET_COMPARED = 0.9;

struct second_search {
    const struct pulse_shape *shape;
    uint32_t n, n_presamples, n_onset, n_compared;
    float taps[WHITENER_ORDER + 1];      /* oldest sample first */
    float onset[ONSET_MOST];             /* whitened pulse, from the sample `first` of its own record on */
    float even[ONSET_MOST / 2], odd[ONSET_MOST / 2];   /* its samples 0, 2, .. and 1, 3, .. of those compared; zeros behind them */
    float *nuisance;                     /* owned: NUISANCES x n whitened rows, orthonormal or 0 */
    float *left;                         /* owned: n; 1 / N_j for an onset that begins at j, 0 where it is not to be seen */
    float *half_left;                    /* owned: of every other of them, from FIRST_LAG on */
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

/* y[k] = sum of whitener[i] x[k - i] for k >= WHITENER_ORDER, 0 before. */
static void whiten(const struct second_search *s, const struct dot_kernel *kernel, const float *x, float *y) {
    memset(y, 0, WHITENER_ORDER * sizeof *y);
    kernel->correlate(s->taps, WHITENER_ORDER + 1, x, s->n - WHITENER_ORDER, y + WHITENER_ORDER);
}

static double dot(const float *a, const float *b, uint32_t n) {
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += (double)a[k] * (double)b[k];
    return sum;
}

/* Rows are orthonormal (or 0), so what each finds is not changed by taking out the others. */
static void project_out(const struct second_search *s, const struct dot_kernel *kernel, uint32_t rows, float *e) {
    float found[NUISANCES];
    for (uint32_t i = 0; i < rows; i++)
        found[i] = kernel->floats(s->nuisance + i * s->n, e, s->n);
    kernel->less(e, s->nuisance, s->n, found, rows, s->n);
}

/* Gram and Schmidt, twice; a row that the others explain becomes 0. x: scratch of n. */
static void make_nuisances(struct second_search *s, float *x) {
    static const int terms[NUISANCES] = { -1, 0, 1, 2, 4, 5 };
    const struct pulse_shape *shape = s->shape;
    for (uint32_t i = 0; i < NUISANCES; i++) {
        float *row = s->nuisance + i * s->n;
        for (uint32_t k = 0; k < s->n; k++)
            x[k] = terms[i] < 0 ? 1 : k < shape->first ? 0 : shape->rows[(size_t)terms[i] * shape->stride + k - shape->first];
        whiten(s, dot_kernel_best(), x, row);
        double before = dot(row, row, s->n);
        project_out(s, dot_kernel_best(), i, row);
        project_out(s, dot_kernel_best(), i, row);
        double after = dot(row, row, s->n), scale = after > 1e-6 * before ? 1 / sqrt(after) : 0;
        for (uint32_t k = 0; k < s->n; k++)
            row[k] = (float)(scale * (double)row[k]);
    }
}

/* The template's onset, whitened as if the record before it were empty; x, y: scratch of n. */
static bool make_onset(struct second_search *s, float *x, float *y) {
    const struct pulse_shape *shape = s->shape;
    for (uint32_t k = 0; k < s->n; k++)
        x[k] = k < shape->first ? 0 : shape->rows[k - shape->first];
    whiten(s, dot_kernel_best(), x, y);
    uint32_t most = s->n - shape->first < ONSET_MOST ? s->n - shape->first : ONSET_MOST;
    double total = dot(y + shape->first, y + shape->first, most), sum = 0;
    for (s->n_onset = 0; s->n_onset < most && sum < ONSET_WHOLE * total; s->n_onset++) {
        s->n_compared += sum < ONSET_COMPARED * total;
        s->onset[s->n_onset] = y[shape->first + s->n_onset];
        sum += (double)s->onset[s->n_onset] * (double)s->onset[s->n_onset];
    }
    for (uint32_t i = 0; i < s->n_compared; i++)
        (i % 2 ? s->odd : s->even)[i / 2] = s->onset[i];
    return total > 0 && isfinite(total);
}

/* N_j = energy of the onset at j within the record, less its projections. Onsets of which the projection leaves less than 5 %, or the end
 * of the record less than half, are not looked for. x: scratch of n + ONSET_MOST, y: n. */
static void make_norms(struct second_search *s, float *x, float *y) {
    uint32_t n = s->n, lags = n - FIRST_LAG;
    double energy = 0, inside = 0;
    memset(x, 0, (n + ONSET_MOST) * sizeof *x);
    for (uint32_t i = 0; i < s->n_onset; i++)
        energy += (double)s->onset[i] * (double)s->onset[i];
    memset(s->left, 0, n * sizeof *s->left);
    for (uint32_t j = n; j-- > FIRST_LAG;) {
        uint32_t length = n - j < s->n_onset ? n - j : s->n_onset;
        if (n - j <= s->n_onset)
            inside += (double)s->onset[length - 1] * (double)s->onset[length - 1];
        s->left[j] = (float)inside;
    }
    for (uint32_t i = 0; i < NUISANCES; i++) {
        memcpy(x, s->nuisance + i * n, n * sizeof *x);
        dot_kernel_best()->correlate(s->onset, s->n_onset, x + FIRST_LAG, lags, y);
        for (uint32_t j = 0; j < lags; j++)
            s->left[FIRST_LAG + j] -= y[j] * y[j];
    }
    for (uint32_t j = FIRST_LAG; j < n; j++) {
        uint32_t length = n - j;
        bool seen = (double)s->left[j] > 0.05 * energy && length >= s->n_onset / 4;
        s->left[j] = seen ? 1 / s->left[j] : 0;
    }
}

enum status second_search_new(const struct pulse_shape *shape, uint32_t n_presamples, const double *whitener, struct second_search **out) {
    uint32_t n = shape->n_samples;
    if (n > SECOND_SAMPLES_MAX || n < 4 * WHITENER_ORDER || n_presamples < shape->first)
        return STATUS_BAD_VALUE;
    struct second_search *s = calloc(1, sizeof *s);
    float *scratch = calloc(2 * (size_t)n + ONSET_MOST, sizeof *scratch);
    enum status status = s && scratch ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK) {
        s->shape = shape;
        s->n = n;
        s->n_presamples = n_presamples;
        s->nuisance = calloc(NUISANCES * (size_t)n, sizeof *s->nuisance);
        s->left = calloc(n, sizeof *s->left);
        s->half_left = calloc(n, sizeof *s->half_left);
        status = s->nuisance && s->left && s->half_left ? STATUS_OK : STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; status == STATUS_OK && i <= WHITENER_ORDER; i++)
        s->taps[i] = (float)whitener[WHITENER_ORDER - i];
    if (status == STATUS_OK && !make_onset(s, scratch, scratch + n))
        status = STATUS_BAD_VALUE;
    if (status == STATUS_OK) {
        make_nuisances(s, scratch);
        make_norms(s, scratch, scratch + n + ONSET_MOST);
        halve(s->left + FIRST_LAG, s->half_left, (n - FIRST_LAG + 1) / 2);
        *out = s;
    } else {
        second_search_free(s);
    }
    free(scratch);
    return status;
}

void second_search_free(struct second_search *s) {
    if (s == NULL)
        return;
    free(s->nuisance);
    free(s->left);
    free(s->half_left);
    free(s);
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
    float t2 = product > 0 ? product * product * s->left[FIRST_LAG + lag] : 0;
    return t2 > best.t2 ? (struct candidate){ lag, product, t2 } : best;
}

/* t^2 at every other lag by most of the onset, which is a quarter of the work: onsets rise within a few samples. With the bits of floats that are not
 * negative compared as integers compilers make vectors of it; which sign a product has is chance, and to ask would cost half of the search. */
static uint32_t best_of_half(const struct second_search *s, const float *with_even, const float *with_odd, uint32_t halves) {
    uint32_t bits[SECOND_SAMPLES_MAX / 2], most = 0, m = 0;
    assert(halves > 0);
    float t2[SECOND_SAMPLES_MAX / 2];
    for (uint32_t i = 0; i < halves; i++) {
        float product = with_even[i] + with_odd[i], positive = 0.5F * (product + fabsf(product));
        t2[i] = positive * positive * s->half_left[i];
    }
    memcpy(bits, t2, halves * sizeof *bits);
    for (uint32_t i = 0; i < halves; i++)
        most = bits[i] > most ? bits[i] : most;
    while (bits[m] != most)
        m++;
    return m;
}

/* The best of half of the lags, and then it and its neighbours by all of the onset. e: whitened rest from FIRST_LAG on, with ONSET_MOST zeros behind
 * its n_lags. */
static struct candidate best_lag(const struct second_search *s, const struct dot_kernel *kernel, const float *e, uint32_t n_lags) {
    enum { HALF = (SECOND_SAMPLES_MAX + ONSET_MOST) / 2 };
    float part[HALF], with_even[SECOND_SAMPLES_MAX / 2], with_odd[SECOND_SAMPLES_MAX / 2];
    uint32_t halves = (n_lags + 1) / 2, taps = (s->n_compared + 1) / 2;
    halve(e, part, halves + taps - 1);
    kernel->correlate(s->even, taps, part, halves, with_even);
    halve(e + 1, part, halves + taps - 1);
    kernel->correlate(s->odd, taps, part, halves, with_odd);
    uint32_t middle = 2 * best_of_half(s, with_even, with_odd, halves), first = middle > 0 ? middle - 1 : 0, last = middle + 1 < n_lags ? middle + 1 : middle;
    struct candidate best = { middle, 0, 0 };
    for (uint32_t lag = first; lag <= last; lag++)
        best = better(s, best, lag, kernel->floats(s->onset, e + lag, s->n_onset));
    return best;
}

bool second_search_find(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height,
                        double phase, struct second_pulse *out) {
    float x[SECOND_SAMPLES_MAX], e[SECOND_SAMPLES_MAX + ONSET_MOST];
    rest_of(s, kernel, samples, base, height, phase, x);
    whiten(s, kernel, x, e);
    project_out(s, kernel, NUISANCES, e);
    memset(e + s->n, 0, ONSET_MOST * sizeof *e);
    struct candidate best = best_lag(s, kernel, e + FIRST_LAG, s->n - FIRST_LAG);
    *out = (struct second_pulse){ .sample = best.lag + FIRST_LAG + (s->n_presamples - s->shape->first), .significance = sqrtf(best.t2),
                                  .height = best.product * s->left[FIRST_LAG + best.lag] };
    return best.t2 > 0;
}
