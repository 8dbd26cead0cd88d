#include "pulse/open_filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"

enum { ROWS = 3 };   /* constant, template, slope */

void open_filter_free(struct open_filter *f) {
    if (f == NULL)
        return;
    optimal_filter_free(f->height);
    free(f->level);
    free(f);
}

static void fill_rows(const double *s, uint32_t n, double *rows) {
    for (uint32_t k = 0; k < n; k++) {
        rows[k] = 1;
        rows[n + k] = s[k];
        rows[2 * (size_t)n + k] = 0.5 * (s[k + 1 < n ? k + 1 : k] - s[k > 0 ? k - 1 : 0]);
    }
}

/* First row of (M T^-1 M')^-1 M T^-1. work: 2 ROWS n. */
static enum status level_weights(const double *template_pulse, uint32_t n, const double *covariance, double *work, double *level) {
    double *rows = work, *x = work + ROWS * (size_t)n, a[ROWS * ROWS], first[ROWS] = { 1, 0, 0 };
    fill_rows(template_pulse, n, rows);
    enum status s = linear_toeplitz_zero_sum(covariance, n, rows, ROWS, x);
    for (size_t i = 0; s == STATUS_OK && i < ROWS; i++)
        for (size_t j = 0; j < ROWS; j++) {
            a[i * ROWS + j] = 0;
            for (uint32_t k = 0; k < n; k++)
                a[i * ROWS + j] += rows[i * n + k] * x[j * n + k];
        }
    if (s == STATUS_OK)
        s = linear_dense(a, ROWS, first, 1);
    for (uint32_t k = 0; s == STATUS_OK && k < n; k++)
        level[k] = first[0] * x[k] + first[1] * x[n + k] + first[2] * x[2 * (size_t)n + k];
    return s;
}

/* x'Ty from three forms of vectors of like size. */
static double covariance_of(const double *covariance, const double *x, double x_variance, const double *y, uint32_t n, double *work) {
    double y_variance = linear_toeplitz_form(covariance, y, n), scale = sqrt(x_variance / y_variance);
    for (uint32_t k = 0; k < n; k++)
        work[k] = x[k] + scale * y[k];
    return 0.5 * (linear_toeplitz_form(covariance, work, n) - linear_toeplitz_form(covariance, x, n) - x_variance) / scale;
}

static enum status make(const double *template_pulse, uint32_t n, const double *covariance, double *work, struct open_filter *f) {
    uint32_t n_weights = n - (LAGS - 1);
    double *weights = work, *level = work + n, *rest = work + 2 * (size_t)n;
    enum status s = optimal_filter_design(template_pulse, n, covariance, weights, &f->height_variance);
    if (s == STATUS_OK)
        s = optimal_filter_new(weights, n_weights, NULL, &f->height);
    if (s == STATUS_OK)
        s = level_weights(template_pulse, n, covariance, rest, level);
    if (s != STATUS_OK)
        return s;
    optimal_filter_row_at(weights, n_weights, optimal_filter_on_template(weights, n_weights, template_pulse).arrival_samples, rest);
    f->covariance = covariance_of(covariance, rest, f->height_variance, level, n, rest + n);
    for (uint32_t k = 0; k < n; k++)
        f->level[dot_place(k)] = (float)level[k];
    return isfinite(f->covariance) ? STATUS_OK : STATUS_NOT_POSITIVE;
}

enum status open_filter_new(const double *template_pulse, uint32_t n_samples, const double *covariance, struct noise_mains mains, struct open_filter **out) {
    if (n_samples < FILTER_MIN_SAMPLES)
        return STATUS_BAD_VALUE;
    size_t padded = (n_samples + DOT_PAD - 1) / DOT_PAD * (size_t)DOT_PAD;
    struct open_filter *f = calloc(1, sizeof *f);
    double *work = malloc((2 + 2 * ROWS) * (size_t)n_samples * sizeof *work);
    float *level = aligned_alloc(64, padded * sizeof *level);
    enum status s = STATUS_NO_MEMORY;
    if (f != NULL && work != NULL && level != NULL) {
        memset(level, 0, padded * sizeof *level);
        *f = (struct open_filter){ .level = level, .mains = mains };
        level = NULL;
        s = make(template_pulse, n_samples, covariance, work, f);
    }
    free(level);
    free(work);
    if (s == STATUS_OK)
        *out = f;
    else
        open_filter_free(f);
    return s;
}

struct open_value open_filter_apply(const struct open_filter *f, const sample_u16 *samples, float base) {
    const struct dot_kernel *kernel = optimal_filter_kernel(f->height);
    float height = (float)optimal_filter_apply(f->height, samples, base).height;
    return (struct open_value){ height, kernel->one(f->level, samples, optimal_filter_n_samples(f->height), base) };
}

struct open_wave open_filter_on_wave(const struct open_filter *f, double radians, double origin) {
    const double *weights = optimal_filter_weights(f->height);
    struct open_wave w = { .level = { 0 } };
    uint32_t n = optimal_filter_n_samples(f->height);
    for (uint32_t k = 0; k < n; k++) {
        double c = cos(radians * (k - origin)), s = sin(radians * (k - origin));
        w.level[0] += (double)f->level[k] * c;
        w.level[1] += (double)f->level[k] * s;
        for (uint32_t i = 0; i < LAGS; i++) {
            double q = k >= i && k - i < n - (LAGS - 1) ? weights[k - i] : 0;
            for (int j = 0; j < PARABOLA_TERMS; j++) {
                w.height[j][0] += lag_parabola_weights[j][i] * q * c;
                w.height[j][1] += lag_parabola_weights[j][i] * q * s;
            }
        }
    }
    return w;
}
