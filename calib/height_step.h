/* calib/height_step.h - did a pixel's lines move within one calibration? After a lock-point jump every line is there twice, and a fit
 * takes one or the middle of the two.
 *   heights in time order + fitted line heights --> how far the lines moved, and when
 * No form of the move is assumed: a drift correction that has tried to make up for a jump leaves moves of either sign. */
#ifndef TESD_CALIB_HEIGHT_STEP_H
#define TESD_CALIB_HEIGHT_STEP_H

#include <stddef.h>

#include "pulse/status.h"

enum { HEIGHT_STEP_MAX_LINES = 32 };

struct height_step {
    double units;     /* of the line that moved most: heights after less before; 0: no step */
    size_t index;     /* of the first pulse after it; 0 when there is none */
};

/* line_height: n_lines 2..HEIGHT_STEP_MAX_LINES centres, increasing. reach: half width of the window around each, height units (less
 * where lines are close). least: smallest move that counts. Two lines at least must move so far, beyond 4 sigma.
 * STATUS_TOO_FEW: fewer than 200 pulses. STATUS_NO_MEMORY. */
enum status height_step_find(const float *heights, size_t n, const double *line_height, size_t n_lines, double reach, double least, struct height_step *out);

#endif
