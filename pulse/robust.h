/* pulse/robust.h - location and spread that a minority of wild values cannot move.
 * All functions are O(n) (selection, no sort), reorder the array they are given, and return NaN for n == 0.
 * Values must not be NaN: such a value would count as equal to whatever it is compared with. */
#ifndef TESD_PULSE_ROBUST_H
#define TESD_PULSE_ROBUST_H

#include <stddef.h>

struct robust_centre {
    double median;
    double sigma;   /* 1.4826 x median absolute deviation: the standard deviation if the bulk is Gaussian */
};

/* The value at rank k (0 = smallest) of n > k values. What is not greater stands before place k then, what is not less behind it. */
double robust_rank(double *values, size_t n, size_t k);
/* Mean of the two middle values when n is even. */
double robust_median(double *values, size_t n);
/* q in [0, 1]; linear between ranks, as numpy.quantile does. */
double robust_quantile(double *values, size_t n, double q);
/* The values are replaced by their distances from the median. */
struct robust_centre robust_centre(double *values, size_t n);

#endif
