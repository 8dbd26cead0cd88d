/* calib/scan_live_time.h - grade times and sensitivities of a scan -> live time of its maps and yields, errors, and the test that
 * all grades agree.   live_time_s[i] = sum_p eps_p LT[p, i] / sum_p eps_p over the pixels and grades of the product (live-time.md 3). Pure. */
#ifndef TESD_CALIB_SCAN_LIVE_TIME_H
#define TESD_CALIB_SCAN_LIVE_TIME_H

#include "calib/scan_products.h"

/* Sets live_time_s of the scan (for its maps) and of each yield, and the yields' crowding: with lambda the rate counted, r that of all
 * events and m = window_s, the variance of counts is N (1 + crowding), crowding = sum_p share_p lambda_p kappa_p,
 * kappa = 2 (1 - exp(-r m)) / r. To be called again when counts, times or sensitivities change. */
void scan_live_time_settle(struct scan_products *p);

/* Every grade measures the same rate of events: chi2 of the events of grades 0-3 against what their live times and the rate in each
 * point, as seen by the other pixels, lead to expect; one common factor is free. n_grades: those with any live time; chi2 has one
 * degree of freedom less. NaN when nothing was counted, or by one pixel only. */
struct grade_agreement { double chi2; unsigned n_grades; };
struct grade_agreement scan_live_time_agreement(const struct scan_products *p);

/* Seconds of one pixel in one grade, all points. */
double scan_live_time_pixel(const struct scan_products *p, uint32_t pixel, unsigned grade);

#endif
