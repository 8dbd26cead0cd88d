/* calib/spectrum_shape.h - does a pixel see the same spectrum as the others? Densities on a common energy axis, smoothed so that
 * resolution matters little, and the share of the pixel's photons that lies elsewhere than in the typical pixel.
 *   energies of every pixel --add--> densities --finish--> median density --distance--> 0..1
 * distance = 1/2 sum |h - m| less what chance makes of it, both normalised where the pixel is calibrated (doc/methods.md, Lines and curves). */
#ifndef TESD_CALIB_SPECTRUM_SHAPE_H
#define TESD_CALIB_SPECTRUM_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

struct spectrum_shapes;  /* opaque: one density per pixel, and the median */

/* bin_eV: about half the resolution; smoothing is 8 bins wide. STATUS_BAD_VALUE: an axis of less than 16 or more than 65536 bins. */
enum status spectrum_shapes_new(double low_eV, double high_eV, double bin_eV, uint32_t n_pixels, struct spectrum_shapes **out);
void spectrum_shapes_free(struct spectrum_shapes *s);

/* Energies of one pixel; NaN and what lies outside are left out. */
enum status spectrum_shapes_add(struct spectrum_shapes *s, uint32_t pixel, const double *energy_eV, size_t n);

/* The median over the pixels that were added. STATUS_TOO_FEW: fewer than five. */
enum status spectrum_shapes_finish(struct spectrum_shapes *s);

/* Above from_eV; NaN for a pixel that was not added or has fewer than 100 counts there. */
double spectrum_shapes_distance(const struct spectrum_shapes *s, uint32_t pixel, double from_eV);

#endif
