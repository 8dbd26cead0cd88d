/* daemon/pixel_pulse.h - a pixel's average pulse and noise, as messages, pages and files carry them.   pixel_model --pixel_pulse_of--> pixel_pulse
 * The noise is that of the pixel's prediction filter, whose WHITENER_ORDER + 1 taps a leave noise of variance 1:
 *     S(f) = 2 dt / |sum_k a_k exp(-2 pi i f k dt)|^2,  one-sided, counts^2/Hz.
 * Without usable noise records the filter takes noise for white, of the variance that its pulses' residuals have: a flat S, and `white` says so. */
#ifndef TESD_DAEMON_PIXEL_PULSE_H
#define TESD_DAEMON_PIXEL_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/pixel_model.h"

enum { PULSE_NOISE = 129 };

struct pixel_pulse {
    uint32_t n_samples, n_presamples;   /* n_samples 0: no average pulse is known */
    double sample_period_s;
    const float *pulse;                 /* n_samples, maximum 1; borrowed of the model */
    bool has_noise, white;
    double noise_psd[PULSE_NOISE];      /* counts^2/Hz, from 0 to half the sampling frequency, evenly */
};

void pixel_pulse_of(const struct pixel_model *model, struct pixel_pulse *out);   /* model NULL: nothing is known */

#endif
