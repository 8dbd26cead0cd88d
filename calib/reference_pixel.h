/* calib/reference_pixel.h - the pixel whose peaks are matched to lines from nothing, and from which all others are stretched.
 * Several pixels with many counts are matched; the one whose stretched spectrum predicts the matches of most of the others
 * wins, then the better score. A wrong assignment in the reference would spoil the whole array, so one pixel alone must be
 * clear (margin) and the others must agree. */
#ifndef TESD_CALIB_REFERENCE_PIXEL_H
#define TESD_CALIB_REFERENCE_PIXEL_H

#include <stdint.h>

#include "calib/fit_plan.h"
#include "calib/line_match.h"
#include "calib/pixel_calibration.h"

struct reference_pixel {
    uint32_t pixel;
    double height[PLAN_MAX];   /* of the plan's anchors */
};

/* STATUS_NOT_FOUND: no pixel has a clear assignment. STATUS_TOO_FEW: no pixel has enough pulses. */
enum status reference_pixel_choose(const struct pixel_work *works, uint32_t n_pixels, const struct fit_plan *plan, struct reference_pixel *out);

/* Match of one pixel's own peaks. height[] gets all the plan's anchors, those not matched from the gain of the others.
 * STATUS_NOT_FOUND: no assignment at all; *margin tells how clear the best is. */
enum status reference_pixel_match(const struct pixel_work *w, const struct fit_plan *plan, double height[PLAN_MAX], double *score, double *margin);

#endif
