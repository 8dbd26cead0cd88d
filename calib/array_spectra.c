#include "calib/array_spectra.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "calib/spectrum.h"

static const double floor_counts = 0.15, bins_per_kernel = 4, fwhm_per_sigma = 2.3548200450309493;

struct array_spectra {
    double low, width, kernel;
    size_t n_bins, n_cells;
    struct spectrum *counts;     /* of the cell being settled; one for all */
    float *psi, *weight;         /* n_cells x n_bins; until settled, psi holds counts */
};

enum status array_spectra_new(double low_eV, double high_eV, double kernel_eV, size_t n_cells, struct array_spectra **out) {
    if (!(kernel_eV > 0) || !(high_eV > low_eV) || n_cells == 0)
        return STATUS_BAD_VALUE;
    struct array_spectra *s = calloc(1, sizeof *s);
    if (s == NULL)
        return STATUS_NO_MEMORY;
    *s = (struct array_spectra){ .low = low_eV, .width = kernel_eV / bins_per_kernel, .kernel = kernel_eV, .n_cells = n_cells };
    s->n_bins = (size_t)ceil((high_eV - low_eV) / s->width) + 2;
    s->psi = calloc(n_cells * s->n_bins, sizeof *s->psi);
    s->weight = calloc(n_cells * s->n_bins, sizeof *s->weight);
    if (s->psi == NULL || s->weight == NULL || spectrum_new(low_eV, s->width, s->n_bins, &s->counts) != STATUS_OK) {
        array_spectra_free(s);
        return STATUS_NO_MEMORY;
    }
    *out = s;
    return STATUS_OK;
}

void array_spectra_free(struct array_spectra *s) {
    if (s == NULL)
        return;
    spectrum_free(s->counts);
    free(s->psi);
    free(s->weight);
    free(s);
}

void array_spectra_clear(struct array_spectra *s) {
    memset(s->psi, 0, s->n_cells * s->n_bins * sizeof *s->psi);
}

/* Bin and the share of the next one, by centres. False: outside. */
static bool place(const struct array_spectra *s, double energy_eV, size_t *bin, float *share) {
    double at = (energy_eV - s->low) / s->width - 0.5;
    if (!(at >= 0) || !(at < (double)(s->n_bins - 1)))
        return false;
    *bin = (size_t)at;
    *share = (float)(at - (double)*bin);
    return true;
}

void array_spectra_add(struct array_spectra *s, size_t cell, double energy_eV) {
    size_t bin;
    float share;
    if (!place(s, energy_eV, &bin, &share))
        return;
    float *counts = s->psi + cell * s->n_bins + bin;
    counts[0] += 1 - share;
    counts[1] += share;
}

/* f'/f of smoothed counts. */
static void slope_of(const struct array_spectra *s, const struct spectrum *f, double *psi) {
    const double floor_per_bin = floor_counts / bins_per_kernel;
    for (size_t b = 0; b < s->n_bins; b++) {
        double before = b > 0 ? f->counts[b - 1] : 0, after = b + 1 < s->n_bins ? f->counts[b + 1] : 0;
        psi[b] = (after - before) / (2 * s->width * (f->counts[b] + floor_per_bin));
    }
}

static enum status settle_cell(struct array_spectra *s, size_t cell) {
    float *psi = s->psi + cell * s->n_bins, *weight = s->weight + cell * s->n_bins;
    struct spectrum *smooth = NULL, *curvature = NULL;
    for (size_t b = 0; b < s->n_bins; b++)
        s->counts->counts[b] = (double)psi[b];
    enum status status = spectrum_smooth(s->counts, s->kernel * fwhm_per_sigma, &smooth);
    if (status == STATUS_OK) {
        slope_of(s, smooth, s->counts->counts);
        for (size_t b = 0; b < s->n_bins; b++) {
            psi[b] = (float)s->counts->counts[b];
            s->counts->counts[b] *= s->counts->counts[b];
        }
        status = spectrum_smooth(s->counts, s->kernel * fwhm_per_sigma, &curvature);
    }
    for (size_t b = 0; status == STATUS_OK && b < s->n_bins; b++)
        weight[b] = (float)curvature->counts[b];
    spectrum_free(smooth);
    spectrum_free(curvature);
    return status;
}

enum status array_spectra_settle(struct array_spectra *s) {
    enum status status = STATUS_OK;
    for (size_t cell = 0; cell < s->n_cells && status == STATUS_OK; cell++)
        status = settle_cell(s, cell);
    return status;
}

struct array_pull array_spectra_pull(const struct array_spectra *s, size_t cell, double energy_eV) {
    size_t bin;
    float share;
    if (!place(s, energy_eV, &bin, &share))
        return (struct array_pull){ 0, 0 };
    const float *psi = s->psi + cell * s->n_bins + bin, *weight = s->weight + cell * s->n_bins + bin;
    return (struct array_pull){ (double)(psi[0] + share * (psi[1] - psi[0])), (double)(weight[0] + share * (weight[1] - weight[0])) };
}
