/* calib/inverse_yield.h - the inverse PFY of a line that does not resonate, which goes as the absorption of the sample.   scan_products --> scan_cut
 * q / (N - B) with q = I0 x live time (live time where no point has an I0), N photons of the line and B what of them is background; its relative error is
 * sqrt(N (1 + crowding) + sigma_B^2) / (N - B), that of I0 in quadrature. 1/N is biased by its own variance: NaN where N - B is below
 * INVERSE_YIELD_LEAST standard deviations of counting; without a background that is below 25 counts. Pure. */
#ifndef TESD_CALIB_INVERSE_YIELD_H
#define TESD_CALIB_INVERSE_YIELD_H

#include "calib/scan_cuts.h"
#include "calib/scan_products.h"
#include "calib/yield_region.h"
#include "pulse/status.h"

#define INVERSE_YIELD_LEAST 5

/* Of a yield of the scan, all its photons taken for the line's. */
enum status inverse_yield_of(const struct scan_products *p, const struct yield_spectrum *y, struct scan_cut *out);

/* Of a window on the emission map, whole bins as scan_cut_constant takes them. background: a window beside the line, whose counts in the same point times the ratio of the
 * widths are B, and times its square sigma_B^2; NULL: B = 0. *beside: that window, value and error as a PFY's (to be done with too); untouched without.
 * STATUS_BAD_VALUE: no bin's middle lies in one of them. */
enum status inverse_yield_window(const struct scan_products *p, const struct yield_region *window, const struct yield_region *background, struct scan_cut *out, struct scan_cut *beside);

#endif
