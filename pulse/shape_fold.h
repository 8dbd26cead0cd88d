/* pulse/shape_fold.h - a pulse's shape, cheap to take off a record:  rows of a pulse_shape --new--> shape_fold --> residual
 * Behind the rise the seven terms of a shape are nearly the same few curves: pulses of one pixel, whatever their height and arrival, leave
 * a space of DOT_FEW dimensions there by less than a tenth of their noise. So from some sample on DOT_FEW rows do for SHAPE_TERMS, which makes the
 * residual of a record twice as cheap. The rows are the main directions of pulses over the heights and arrivals that the shape knows (by
 * orthogonal iteration on the Gram matrix of a grid of them).
 * Tried and rejected: means of two samples (cheaper still, but then the residual is another quantity), one basis for the whole
 * record (six rows), expanding the square (y'y - 2t'S'y + ..: the same seven products). Immutable once made. */
#ifndef TESD_PULSE_SHAPE_FOLD_H
#define TESD_PULSE_SHAPE_FOLD_H

#include <stdint.h>

#include "pulse/dot_kernel.h"
#include "pulse/status.h"

struct shape_fold;   /* opaque */

/* What is folded: n samples of DOT_TERMS rows at the given stride, and factors[i], the terms of FOLD_PULSES pulses that stand for all.
 * *out is NULL, and all is well, when nowhere in the record so few rows leave less than most_rms counts. STATUS_NO_MEMORY. */
enum { FOLD_PULSES = 25 };
enum status shape_fold_new(const float *rows, size_t stride, uint32_t n, const double factors[FOLD_PULSES][DOT_TERMS], double most_rms, struct shape_fold **out);
void shape_fold_free(struct shape_fold *f);

uint32_t shape_fold_head(const struct shape_fold *f);     /* samples before the fold, for which all rows are needed */
double shape_fold_left(const struct shape_fold *f);       /* rms over those behind it of what folding changes, counts */

/* Sum of squares of what is left of n samples behind the head, at most all of them; x: the first, base and terms as for the whole. */
float shape_fold_residual(const struct shape_fold *f, const struct dot_kernel *kernel, const sample_u16 *x, uint32_t n, float base, const float terms[DOT_TERMS]);

#endif
