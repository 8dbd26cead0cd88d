#include "pulse/optimal_filter.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"

struct optimal_filter {
    uint32_t n_samples;
    size_t stride;                    /* floats from row to row */
    const struct dot_kernel *kernel;
    double *weights;                  /* n_samples - 4 */
    float *rows;                      /* LAGS x stride; row i holds the weights from sample i on */
};

/* T^-1 s and T^-1 1. A constant added to every lag adds a multiple of 11' to T: no zero-sum filter sees it, but a covariance
 * that is positive only for such filters becomes positive for all. */
static enum status whiten(const double *covariance, const double *rhs, uint32_t n, double *solution) {
    enum status s = linear_toeplitz(covariance, n, rhs, 2, solution);
    if (s != STATUS_NOT_POSITIVE || !(covariance[0] > 0))
        return s;
    double *raised = malloc(n * sizeof *raised);
    if (raised == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        raised[i] = covariance[i] + 20 * covariance[0];
    s = linear_toeplitz(raised, n, rhs, 2, solution);
    free(raised);
    return s;
}

/* rhs: s and then ones, 2 x n. */
static enum status solve(const double *covariance, const double *rhs, uint32_t n, double *q) {
    double *x = malloc(2 * (size_t)n * sizeof *x);
    if (x == NULL)
        return STATUS_NO_MEMORY;
    enum status s = STATUS_OK;
    if (covariance)
        s = whiten(covariance, rhs, n, x);
    else
        memcpy(x, rhs, 2 * (size_t)n * sizeof *x);
    if (s == STATUS_OK) {
        double sum_s = 0, sum_one = 0;
        for (uint32_t k = 0; k < n; k++) {
            sum_s += x[k];
            sum_one += x[n + k];
        }
        for (uint32_t k = 0; k < n; k++)
            q[k] = x[k] - sum_s / sum_one * x[n + k];
    }
    free(x);
    return s;
}

static struct lag_parabola gain_of(const double *q, uint32_t n, const double *template_pulse) {
    double lags[LAGS] = { 0 };
    for (uint32_t i = 0; i < LAGS; i++)
        for (uint32_t k = 0; k < n; k++)
            lags[i] += q[k] * template_pulse[k + i];
    return lag_parabola_fit(lags);
}

static double sum_of_squares(const double *q, uint32_t n) {
    double sum = 0;
    for (uint32_t k = 0; k < n; k++)
        sum += q[k] * q[k];
    return sum;
}

enum status optimal_filter_design(const double *template_pulse, uint32_t n_samples, const double *covariance, double *weights, double *variance) {
    if (n_samples < FILTER_MIN_SAMPLES)
        return STATUS_BAD_VALUE;
    uint32_t n = n_samples - (LAGS - 1);
    double *rhs = malloc(3 * (size_t)n * sizeof *rhs);
    if (rhs == NULL)
        return STATUS_NO_MEMORY;
    double *q = rhs + 2 * (size_t)n;
    memcpy(rhs, template_pulse + LAGS / 2, n * sizeof *rhs);
    for (uint32_t k = 0; k < n; k++)
        rhs[n + k] = 1;
    enum status s = solve(covariance, rhs, n, q);
    if (s == STATUS_OK) {
        struct lag_parabola gain = gain_of(q, n, template_pulse);
        if (gain.peaked && gain.height > 0 && fabs(gain.arrival_samples) < 1) {
            for (uint32_t k = 0; k < n; k++)
                weights[k] = q[k] / gain.height;
            *variance = covariance ? linear_toeplitz_form(covariance, weights, n) : sum_of_squares(weights, n);
        } else {
            s = STATUS_BAD_VALUE;
        }
    }
    free(rhs);
    return s;
}

double optimal_filter_resolving_power(double height, double variance) {
    return height / sqrt(8 * log(2) * variance);
}

/* Rounds to float so that the sum stays 0: what rounding left over goes into the smallest weight, which is fine-grained enough. */
static void round_to_zero_sum(const double *weights, uint32_t n, float *row) {
    double sum = 0;
    uint32_t smallest = 0;
    for (uint32_t k = 0; k < n; k++) {
        row[k] = (float)weights[k];
        sum += row[k];
        if (fabs(weights[k]) < fabs(weights[smallest]))
            smallest = k;
    }
    row[smallest] = (float)(row[smallest] - sum);
}

enum status optimal_filter_new(const double *weights, uint32_t n_weights, const struct dot_kernel *kernel, struct optimal_filter **out) {
    if (n_weights < FILTER_MIN_SAMPLES - (LAGS - 1) || n_weights > UINT32_MAX - DOT_PAD - LAGS)
        return STATUS_BAD_VALUE;
    uint32_t n_samples = n_weights + LAGS - 1;
    size_t stride = (n_samples + DOT_PAD - 1) / DOT_PAD * (size_t)DOT_PAD;
    struct optimal_filter *f = malloc(sizeof *f);
    double *copy = malloc(n_weights * sizeof *copy);
    float *rows = aligned_alloc(64, LAGS * stride * sizeof *rows);
    if (f == NULL || copy == NULL || rows == NULL) {
        free(f);
        free(copy);
        free(rows);
        return STATUS_NO_MEMORY;
    }
    memcpy(copy, weights, n_weights * sizeof *copy);
    memset(rows, 0, LAGS * stride * sizeof *rows);
    round_to_zero_sum(weights, n_weights, rows);
    for (size_t i = 1; i < LAGS; i++)
        memcpy(rows + i * stride + i, rows, n_weights * sizeof *rows);
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

struct lag_parabola optimal_filter_apply(const struct optimal_filter *f, const sample_u16 *samples, float base) {
    float lags[LAGS];
    double exact[LAGS];
    f->kernel->lags(f->rows, f->stride, samples, f->n_samples, rintf(base), lags);
    for (size_t i = 0; i < LAGS; i++)
        exact[i] = lags[i];
    return lag_parabola_fit(exact);
}
