/* calib/beam_steadiness.h - was the beam steady inside the points of a scan?   record times of all pixels --> dispersion of counts
 * Counts of the whole array in slices of 10 ms within a point vary as Poisson says when the beam is steady: dispersion = variance / mean
 * about 1. Above 1.2 live time by intervals loses (3 % at 90 counts/s with the beam off 10 % of the time); sampled at the array's
 * records it does not (doc/methods.md, Live time). Dead time and pile-up of single pixels make less of it than 1 %. Pure. */
#ifndef TESD_CALIB_BEAM_STEADINESS_H
#define TESD_CALIB_BEAM_STEADINESS_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

struct beam_steadiness;  /* opaque; 4 bytes per slice */

#define BEAM_STEADY_MOST 1.2

/* Points by time, disjoint; copied. */
enum status beam_steadiness_new(const int64_t *start_ns, const int64_t *end_ns, uint32_t n_points, struct beam_steadiness **out);
void beam_steadiness_free(struct beam_steadiness *b);
/* Times of one pixel, mostly in order. */
void beam_steadiness_add(struct beam_steadiness *b, const int64_t *time_ns, size_t n);
/* Over points [first, first + n): sum of squared deviations from each point's mean over sum of means, NaN with fewer than 10 slices or
 * 10 counts. */
double beam_steadiness_dispersion(const struct beam_steadiness *b, uint32_t first, uint32_t n);

#endif
