/* calib/calibration_pair.h - which calibration, or which two, give a pixel's energies at a time.
 *   tables by time + pixel + time --> {before, after, weight};   heights + pair --> energy_eV and its errors
 * Causal (a running experiment, or a frozen calibration): the latest that started before. Two-sided (everything is known): the
 * calibrations on either side, and between the middles of the two log gain goes linearly with time:
 *   ln E = (1 - weight) ln E_before(p) + weight ln E_after(p).
 * Never across a lock-point jump: before the jumped calibration the older one holds alone, until the jump where its time is known
 * (before_until_ns), and from the newer one's start on that one alone; in between none does.
 * A calibration in which the lines stepped is a wall: from its start on nothing older holds, its own curve from the step on if it has one. */
#ifndef TESD_CALIB_CALIBRATION_PAIR_H
#define TESD_CALIB_CALIBRATION_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_table.h"

struct calibration_pair {
    const struct pixel_calibration *before;  /* the one to use, with a curve; NULL: none at this time */
    const struct pixel_calibration *after;   /* NULL: `before` alone */
    double weight;                           /* of `after`, 0..1 */
};

/* tables by start time; borrowed. */
struct calibration_pair calibration_pair_latest(struct calibration_table *const *tables, size_t n, uint32_t pixel, int64_t time_ns);
struct calibration_pair calibration_pair_between(struct calibration_table *const *tables, size_t n, uint32_t pixel, int64_t time_ns);

/* height_before, height_after: the same record corrected for either calibration (its own drift reference). Needs before. The
 * pixel's errors of the two are independent, the table's is common to both. */
struct curve_value calibration_pair_value(const struct calibration_pair *p, float height_before, float height_after);

/* How far a line at energy_eV seems to have moved between two times for no other reason than that their calibrations differ, 1 sigma in eV: the
 * pixel's errors of the curves, each by how much its weight has changed. 0 where both times have the same; both need before. */
double calibration_pair_change_sigma(const struct calibration_pair *then, const struct calibration_pair *now, double energy_eV);

#endif
