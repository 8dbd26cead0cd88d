/* calib/scan_consistency.h - does each repeat of a scan agree with the sum of the others? Radiation damage, drift and a wrong sample show here.
 *   counts of repeats (repeat_counts.h) --scan_consistency_judge--> chi2 of map and PFYs, ratio of yields, shifts along both axes, flags
 * With n counts at exposure q in one cell and N at Q in the others, the residual is r = n - f (q/Q) N, f the ratio of yields of the two over
 * everything (free, so that a drift of I0 is told as f and not as a change of shape), its variance under one common rate
 * v = lambda f q (1 + f q / Q), lambda = (n + N) / (f q + Q). Cells are joined until LEAST counts are in them. q = I0 x sum eps LT, so
 * scans with other pixels compare. A shift is the least-squares size of the derivative of the others' spectrum in the residuals. Pure. */
#ifndef TESD_CALIB_SCAN_CONSISTENCY_H
#define TESD_CALIB_SCAN_CONSISTENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/repeat_counts.h"
#include "calib/scan_products.h"
#include "pulse/status.h"

/* z: chi2 as a deviate of a normal distribution (Wilson and Hilferty); NaN with fewer than 3 cells. */
struct chi2_test { double chi2, z; uint32_t dof; };

enum consistency_flag {
    INCONSISTENT_MAP = 1,        /* map against the others' beyond LIMIT */
    INCONSISTENT_YIELD = 2,      /* a PFY's shape */
    INCONSISTENT_INCIDENT = 4,   /* shifted along the incident energy */
    INCONSISTENT_EMISSION = 8    /* shifted along the emission energy */
};
#define CONSISTENCY_LIMIT 4.0    /* standard deviations */

struct scan_consistency {
    int32_t scan_number;
    uint32_t n_points;           /* that had exposure in this scan and in the others */
    double ratio, ratio_sigma;   /* f: of photons in the map per exposure, this scan over the others */
    struct chi2_test map;
    struct chi2_test *yields;    /* one per window of the products; owned */
    double *yield_ratio, *yield_ratio_sigma;   /* the same of each window; owned */
    double incident_shift_eV, incident_shift_sigma_eV, emission_shift_eV, emission_shift_sigma_eV;   /* NaN unknown */
    uint32_t flags;
};

/* n >= 2 repeats of one group (scan_repeat.h), same axes and windows. *out: n new entries, in their order. STATUS_TOO_FEW: fewer than 2. */
enum status scan_consistency_judge(const struct repeat_counts *const *repeats, size_t n, struct scan_consistency **out);
enum status scan_consistency_judge_products(struct scan_products *const *products, size_t n, struct scan_consistency **out);
/* Whether exposures of the repeats are I0 x live time: all have an I0 above 0 somewhere. Else they are live times alone. */
bool scan_consistency_by_i0(const struct repeat_counts *const *repeats, size_t n);
void scan_consistency_free(struct scan_consistency *list, size_t n);

#endif
