/* calib/scan_crowding.h - how much wider than Poisson's the counts of a scan's yields scatter, because photons spoil each other (doc/methods.md, Live time).
 * With lambda the rate counted, r that of all events and m the shorter of the windows of the grades counted (window_s for grade high), the variance of
 * counts is N (1 + crowding), crowding = sum_p share_p lambda_p kappa_p, kappa = 2 (1 - exp(-r m)) / r, and more where grades mid and tail are both
 * counted, which spoil each other over longer times. Pure. */
#ifndef TESD_CALIB_SCAN_CROWDING_H
#define TESD_CALIB_SCAN_CROWDING_H

#include "calib/live_weights.h"

/* Sets the crowding of all yields at those points. */
void scan_crowding_settle(struct scan_products *p, struct live_points of);

#endif
