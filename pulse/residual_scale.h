/* pulse/residual_scale.h - what a good pulse's residual is at each height, so that others can be called so many robust sigmas too
 * large. Residuals rise with height where the shape changes in ways that its model does not follow, so one number would not do.
 * Plain and copied freely. */
#ifndef TESD_PULSE_RESIDUAL_SCALE_H
#define TESD_PULSE_RESIDUAL_SCALE_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

struct residual_point { double height, residual; };

enum { RESIDUAL_NODES_MAX = 24, RESIDUAL_GROUP_MIN = 40 };

/* Median and robust sigma of groups of neighbours in height; straight between the nodes, level below the first, growing with the
 * square of the height beyond the last. n_nodes 0: nothing is known, nothing is too large. */
struct residual_scale {
    uint32_t n_nodes;
    double height[RESIDUAL_NODES_MAX];   /* ascending */
    double middle[RESIDUAL_NODES_MAX];   /* > 0 */
    double sigma[RESIDUAL_NODES_MAX];    /* > 0; at least 1 % of the middle */
};

/* points: n of good pulses, finite, heights and residuals positive; sorted by height on return. STATUS_TOO_FEW: n < RESIDUAL_GROUP_MIN. */
enum status residual_scale_learn(struct residual_point *points, size_t n, struct residual_scale *out);

/* (residual - middle) / sigma at this height; 0 when nothing is known, INFINITY for a residual that is not a number. */
double residual_scale_excess(const struct residual_scale *s, double height, double residual);

#endif
