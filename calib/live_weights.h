/* calib/live_weights.h - sum_p eps_p LT[p, i], what counts are divided by, for a few points at once: pixel by pixel, as a scan's times lie in memory
 * (point by point each of them is a cache miss). A point's sum is in the order of pixels, whichever points are asked for with it. Pure. */
#ifndef TESD_CALIB_LIVE_WEIGHTS_H
#define TESD_CALIB_LIVE_WEIGHTS_H

#include "calib/scan_products.h"

enum { LIVE_POINTS = 16 };
struct live_points { uint32_t first, n; };   /* n <= LIVE_POINTS */

/* At most LIVE_POINTS from first on, of those before end. */
struct live_points live_points_from(uint32_t first, uint32_t end);
/* LT of one pixel at those points, ns: its time in these grades (a bit each). */
void live_weights_of_pixel(const struct scan_products *p, uint32_t pixel, struct live_points of, uint32_t grades, double live_ns[LIVE_POINTS]);
/* The sums over the pixels used, ns. */
void live_weights_ns(const struct scan_products *p, const uint8_t *pixels_used, struct live_points of, uint32_t grades, double sum_ns[LIVE_POINTS]);

#endif
