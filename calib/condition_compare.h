/* calib/condition_compare.h - two conditions of a sample: are their yields the same, and how many counts would tell?
 *   counts and exposures of A and B, point by point --condition_*--> ratio, difference, significance, counts still needed
 * Exposure q = I0 x live time x weight of the pixels, so that files with other pixels compare. Variances are counts': N (1 + crowding) / q^2,
 * never an upper limit, so that sums of many near-empty points have the error of their total. Pure. */
#ifndef TESD_CALIB_CONDITION_COMPARE_H
#define TESD_CALIB_CONDITION_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/status.h"

/* What was subtracted of all points. */
struct pre_edge { double level, slope, centre_eV, level_variance, slope_variance; uint32_t points; };

/* Yields of one condition at n points; rows with exposure not above 0 are left out everywhere. Owned. */
struct condition_curve {
    uint32_t n;
    double *incident_eV, *counts, *exposure;
    double *yield, *variance;    /* after normalising and subtracting: what is compared */
    struct pre_edge background;  /* its errors, and this relative variance, are common to all points: sums know it */
    double common_relative;
};
enum status condition_curve_new(uint32_t n, struct condition_curve *out);
void condition_curve_done(struct condition_curve *c);
/* yield and variance from counts and exposure; relative_i0[k] (NULL: 0) is the relative error of I0, excess[k] (NULL: 0) the crowding. */
void condition_curve_settle(struct condition_curve *c, const double *relative_i0, const double *excess);

/* Sum of yields of the points with lo <= incident_eV <= hi at which both curves have a yield. */
struct condition_sum { double value, variance, counts; uint32_t points; };
struct condition_sum condition_sum_of(const struct condition_curve *c, const struct condition_curve *other, double lo_eV, double hi_eV);

/* Divides yields by the area of a reference (its sum of yields); the reference's own error is added. */
void condition_curve_normalise(struct condition_curve *c, const struct condition_sum *area);

/* What is constant, or a straight line, before the edge is subtracted from every point: maximum likelihood of the counts with
 * lo <= incident_eV <= hi under b(E) x exposure. STATUS_TOO_FEW: fewer than 2 (line: 3) points with exposure, or no counts. */
enum status condition_pre_edge(struct condition_curve *c, double lo_eV, double hi_eV, bool line, struct pre_edge *out);

/* ratio NaN: nothing in B. sigma NaN: that, or not a count in A, which says nothing of how few could have come. */
struct condition_ratio { double ratio, sigma, difference, difference_sigma, significance; };   /* significance: difference / its error */
struct condition_ratio condition_ratio_of(const struct condition_sum *a, const struct condition_sum *b);

/* Do the shapes agree: chi2 of A - f B over points where either has 10 counts or more joined to that, f free. dof 0: nothing to compare. */
struct condition_shape { double chi2; uint32_t dof; };
struct condition_shape condition_shape_of(const struct condition_curve *a, const struct condition_curve *b);

/* Counts that A and B together still need until the ratio's relative error is `wanted`, measured on as they were; 0: it is good enough. */
double condition_counts_needed(const struct condition_sum *a, const struct condition_sum *b, double wanted);

#endif
