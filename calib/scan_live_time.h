/* calib/scan_live_time.h - grade times and sensitivities of a scan -> live time of its maps and yields, errors, and the test that
 * all grades agree.   live_time_s[i] = sum_p eps_p LT[p, i] / sum_p eps_p over the pixels and grades of the product (doc/methods.md, Live time). Pure. */
#ifndef TESD_CALIB_SCAN_LIVE_TIME_H
#define TESD_CALIB_SCAN_LIVE_TIME_H

#include "calib/scan_products.h"

/* Sets live_time_s of the scan (for its maps) and of each yield, and the yields' crowding (scan_crowding.h). To be called again when counts, times or
 * sensitivities change. */
void scan_live_time_settle(struct scan_products *p);
/* The same for points first .. end - 1 alone, those that a running scan has changed: settling all costs points x pixels x yields each time. */
void scan_live_time_settle_points(struct scan_products *p, uint32_t first, uint32_t end);

/* sum_p eps LT of the maps in one point, ns: what its counts are divided by, whatever other scans it is added to. */
double scan_live_time_weighted_ns(const struct scan_products *p, uint32_t point);
/* sum_p eps_p over the pixels used. Counts over live_time_s are what all of them see together; divided by this, what one pixel of mean
 * sensitivity sees, whichever pixels they are: what two scans, or two files, with different pixels can be compared by. */
double scan_live_time_weight(const struct scan_products *p, const uint8_t *pixels_used);

/* sampled_time_ns of one pixel, once: from numbers of instants to ns, rows that sum to each point's dwell. The instants fall in free_ns[point],
 * what vetoes leave of the dwell. */
void scan_live_time_scale_sampled(struct scan_products *p, uint32_t pixel, const int64_t *free_ns);
/* live_time_s of the maps by either method, n_points each; sampled_time_ns is there. */
void scan_live_time_both(const struct scan_products *p, double *interval_s, double *sampled_s);

/* Every grade measures the same rate: events of the lesser grades against what their live times and the rate of high events in each
 * point, as seen by the other pixels, lead to expect. chi2 = d' V^-1 d with d the sums of the excesses and V their covariance, from the
 * scatter of the points (a close pair of photons gives an event to two grades at once, so grades are not independent). It has n_grades - 1
 * degrees of freedom, scaled so that chi2 / (n_grades - 1) is F-distributed when points are few. n_grades: high and the lesser ones
 * with 20 counts or more. NaN with fewer than 4 points per grade, or one pixel. */
struct grade_agreement { double chi2; unsigned n_grades; };
struct grade_agreement scan_live_time_agreement(const struct scan_products *p);

/* Seconds of one pixel in one grade, all points. */
double scan_live_time_pixel(const struct scan_products *p, uint32_t pixel, unsigned grade);

#endif
