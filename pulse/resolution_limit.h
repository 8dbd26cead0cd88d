/* pulse/resolution_limit.h - how well any linear estimate of one record can know the energy: the Cramer-Rao limit for known pulse shape
 * and Gaussian noise of known covariance, with unknown baseline and unknown arrival. Tones count as waves of unknown phase. */
#ifndef TESD_PULSE_RESOLUTION_LIMIT_H
#define TESD_PULSE_RESOLUTION_LIMIT_H

#include <stdint.h>

#include "pulse/pixel_sim.h"
#include "pulse/status.h"

/* FWHM in keV at this energy, rounding to whole counts included. STATUS_NOT_POSITIVE when the covariance is not. */
enum status resolution_limit(const struct pixel_sim *p, uint32_t n_samples, uint32_t n_presamples, double deposited_keV, double *fwhm_keV);

#endif
