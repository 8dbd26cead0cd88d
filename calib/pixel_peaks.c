#include "calib/pixel_peaks.h"

#include <math.h>
#include <stdio.h>

#include "calib/calibration_verdict.h"
#include "calib/peak_find.h"
#include "calib/pixel_calibration.h"
#include "calib/spectrum.h"

/* Smoothing: 0.4 % of the highest pulses, the 4 eV at 1 keV of doc/methods.md, Lines and curves. Limits leave out the wildest thousandth. */
static const double SMOOTH = 4e-3, OUTLIERS = 1e-3;

enum { PEAKS = 256 };

static enum status smooth_spectrum(const struct calibration_heights *heights, struct spectrum **out, double *kernel_bins) {
    double low, high;
    enum status status = spectrum_limits(heights->heights, heights->n, OUTLIERS, &low, &high);
    if (status != STATUS_OK)
        return status;
    double fwhm = SMOOTH * high, width = fwhm / 8;
    struct spectrum *raw;
    status = spectrum_new(fmax(low - 2 * fwhm, 0), width, (size_t)ceil((fmin(high - low, high) + 4 * fwhm) / width), &raw);
    if (status != STATUS_OK)
        return status;
    spectrum_fill(raw, heights->heights, heights->n);
    status = spectrum_smooth(raw, fwhm, out);
    spectrum_free(raw);
    *kernel_bins = 1.064 * fwhm / width;
    return status;
}

static void keep_peaks(const struct peak *peaks, size_t n, double kernel_bins, struct pixel_calibration *out) {
    out->n_fits = (uint32_t)(n < CURVE_MAX_ANCHORS ? n : CURVE_MAX_ANCHORS);
    for (uint32_t k = 0; k < out->n_fits; k++) {
        out->fits[k] = (struct anchor_fit){.energy_eV = NAN, .energy_unc_eV = NAN, .height = peaks[k].at, .height_sigma = NAN, .fwhm_eV = NAN,
                                           .fwhm_sigma_eV = NAN, .counts = peaks[k].prominence * kernel_bins, .deviance_per_dof = NAN, .residual_eV = NAN};
        snprintf(out->fits[k].line, sizeof out->fits[k].line, "peak%u", k + 1);
    }
}

enum status pixel_peaks_list(const struct calibration_heights *heights, struct pixel_calibration *out) {
    *out = (struct pixel_calibration){.verdict = VERDICT_NO_TABLE, .resolution_eV = NAN, .resolution_sigma_eV = NAN, .pulses = (double)heights->n,
                                      .jump = NAN, .step = NAN, .shape_distance = NAN};
    if (heights->n < CALIBRATION_MIN_PULSES) {
        calibration_verdict_condemn(out, "too few pulses (%zu, %d are needed)", heights->n, CALIBRATION_MIN_PULSES);
        return STATUS_OK;
    }
    struct spectrum *smooth = NULL;
    double kernel_bins = 0;
    struct peak peaks[PEAKS];
    enum status status = smooth_spectrum(heights, &smooth, &kernel_bins);
    size_t n = status == STATUS_OK ? peak_find(smooth, peaks, PEAKS) : 0;
    keep_peaks(peaks, peak_find_drop_ripples(peaks, n, kernel_bins), kernel_bins, out);
    spectrum_free(smooth);
    calibration_verdict_note(out, "no line table, so no curve; %u peaks", out->n_fits);
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}
