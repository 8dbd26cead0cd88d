/* pulse/quick_median.h - medians of some hundred values, as robust.h defines them and to the bit, several times as quick.
 *   sort a few of the values --> a range that the median is in, nearly always --value_sieve--> the few in it, and again
 * (Floyd and Rivest, Comm. ACM 18, 165 (1975), with both bounds at once.) Values must not be NaN. */
#ifndef TESD_PULSE_QUICK_MEDIAN_H
#define TESD_PULSE_QUICK_MEDIAN_H

#include <stddef.h>

#include "pulse/robust.h"
#include "pulse/value_sieve.h"

/* The values are left as they are; room: n + VALUE_SIEVE_SLACK. NaN for n == 0. */
double quick_median(const struct value_sieve *sieve, const double *values, size_t n, double *room);
/* The values are replaced by their distances from the median, in their order. */
struct robust_centre quick_centre(const struct value_sieve *sieve, double *values, size_t n, double *room);

#endif
