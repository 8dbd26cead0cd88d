#include "pulse/offset_noise.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/optimal_filter.h"

/* T b for the mean b of the first n_mean of n samples: sums of neighbouring lags, each from the one before. */
static void covariance_with_mean(const double *covariance, uint32_t n_mean, uint32_t n, double *with) {
    double sum = 0;
    for (uint32_t k = 0; k < n_mean; k++)
        sum += covariance[k];
    for (uint32_t i = 0; i < n; i++) {
        with[i] = sum / n_mean;
        if (i + 1 < n)   /* from |i - k|, k = 0..n_mean-1, to |i + 1 - k| */
            sum += covariance[i + 1] - covariance[i + 1 > n_mean ? i + 1 - n_mean : n_mean - 1 - i];
    }
}

enum status offset_noise_of(const double *weights, uint32_t n_weights, double arrival, uint32_t n_mean, const double *covariance, struct offset_noise *out) {
    uint32_t n = n_weights + LAGS - 1;
    if (n_mean < 1 || n_mean > n)
        return STATUS_BAD_VALUE;
    double *row = malloc(2 * (size_t)n * sizeof *row);
    struct offset_noise found = { 0, 0 };
    if (row == NULL)
        return STATUS_NO_MEMORY;
    double *with = row + n;
    optimal_filter_row_at(weights, n_weights, arrival, row);
    covariance_with_mean(covariance, n_mean, n, with);
    for (uint32_t k = 0; k < n; k++) {
        found.variance += k < n_mean ? with[k] / n_mean : 0;
        found.covariance += row[k] * with[k];
    }
    free(row);
    *out = found;
    return STATUS_OK;
}

double offset_noise_after(const struct offset_noise *o, double height_variance, double gain) {
    double square = gain * gain * o->variance;
    return isfinite(o->covariance) ? height_variance + 2 * gain * o->covariance + square : height_variance - square;
}
