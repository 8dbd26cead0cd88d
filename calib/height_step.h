/* calib/height_step.h - did a pixel's heights step within one calibration? A lock-point jump adds the same number of units at
 * every line from some moment on; a calibration across it has every line twice.
 *   heights in time order + fitted line heights --> offset after the moment less offset before */
#ifndef TESD_CALIB_HEIGHT_STEP_H
#define TESD_CALIB_HEIGHT_STEP_H

#include <stddef.h>

#include "pulse/status.h"

struct height_step {
    double units;     /* heights after the step less heights before; 0: none found */
    double at;        /* 0..1: share of the pulses before it; NaN when there is none */
};

/* line_height: n_lines >= 3 fitted centres, increasing. smooth_fwhm: of the smoothing, height units. reach: largest offset looked
 * for; least: smallest that counts. STATUS_TOO_FEW: fewer than 300 pulses. */
enum status height_step_find(const float *heights, size_t n, const double *line_height, size_t n_lines, double smooth_fwhm, double reach, double least,
                             struct height_step *out);

#endif
