/* pulse/residual_slices.h - how large a residual may be at each height: residuals sorted into slices of height, then a limit
 * median + 10 x 1.4826 MAD per slice (ssrl-measured.md 6). A pulse's shape changes with its height, so one limit does not fit all.
 * Bounded memory: 65,536 residuals per slice are kept; beyond that every second one, then every fourth, ... */
#ifndef TESD_PULSE_RESIDUAL_SLICES_H
#define TESD_PULSE_RESIDUAL_SLICES_H

#include <stdint.h>

#include "pulse/pixel_model.h"
#include "pulse/status.h"

struct residual_slices;  /* opaque */

enum status residual_slices_new(double slice_width, struct residual_slices **out);
void residual_slices_free(struct residual_slices *r);

/* Values on a border between slices belong to none, nor do those at or below 0 or beyond the last possible slice. */
void residual_slices_add(struct residual_slices *r, double height, double residual);

/* All slices that lie wholly below the largest height. A slice without residuals gets a limit of 0, which nothing keeps. */
void residual_slices_apply(const struct residual_slices *r, struct pixel_model *m);

/* The same, and slices with fewer than 20 residuals get a limit between those of their populated neighbours. */
void residual_slices_apply_smooth(const struct residual_slices *r, struct pixel_model *m);

/* Limit that holds at this height: of the smallest slice centre >= it. Above the last centre OFF models use the last limit,
 * sample models let it grow with the square of the height. INFINITY when no limits were learnt. */
double residual_slices_limit(const struct pixel_model *m, double height);

#endif
