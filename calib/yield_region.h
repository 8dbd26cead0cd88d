/* calib/yield_region.h - a named emission window and the PFY it gives: counts of photons with lo <= energy_eV < hi per point.
 * Counted from photons, not from map bins, so a window need not lie on bin edges. "tfy" is the window of all energies. */
#ifndef TESD_CALIB_YIELD_REGION_H
#define TESD_CALIB_YIELD_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "calib/scan_timeline.h"
#include "pulse/status.h"

struct yield_region {
    char name[32];              /* [A-Za-z0-9_]+; a part of file and stream names */
    double lo_eV, hi_eV;        /* [lo, hi) */
};

struct yield_spectrum {
    struct yield_region region;
    uint32_t n_points;
    uint32_t *counts;
    uint32_t grades_used;       /* bit g: grade g is counted */
    uint8_t *pixels_used;
    uint32_t n_pixels;
    double *live_time_s;        /* n_points; of its own grades and pixels (scan_live_time.h) */
    double *crowding;           /* n_points; what the variance of counts exceeds Poisson's by, relative: close pairs are lost together */
};

/* Windows at least this wide do not mind the larger width of lines in lesser grades (doc/methods.md, Live time: some 8 FWHM). */
#define WIDE_REGION_EV 12.0

/* Grade high alone is counted until grades_used is set: lesser grades only where their energies are as true as those of grade high, which
 * whoever measured them knows. Live time is counted for exactly the grades that are used, so leaving some out costs counts, never a bias. */
enum status yield_spectrum_new(const struct yield_region *r, uint32_t n_points, uint32_t n_pixels, struct yield_spectrum **out);
void yield_spectrum_free(struct yield_spectrum *y);
void yield_spectrum_add(struct yield_spectrum *y, const struct photon_block *b, size_t i);
void yield_spectrum_remove(struct yield_spectrum *y, const struct photon_block *b, size_t i);  /* takes back what _add did */

enum yield_norm { YIELD_PER_LIVE_TIME, YIELD_PER_I0_LIVE_TIME };
struct yield_value { double yield, error; };  /* NaN where it cannot be */
/* counts / (i0 x live_time_s) or counts / live_time_s. Error: Poisson (Gehrels upper for < 10 counts: sqrt(N + 3/4) + 1), times
 * sqrt(1 + crowding), i0_sigma in quadrature. i0 <= 0 or NaN with YIELD_PER_I0_LIVE_TIME, or live_time_s <= 0, gives NaN. */
struct yield_value yield_value_of(uint32_t counts, enum yield_norm norm, double i0, double i0_sigma, double live_time_s, double crowding);

#endif
