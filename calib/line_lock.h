/* calib/line_lock.h - what a line of the sample says about the drift of gains during the scans (doc/methods.md, Lines and curves; off by default).
 *   photons near the line --line_lock_add, find--> shift of every pixel at knots in time --line_lock_at--> relative correction
 * A stretch is a row of scans of one sample between two calibrations. Where the sample's line lies is not known to fractions of an eV, so only
 * its movement within a stretch counts, as a walk that is pinned at the calibrations (drift_walk.h). The mode common to all pixels is followed
 * fast, a pixel's own part slowly, with one variance for all pixels: each is drawn to the common one by its errors. Where the counts
 * do not insist on a drift its variance is 0, and nothing is done.
 *
 * Guards, each with its reason in the stretch:
 *   - photons of incident energies less than 30 eV above the line's edge never count: there the line moves with the excitation (K edge,
 *     resonant La);
 *   - movement that goes with the incident energy and repeats from scan to scan is the sample's (self-absorption at another edge): refused;
 *     so is a stretch in which time and incident energy cannot be told apart;
 *   - fewer than three windows' worth of counts, or a line not above its background: refused;
 *   - from one knot to the next at most 0.2 eV are believed; a pixel that would have to be moved by more than 3 eV is not moved at all.
 * Never used across a calibration, never causal. */
#ifndef TESD_CALIB_LINE_LOCK_H
#define TESD_CALIB_LINE_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/line_table.h"
#include "pulse/status.h"

enum { LOCK_MAX_KNOTS = 200 };   /* of one stretch */

struct lock_stretch {
    int64_t start_ns, end_ns;              /* of the scans */
    int64_t before_ns, after_ns;           /* middles of the calibrations on either side; INT64_MIN, INT64_MAX: none */
    uint32_t n_scans;
    /* found: */
    uint64_t photons;                      /* near the line, allowed to count */
    bool locked;
    char reason[120];                      /* why not; "" when locked */
    double excitation_eV, excitation_sigma_eV;   /* movement of the line over the range of incident energies; NaN not looked for */
    uint32_t first_knot, n_knots;
};

struct line_lock {
    struct reference_line line;
    double reach_eV, above_eV;             /* photons within reach of the line, and of incident energies above this */
    uint32_t n_pixels;
    size_t n_stretches;
    struct lock_stretch *stretches;        /* by time, owned */
    size_t n_knots;
    int64_t *knot_ns;                      /* n_knots */
    double *common_eV, *common_sigma_eV;   /* n_knots: where the line lay in the array against the table, as measured */
    float *shift_eV, *sigma_eV;            /* n_pixels x n_knots: movement taken out, at the line's energy, and its error */
    uint32_t pixels_refused;               /* more than 3 eV */
    struct lock_store *store;              /* photons until _find */
};

/* Stretches are copied. resolution_eV: FWHM of the typical pixel. */
enum status line_lock_new(const struct reference_line *line, double resolution_eV, const struct lock_stretch *stretches, size_t n_stretches, uint32_t n_pixels,
                          struct line_lock **out);
void line_lock_free(struct line_lock *l);

/* Takes what may count of these; any order. energy_eV as the curves have it. */
enum status line_lock_add(struct line_lock *l, uint32_t pixel, int64_t time_ns, double energy_eV, double incident_eV);

/* After the last photon. */
enum status line_lock_find(struct line_lock *l);

/* energy_eV x (1 + gain) is the corrected energy; *sigma: relative error of it. 0 and 0 outside locked stretches. */
double line_lock_at(const struct line_lock *l, uint32_t pixel, int64_t time_ns, double *sigma);

#endif
