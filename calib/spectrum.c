#include "calib/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/robust.h"

static const double FWHM_PER_SIGMA = 2.3548200450309493;

enum status spectrum_new(double low, double width, size_t n, struct spectrum **out) {
    if (n == 0 || !isfinite(low) || !isfinite(width) || !(width > 0))
        return STATUS_BAD_VALUE;
    struct spectrum *s = malloc(sizeof *s);
    double *counts = calloc(n, sizeof *counts);
    if (!s || !counts) {
        free(s);
        free(counts);
        return STATUS_NO_MEMORY;
    }
    *s = (struct spectrum){.low = low, .width = width, .n = n, .counts = counts};
    *out = s;
    return STATUS_OK;
}

void spectrum_free(struct spectrum *s) {
    if (!s)
        return;
    free(s->counts);
    free(s);
}

void spectrum_add(struct spectrum *s, double value, double count) {
    double at = (value - s->low) / s->width;
    if (!(at >= 0) || !(at < (double)s->n))
        return;
    s->counts[(size_t)at] += count;
    s->total += count;
}

void spectrum_fill(struct spectrum *s, const float *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        spectrum_add(s, (double)values[i], 1);
}

static double *gauss_kernel(double sigma_bins, size_t *half) {
    size_t h = (size_t)ceil(4 * sigma_bins);
    double *kernel = malloc((h + 1) * sizeof *kernel), sum = 0;
    if (!kernel)
        return NULL;
    for (size_t k = 0; k <= h; k++) {
        double z = (double)k / sigma_bins;
        kernel[k] = exp(-0.5 * z * z);
        sum += k ? 2 * kernel[k] : kernel[k];
    }
    for (size_t k = 0; k <= h; k++)
        kernel[k] /= sum;
    *half = h;
    return kernel;
}

enum status spectrum_smooth(const struct spectrum *s, double fwhm, struct spectrum **out) {
    struct spectrum *smooth;
    enum status status = spectrum_new(s->low, s->width, s->n, &smooth);
    if (status != STATUS_OK)
        return status;
    smooth->total = s->total;
    if (fwhm < s->width / 3) {
        memcpy(smooth->counts, s->counts, s->n * sizeof *s->counts);
        *out = smooth;
        return STATUS_OK;
    }
    size_t half;
    double *kernel = gauss_kernel(fwhm / FWHM_PER_SIGMA / s->width, &half);
    if (!kernel) {
        spectrum_free(smooth);
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (!(s->counts[i] > 0))
            continue;
        size_t from = i > half ? i - half : 0, to = i + half < s->n ? i + half : s->n - 1;
        for (size_t j = from; j <= to; j++)
            smooth->counts[j] += s->counts[i] * kernel[j > i ? j - i : i - j];
    }
    free(kernel);
    *out = smooth;
    return STATUS_OK;
}

double spectrum_centre(const struct spectrum *s, size_t bin) {
    return s->low + ((double)bin + 0.5) * s->width;
}

double spectrum_value(const struct spectrum *s, double at) {
    double x = (at - s->low) / s->width - 0.5;
    if (!(x >= 0) || !(x < (double)(s->n - 1)))
        return 0;
    size_t i = (size_t)x;
    return s->counts[i] + (x - (double)i) * (s->counts[i + 1] - s->counts[i]);
}

double spectrum_sum(const struct spectrum *s, double from, double to) {
    double first = ceil((from - s->low) / s->width - 0.5), last = ceil((to - s->low) / s->width - 0.5), sum = 0;
    first = fmax(first, 0);
    last = fmin(last, (double)s->n);
    for (size_t i = (size_t)first; (double)i < last; i++)
        sum += s->counts[i];
    return sum;
}

enum status spectrum_limits(const float *values, size_t n, double fraction, double *low, double *high) {
    double *kept = malloc((n ? n : 1) * sizeof *kept);
    if (!kept)
        return STATUS_NO_MEMORY;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (values[i] > 0 && isfinite(values[i]))
            kept[m++] = (double)values[i];
    enum status status = STATUS_TOO_FEW;
    if (m >= 10) {
        *low = robust_quantile(kept, m, fraction);
        *high = robust_quantile(kept, m, 1 - fraction);
        status = STATUS_OK;
    }
    free(kept);
    return status;
}
