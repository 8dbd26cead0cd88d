#include "daemon/pixel_detail.h"

#include <math.h>
#include <stddef.h>

int pixel_detail_bin(float energy_eV) {
    const double at = ((double)energy_eV - DETAIL_LOW_EV) * DETAIL_BINS_PER_EV;
    return at >= 0 && at < DETAIL_BINS ? (int)at : -1;
}

static void put(struct pixel_detail *d, struct data_array a) { d->arrays[d->n_arrays++] = a; }

static void put_numbers(struct pixel_detail *d, const char *name, const char *units, const char *text, uint64_t n, const double *values) {
    put(d, (struct data_array){ .name = name, .role = ROLE_AUX, .type = ARRAY_F8, .rank = 1, .shape = { n }, .units = units, .long_name = text, .data = values });
}

static void put_spectrum(struct pixel_detail *d, const uint32_t *spectrum) {
    for (unsigned k = 0; k < DETAIL_BINS; k++)
        d->energy_eV[k] = (float)(DETAIL_LOW_EV + (k + 0.5) / DETAIL_BINS_PER_EV);
    put(d, (struct data_array){ .name = "counts", .role = ROLE_SIGNAL, .type = ARRAY_U4, .rank = 1, .shape = { DETAIL_BINS }, .units = "counts", .long_name = "photons", .data = spectrum });
    put(d, (struct data_array){ .name = "energy", .role = ROLE_AXIS, .type = ARRAY_F4, .rank = 1, .shape = { DETAIL_BINS }, .units = "eV", .long_name = "energy", .data = d->energy_eV });
}

/* From half the lowest anchor's height to a tenth beyond the highest. */
static void put_curve(struct pixel_detail *d, const struct calibration_curve *curve) {
    const struct curve_anchor *anchors;
    const size_t n = calibration_curve_anchors(curve, &anchors);
    const double lo = 0.5 * anchors[0].height, hi = 1.1 * anchors[n - 1].height;
    for (unsigned k = 0; k < DETAIL_CURVE; k++) {
        const double height = lo + (hi - lo) * k / (DETAIL_CURVE - 1);
        const struct curve_value v = calibration_curve_value(curve, (float)height);
        d->curve_energy_eV[k] = (double)v.energy_eV;
        d->curve_gain[k] = height / (double)v.energy_eV;
        d->curve_sigma_eV[k] = (double)v.sigma_eV;
    }
    for (size_t k = 0; k < n; k++) {
        d->anchor_energy_eV[k] = anchors[k].energy_eV;
        d->anchor_gain[k] = anchors[k].height / anchors[k].energy_eV;
        d->anchor_sigma_gain[k] = anchors[k].height_sigma / anchors[k].energy_eV;
    }
    put_numbers(d, "curve_energy", "eV", "energy", DETAIL_CURVE, d->curve_energy_eV);
    put_numbers(d, "curve_gain", "1/eV", "height / energy", DETAIL_CURVE, d->curve_gain);
    put_numbers(d, "curve_sigma", "eV", "standard deviation of the energy", DETAIL_CURVE, d->curve_sigma_eV);
    put_numbers(d, "anchor_energy", "eV", "energy of the line", n, d->anchor_energy_eV);
    put_numbers(d, "anchor_gain", "1/eV", "height / energy", n, d->anchor_gain);
    put_numbers(d, "anchor_gain_errors", "1/eV", "standard deviation", n, d->anchor_sigma_gain);
}

void pixel_detail_set(struct pixel_detail *d, const uint32_t *spectrum, const struct pixel_pulse *pulse, const struct calibration_curve *curve) {
    d->n_arrays = 0;
    if (spectrum != NULL)
        put_spectrum(d, spectrum);
    if (curve != NULL)
        put_curve(d, curve);
    if (pulse != NULL && pulse->n_samples > 0)
        put(d, (struct data_array){ .name = "pulse", .role = ROLE_AUX, .type = ARRAY_F4, .rank = 1, .shape = { pulse->n_samples }, .units = "", .long_name = "average pulse, maximum 1", .data = pulse->pulse });
    if (pulse != NULL && pulse->has_noise)
        put_numbers(d, "noise_psd", "counts^2/Hz", pulse->white ? "noise, taken for white: the residuals of pulses" : "noise", PULSE_NOISE, pulse->noise_psd);
}

json_t *pixel_detail_keys(uint32_t pixel, const struct pixel_pulse *pulse) {
    const bool known = pulse != NULL && pulse->sample_period_s > 0;
    return json_pack("{s:i, s:o, s:o, s:b}", "pixel", (int)pixel, "sample_period_s", known ? json_real(pulse->sample_period_s) : json_null(), "n_presamples",
                     known ? json_integer(pulse->n_presamples) : json_null(), "noise_is_white", pulse != NULL && pulse->has_noise && pulse->white);
}
