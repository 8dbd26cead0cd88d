#include "pulse/optimal_filter.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"

enum { ROWS = 3, OFFSET_MAX = 1 };  /* OFFSET_MAX: samples from the template's own place */

struct optimal_filter {
    uint32_t n_samples;
    size_t stride;                    /* floats from row to row */
    const struct dot_kernel *kernel;
    double *weights;                  /* n_samples - 4 */
    float *rows;                      /* PARABOLA_TERMS x stride, each the sum of shifted weights that gives p0, p1, p2 */
};

static double dot(const double *a, const double *b, uint32_t n) {
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

/* ROWS x n: template, ones, slope of the template. */
static void fill_rows(const double *template_pulse, uint32_t n, double *rows) {
    const double *s = template_pulse + LAGS / 2;
    for (uint32_t k = 0; k < n; k++) {
        rows[k] = s[k];
        rows[n + k] = 1;
        rows[2 * (size_t)n + k] = 0.5 * (s[(int64_t)k + 1] - s[(int64_t)k - 1]);
    }
}

/* q = T^-1 s less what of T^-1 1 makes it blind to a constant. x: T^-1 rows. */
static void blind_to_constant(const double *rows, const double *x, uint32_t n, double *q) {
    const double *ones = rows + n;
    double share = dot(ones, x, n) / dot(ones, x + n, n);
    for (uint32_t k = 0; k < n; k++)
        q[k] = x[k] - share * x[n + k];
}

/* The same less what of T^-1 s' makes it blind to a small shift of the template as well. */
static void blind_to_shift(const double *rows, const double *x, uint32_t n, double *q) {
    const double *one = rows + n, *slope = one + n, *x1 = x + n, *x2 = x1 + n;
    double a = dot(one, x1, n), b = dot(one, x2, n), c = dot(slope, x1, n), d = dot(slope, x2, n);
    double u = dot(one, x, n), v = dot(slope, x, n), det = a * d - b * c;
    for (uint32_t k = 0; k < n; k++)
        q[k] = x[k] - (u * d - v * b) / det * x1[k] - (v * a - u * c) / det * x2[k];
}

struct lag_parabola optimal_filter_on_template(const double *weights, uint32_t n_weights, const double *template_pulse) {
    double lags[LAGS] = { 0 };
    for (uint32_t i = 0; i < LAGS; i++)
        for (uint32_t k = 0; k < n_weights; k++)
            lags[i] += weights[k] * template_pulse[k + i];
    return lag_parabola_fit(lags);
}

/* Pulses that the record cuts off pull the maximum of the plain filter away from the template's own place (9 samples have been
 * met), where the parabola amplifies noise: 0.316 instead of 0.157 for white noise of 1. Those, and only those, get the filter
 * that is blind to the shift as well; for others it would cost up to 0.1 %. */
static bool centred(const struct lag_parabola *gain) {
    return gain->peaked && gain->height > 0 && fabs(gain->arrival_samples) < OFFSET_MAX;
}

static struct lag_parabola best_gain(const double *template_pulse, const double *rows, const double *x, uint32_t n, double *q) {
    blind_to_constant(rows, x, n, q);
    struct lag_parabola gain = optimal_filter_on_template(q, n, template_pulse);
    if (!centred(&gain)) {
        blind_to_shift(rows, x, n, q);
        gain = optimal_filter_on_template(q, n, template_pulse);
    }
    return gain;
}

enum status optimal_filter_design(const double *template_pulse, uint32_t n_samples, const double *covariance, double *weights, double *variance) {
    if (n_samples < FILTER_MIN_SAMPLES)
        return STATUS_BAD_VALUE;
    uint32_t n = n_samples - (LAGS - 1);
    double *rows = malloc((2 * ROWS + 1) * (size_t)n * sizeof *rows);
    if (rows == NULL)
        return STATUS_NO_MEMORY;
    double *x = rows + ROWS * (size_t)n, *q = x + ROWS * (size_t)n;
    fill_rows(template_pulse, n, rows);
    enum status s = STATUS_OK;
    if (covariance)
        s = linear_toeplitz_zero_sum(covariance, n, rows, ROWS, x);
    else
        memcpy(x, rows, ROWS * (size_t)n * sizeof *x);
    if (s == STATUS_OK) {
        struct lag_parabola gain = best_gain(template_pulse, rows, x, n, q);
        s = centred(&gain) ? STATUS_OK : STATUS_BAD_VALUE;
        for (uint32_t k = 0; s == STATUS_OK && k < n; k++)
            weights[k] = q[k] / gain.height;
        if (s == STATUS_OK)
            *variance = covariance ? linear_toeplitz_form(covariance, weights, n) : dot(weights, weights, n);
    }
    free(rows);
    return s;
}

double optimal_filter_resolving_power(double height, double variance) {
    return height / sqrt(8 * log(2) * variance);
}

/* Rounds to float, woven, so that the sum stays 0: what rounding left over goes into the smallest weight, which is fine-grained enough. */
static void round_to_zero_sum(const double *weights, uint32_t n, float *row) {
    double sum = 0;
    uint32_t smallest = 0;
    for (uint32_t k = 0; k < n; k++) {
        row[dot_place(k)] = (float)weights[k];
        sum += row[dot_place(k)];
        if (fabs(weights[k]) < fabs(weights[smallest]))
            smallest = k;
    }
    row[dot_place(smallest)] = (float)(row[dot_place(smallest)] - sum);
}

/* The filter at all lags at once: sum over i of share[i] x the weights from sample i on. */
static void combine(const double *weights, uint32_t n_weights, const double share[LAGS], double *row) {
    memset(row, 0, (n_weights + LAGS - 1) * sizeof *row);
    for (uint32_t i = 0; i < LAGS; i++)
        for (uint32_t k = 0; k < n_weights; k++)
            row[k + i] += share[i] * weights[k];
}

void optimal_filter_row_at(const double *weights, uint32_t n_weights, double arrival, double *row) {
    double share[LAGS];
    for (size_t i = 0; i < LAGS; i++)
        share[i] = lag_parabola_weights[0][i] + arrival * (lag_parabola_weights[1][i] + arrival * lag_parabola_weights[2][i]);
    combine(weights, n_weights, share, row);
}

enum status optimal_filter_new(const double *weights, uint32_t n_weights, const struct dot_kernel *kernel, struct optimal_filter **out) {
    if (n_weights < FILTER_MIN_SAMPLES - (LAGS - 1) || n_weights > UINT32_MAX - DOT_PAD - LAGS)
        return STATUS_BAD_VALUE;
    uint32_t n_samples = n_weights + LAGS - 1;
    size_t stride = (n_samples + DOT_PAD - 1) / DOT_PAD * (size_t)DOT_PAD;
    struct optimal_filter *f = malloc(sizeof *f);
    double *copy = malloc(n_weights * sizeof *copy);
    double *combined = malloc(n_samples * sizeof *combined);
    float *rows = aligned_alloc(64, PARABOLA_TERMS * stride * sizeof *rows);
    if (f == NULL || copy == NULL || combined == NULL || rows == NULL) {
        free(f);
        free(copy);
        free(combined);
        free(rows);
        return STATUS_NO_MEMORY;
    }
    memcpy(copy, weights, n_weights * sizeof *copy);
    memset(rows, 0, PARABOLA_TERMS * stride * sizeof *rows);
    for (size_t j = 0; j < PARABOLA_TERMS; j++) {
        combine(weights, n_weights, lag_parabola_weights[j], combined);
        round_to_zero_sum(combined, n_samples, rows + j * stride);
    }
    free(combined);
    *f = (struct optimal_filter){ n_samples, stride, kernel ? kernel : dot_kernel_best(), copy, rows };
    *out = f;
    return STATUS_OK;
}

void optimal_filter_free(struct optimal_filter *f) {
    if (f == NULL)
        return;
    free(f->weights);
    free(f->rows);
    free(f);
}

uint32_t optimal_filter_n_samples(const struct optimal_filter *f) {
    return f->n_samples;
}

const double *optimal_filter_weights(const struct optimal_filter *f) {
    return f->weights;
}

const struct dot_kernel *optimal_filter_kernel(const struct optimal_filter *f) {
    return f->kernel;
}

void optimal_filter_use_kernel(struct optimal_filter *f, const struct dot_kernel *kernel) {
    f->kernel = kernel;
}

const float *optimal_filter_row(const struct optimal_filter *f) {
    return f->rows;
}

void optimal_filter_look(const struct optimal_filter *f, const struct pulse_record *record, struct dot_looks *looks) {
    f->kernel->rows(f->rows, f->stride, record->samples, f->n_samples, (float)record->samples[0], record->next != NULL ? 0 : DOT_AHEAD, looks);
}

struct lag_parabola optimal_filter_saw(const struct dot_looks *looks) {
    return lag_parabola_of((double[PARABOLA_TERMS]){ looks->sums[0], looks->sums[1], looks->sums[2] });
}

struct lag_parabola optimal_filter_apply(const struct optimal_filter *f, const sample_u16 *samples, float base) {
    struct dot_looks looks;
    f->kernel->rows(f->rows, f->stride, samples, f->n_samples, rintf(base), DOT_AHEAD, &looks);
    return optimal_filter_saw(&looks);
}
