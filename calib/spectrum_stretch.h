/* calib/spectrum_stretch.h - the reference pixel's spectrum stretched onto another pixel's, without looking for peaks.
 *   p = s x (1 + q (x / X - 1)),  x: height in the reference, p: height in the pixel, X: a height near the reference's top
 * Found by cross-likelihood: sum over the pixel's pulses of the log of the reference's density carried over to p
 * (doc/methods.md, Lines and curves: never fails grossly, insensitive to statistics). Densities live on an axis of ln p, where s is a shift:
 * a coarse grid, then refinement of the best few. A twentieth of the density is uniform, so extra lines and noise triggers
 * cost a bounded amount. */
#ifndef TESD_CALIB_SPECTRUM_STRETCH_H
#define TESD_CALIB_SPECTRUM_STRETCH_H

#include <stddef.h>

#include "calib/spectrum.h"
#include "pulse/status.h"

struct stretch {
    double s, q, X;
    double log_likelihood;  /* per pulse, against the uniform density */
};

struct stretch_reference;  /* opaque: log-density tables of the reference for every q of the grid */

/* Positive heights of the reference pixel. STATUS_TOO_FEW: fewer than 100. */
enum status stretch_reference_new(const float *heights, size_t n, struct stretch_reference **out);
void stretch_reference_free(struct stretch_reference *r);

/* The same from a density: counts per bin against height, all > 0, sum at least 100. */
enum status stretch_reference_from(const struct spectrum *density, struct stretch_reference **out);

/* s 0.24..4.2, q -0.3..0.3. STATUS_TOO_FEW: fewer than 30 positive heights. */
enum status stretch_find(const struct stretch_reference *r, const float *heights, size_t n, struct stretch *out);

/* The best and what else is a maximum of the likelihood: *n of them, 1..STRETCH_CHOICES, best first. */
enum { STRETCH_CHOICES = 4 };
enum status stretch_choices(const struct stretch_reference *r, const float *heights, size_t n, struct stretch out[STRETCH_CHOICES], size_t *n_out);

double stretch_map(const struct stretch *t, double reference_height);
/* The other way round; NaN for a height that no height of the reference is stretched to. */
double stretch_unmap(const struct stretch *t, double height);

#endif
