/* pulse/residual_curve.h - how large a residual may be at each height. A pulse's shape changes with its height, so residuals
 * from one template rise on both sides of the template's own height (measured: 10 to 80 counts where noise is 8), and a single
 * limit would cut good photons of other energies. The limit is kept in the model as a table (pixel_model.h, slice_*). */
#ifndef TESD_PULSE_RESIDUAL_CURVE_H
#define TESD_PULSE_RESIDUAL_CURVE_H

#include <stddef.h>

#include "pulse/pixel_model.h"
#include "pulse/status.h"

struct residual_point { double height, residual; };

/* Limits of a sample model from good pulses: curve through the medians of groups of neighbours in height, straight between and
 * beyond them, times 1 + 10 robust sigmas of the relative distance from it (sigma at least 0.05). points: n, sorted by height
 * on return, all finite and positive. STATUS_TOO_FEW: n < 40. */
enum status residual_curve_learn(struct residual_point *points, size_t n, struct pixel_model *m);

/* Limit at this height: that of the smallest slice centre >= it. Above the last centre OFF models use the last limit, sample
 * models let it grow with the square of the height. INFINITY when the model has no slices. */
double residual_curve_limit(const struct pixel_model *m, double height);

#endif
