#include "calib/spectrum_shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/spectrum.h"
#include "pulse/robust.h"

enum { FEWEST_PIXELS = 5, FEWEST_COUNTS = 100, SMOOTH_BINS = 8 };

/* Integral of the squared smoothing kernel, in bins: what is left of the variance of a bin. */
static const double KERNEL_SQUARED = 0.2821 * 2.3548 / SMOOTH_BINS;

struct spectrum_shapes {
    double low, width;
    size_t n_bins;
    uint32_t n_pixels, n_added;
    float *density;      /* n_pixels x n_bins: smoothed counts */
    double *counts;      /* per pixel; 0: not added */
    double *median;      /* n_bins, of densities with total 1 */
};

enum status spectrum_shapes_new(double low_eV, double high_eV, double bin_eV, uint32_t n_pixels, struct spectrum_shapes **out) {
    double bins = ceil((high_eV - low_eV) / bin_eV);
    if (!(bins >= 16) || !(bins <= 65536))
        return STATUS_BAD_VALUE;
    struct spectrum_shapes *s = calloc(1, sizeof *s);
    if (!s)
        return STATUS_NO_MEMORY;
    *s = (struct spectrum_shapes){.low = low_eV, .width = bin_eV, .n_bins = (size_t)bins, .n_pixels = n_pixels};
    s->density = calloc((size_t)n_pixels * s->n_bins + 1, sizeof *s->density);
    s->counts = calloc(n_pixels + (size_t)1, sizeof *s->counts);
    s->median = calloc(s->n_bins, sizeof *s->median);
    if (!s->density || !s->counts || !s->median) {
        spectrum_shapes_free(s);
        return STATUS_NO_MEMORY;
    }
    *out = s;
    return STATUS_OK;
}

void spectrum_shapes_free(struct spectrum_shapes *s) {
    if (!s)
        return;
    free(s->density);
    free(s->counts);
    free(s->median);
    free(s);
}

enum status spectrum_shapes_add(struct spectrum_shapes *s, uint32_t pixel, const double *energy_eV, size_t n) {
    struct spectrum *raw, *smooth;
    enum status status = spectrum_new(s->low, s->width, s->n_bins, &raw);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        if (isfinite(energy_eV[i]))
            spectrum_add(raw, energy_eV[i], 1);
    status = spectrum_smooth(raw, SMOOTH_BINS * s->width, &smooth);
    double total = raw->total;
    spectrum_free(raw);
    if (status != STATUS_OK)
        return status;
    for (size_t b = 0; b < s->n_bins; b++)
        s->density[pixel * s->n_bins + b] = (float)smooth->counts[b];
    spectrum_free(smooth);
    s->n_added += total > 0;
    s->counts[pixel] = total;
    return STATUS_OK;
}

enum status spectrum_shapes_finish(struct spectrum_shapes *s) {
    if (s->n_added < FEWEST_PIXELS)
        return STATUS_TOO_FEW;
    double *values = malloc(s->n_pixels * sizeof *values);
    if (!values)
        return STATUS_NO_MEMORY;
    for (size_t b = 0; b < s->n_bins; b++) {
        size_t n = 0;
        for (uint32_t p = 0; p < s->n_pixels; p++)
            if (s->counts[p] > 0)
                values[n++] = (double)s->density[p * s->n_bins + b] / s->counts[p];
        s->median[b] = robust_median(values, n);
    }
    free(values);
    return STATUS_OK;
}

double spectrum_shapes_distance(const struct spectrum_shapes *s, uint32_t pixel, double from_eV) {
    const float *own = s->density + pixel * s->n_bins;
    double first = fmax(ceil((from_eV - s->low) / s->width), 0), mine = 0, typical = 0, distance = 0, chance = 0;
    for (size_t b = (size_t)fmin(first, (double)s->n_bins); b < s->n_bins; b++) {
        mine += (double)own[b];
        typical += s->median[b];
    }
    if (!(s->counts[pixel] > 0) || mine < FEWEST_COUNTS || !(typical > 0))
        return NAN;
    for (size_t b = (size_t)first; b < s->n_bins; b++) {
        double m = s->median[b] / typical;
        distance += 0.5 * fabs((double)own[b] / mine - m);
        chance += 0.5 * sqrt(0.6366 * KERNEL_SQUARED * m / mine);
    }
    return fmax(distance - chance, 0);
}
