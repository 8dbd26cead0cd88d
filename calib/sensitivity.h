/* calib/sensitivity.h - relative sensitivity eps of each pixel, by maximum likelihood: counts N[pixel, point] ~ Poisson(eps_p x lambda_i x LT).
 * Without it a busy pixel loses more of its live time than a quiet one and edges shrink (doc/methods.md, Live time). Alternates
 *     lambda_i = sum_p N / sum_p eps LT      eps_p = sum_i N / sum_i lambda LT      mean eps of the pixels fitted = 1
 * for 10 rounds. Pure. */
#ifndef TESD_CALIB_SENSITIVITY_H
#define TESD_CALIB_SENSITIVITY_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

/* One scan (or calibration), rows by pixel: counts[pixel x n_points + point], live_ns[(pixel x n_points + point) x stride]. Borrowed. */
struct sensitivity_part {
    uint32_t n_points;
    const uint32_t *counts;
    const int64_t *live_ns;
    uint32_t stride;
    const uint8_t *pixels_used;  /* the others are left out of this part */
};

/* eps: n_pixels values; 1 for pixels without counts or live time. */
enum status sensitivity_fit(const struct sensitivity_part *parts, size_t n_parts, uint32_t n_pixels, double *eps);

#endif
