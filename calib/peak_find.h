/* calib/peak_find.h - local maxima of a smoothed spectrum, ranked by prominence.
 * Prominence = maximum minus the mean of the two neighbouring minima (doc/methods.md, Lines and curves). */
#ifndef TESD_CALIB_PEAK_FIND_H
#define TESD_CALIB_PEAK_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/spectrum.h"

struct peak {
    double at;          /* axis units; vertex of the parabola through the three bins at the top */
    double value;       /* smoothed counts per bin at the top */
    double prominence;  /* smoothed counts per bin */
};

/* Most prominent first, at most max; returns how many. Neighbouring minima are the valleys towards the next local
 * maxima on either side, or the ends of the axis. Ripples of a spectrum that is not smooth are peaks too: smooth it first. */
size_t peak_find(const struct spectrum *smooth, struct peak *out, size_t max);

/* Ripples of a continuum are no lines: drops, in place, what is not worth 4 pulses, 2 sigma and 0.3 of its own height. kernel_bins: bins
 * whose counts add up in a smoothed bin (1.064 x fwhm / width). Returns how many are left. */
size_t peak_find_drop_ripples(struct peak *peaks, size_t n, double kernel_bins);

/* Highest local maximum within [from, to] (a maximum at an end of the range does not count); false if there is none. */
bool peak_find_highest(const struct spectrum *smooth, double from, double to, struct peak *out);

#endif
