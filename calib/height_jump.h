/* calib/height_jump.h - did a pixel's heights jump by an offset since the calibration before? A lock-point jump adds the same
 * number of units at every line; a drift of the gain moves lines in proportion to their height.
 *   old line heights + new spectrum --search--> rough move;   old and new fitted centres --fit--> offset with error */
#ifndef TESD_CALIB_HEIGHT_JUMP_H
#define TESD_CALIB_HEIGHT_JUMP_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/spectrum.h"

struct height_move {      /* new = scale x old + offset */
    double scale, offset;
    double score;         /* sum over lines of the root of the smoothed counts there: only comparable within one spectrum */
};

/* Best move with |scale - 1| <= 0.006 and |offset| <= reach (height units) for which the old lines fall on the new smoothed
 * spectrum's maxima (doc/methods.md, Lines and curves; at SSRL -60..+420 units). Of equal scores the smallest move. */
struct height_move height_jump_search(const struct spectrum *smooth, const double *old_height, size_t n, double reach);

/* Offset of the weighted straight line new - old = offset + (scale - 1) x old with a weak hold (0.3 %) on the scale, which only
 * matters for few or badly known lines; each difference has `sigma`. n >= 2. Returns the offset, *error its sigma,
 * *scale_out the scale. */
double height_jump_offset(const double *old_height, const double *new_height, size_t n, double sigma, double *scale_out, double *error);

#endif
