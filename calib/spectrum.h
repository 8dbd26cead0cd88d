/* calib/spectrum.h - 1-D histogram on a height or energy axis, and its smooth.
 * Uniform left-closed bins: bin i covers [low + i width, low + (i + 1) width). Values outside are not counted. */
#ifndef TESD_CALIB_SPECTRUM_H
#define TESD_CALIB_SPECTRUM_H

#include <stddef.h>

#include "pulse/status.h"

struct spectrum {
    double low, width;  /* axis units; width > 0 */
    size_t n;
    double *counts;     /* per bin; a smoothed spectrum has fractions */
    double total;       /* sum of counts */
};

/* Empty. STATUS_BAD_VALUE: no bins, or low or width not finite, or width <= 0. */
enum status spectrum_new(double low, double width, size_t n, struct spectrum **out);
void spectrum_free(struct spectrum *s);

void spectrum_fill(struct spectrum *s, const float *values, size_t n);
void spectrum_add(struct spectrum *s, double value, double count);

/* Convolved with a Gaussian of this full width at half maximum (axis units; cut at 4 sigma, counts conserved except for
 * what leaves the axis). fwhm below a third of a bin: a copy. */
enum status spectrum_smooth(const struct spectrum *s, double fwhm, struct spectrum **out);

double spectrum_centre(const struct spectrum *s, size_t bin);
/* Linear between bin centres, counts per bin; 0 outside. */
double spectrum_value(const struct spectrum *s, double at);
/* Sum of counts in [from, to), whole bins by their centres. */
double spectrum_sum(const struct spectrum *s, double from, double to);

/* Robust limits of positive finite values: the quantiles at `fraction` and 1 - fraction. A saturated pulse or a noise trigger
 * must not coarsen every bin. STATUS_TOO_FEW: fewer than 10 positive values. */
enum status spectrum_limits(const float *values, size_t n, double fraction, double *low, double *high);

#endif
