/* daemon/pixel_detail.h - what somebody who opens one pixel sees: its spectrum, the curve of its calibration, its average pulse and its noise, as
 * arrays that a message or a page carries (doc/stream.md, detail/<n>/).   counts by energy + pulse + curve --pixel_detail_set--> arrays, --_keys--> keys */
#ifndef TESD_DAEMON_PIXEL_DETAIL_H
#define TESD_DAEMON_PIXEL_DETAIL_H

#include <jansson.h>
#include <stdint.h>

#include "calib/calibration_curve.h"
#include "daemon/data_array.h"
#include "daemon/pixel_pulse.h"

enum { DETAIL_BINS = 2600, DETAIL_LOW_EV = 100, DETAIL_BINS_PER_EV = 2, DETAIL_CURVE = 65, DETAIL_ARRAYS = 10 };

/* The bin of a photon's energy; -1: outside, or not a number. */
int pixel_detail_bin(float energy_eV);

struct pixel_detail {
    unsigned n_arrays;
    struct data_array arrays[DETAIL_ARRAYS];   /* borrow from below, from the spectrum and from the pulse */
    float energy_eV[DETAIL_BINS];              /* centres of the bins */
    double curve_energy_eV[DETAIL_CURVE], curve_gain[DETAIL_CURVE], curve_sigma_eV[DETAIL_CURVE];   /* gain: height / energy */
    double anchor_energy_eV[CURVE_MAX_ANCHORS], anchor_gain[CURVE_MAX_ANCHORS], anchor_sigma_gain[CURVE_MAX_ANCHORS];
};

/* spectrum: DETAIL_BINS counts; each of the three may be NULL, and its arrays are then not there. The detail must stay where it is. */
void pixel_detail_set(struct pixel_detail *d, const uint32_t *spectrum, const struct pixel_pulse *pulse, const struct calibration_curve *curve);
/* pixel, sample_period_s, n_presamples, noise_is_white; a new reference. */
json_t *pixel_detail_keys(uint32_t pixel, const struct pixel_pulse *pulse);

#endif
