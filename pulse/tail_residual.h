/* pulse/tail_residual.h - what is left of a record that lies on the tail of an earlier pulse.
 *   record - base - pulse shape  =  a + b e + c s + d s e  + rest,   e = exp(-k / tail_samples), s the pulse by count of its height
 * The four terms are fitted: a constant, the tail, the pulse, and the pulse as far as the tail bends it (the response is not linear). Sums over pieces that
 * stay in cache, all of a piece at once by the dot kernel, gathered in double; where little is left the rest is summed itself, since as a difference of sums it
 * would drown in a large tail. In doubles, sample by sample, it cost 12 us a record, sum by sum 7, now 2.5: one record in thirty pays it. Pure. */
#ifndef TESD_PULSE_TAIL_RESIDUAL_H
#define TESD_PULSE_TAIL_RESIDUAL_H

#include "pulse/dot_kernel.h"
#include "pulse/pulse_shape.h"

/* Counts rms over the whole record. d: shape->n_samples of them; base, height, arrival: as for pulse_shape_residual; tail_samples > 0. Without a fit (the
 * terms cannot be told apart) the rms of record - base - shape. NaN when height is not finite, or 0. */
double tail_residual(const struct pulse_shape *shape, const struct dot_kernel *kernel, const sample_u16 *d, float base, double height, double arrival,
                     double tail_samples);

#endif
