/* calib/gain_spline.h - the gain g(p) = p / E as a natural cubic spline through (height, energy) points, straight outside;
 * E(p) = p / g(p). The bare curve: calibration_curve adds errors, trust and a fast table. */
#ifndef TESD_CALIB_GAIN_SPLINE_H
#define TESD_CALIB_GAIN_SPLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/natural_spline.h"

/* Points by increasing height, n 2..NATURAL_SPLINE_MAX, all > 0. */
void gain_spline_init(struct natural_spline *g, const double *height, const double *energy_eV, size_t n);

double gain_spline_energy(const struct natural_spline *g, double height);
double gain_spline_slope(const struct natural_spline *g, double height);   /* dE/dp, eV per unit */

/* Gain positive and energy increasing from 0 to 1.05 x the highest point, 1001 samples (doc/methods.md, Lines and curves). */
bool gain_spline_is_monotone(const struct natural_spline *g);

/* Height of an energy by bisection in 0..limit; the spline must be monotone there. NaN if the energy lies above. */
double gain_spline_height(const struct natural_spline *g, double energy_eV, double limit);

#endif
