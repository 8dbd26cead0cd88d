/* pulse/value_sieve.h - the values of a list that lie in a range, one behind the other in their order; no branch depends on a value.
 *   values + range --sieve--> those inside, and how many were below;   a few values + ranks --> values of those ranks
 * Every variant gives the same: values are compared, never computed with, but for near's distance, which is one subtraction. Values must not be NaN. */
#ifndef TESD_PULSE_VALUE_SIEVE_H
#define TESD_PULSE_VALUE_SIEVE_H

#include <stddef.h>

enum { VALUE_SIEVE_SLACK = 4 };   /* `out` has room for so many more than n, whose contents are lost. It may be the list itself if that has */

enum { VALUE_SIEVE_FEW = 32 };
struct sieved { size_t n, below; };
struct value_pair { double low, high; };

struct value_sieve {
    const char *name;
    struct sieved (*between)(const double *values, size_t n, double low, double high, double *out);   /* low <= x <= high; below: x < low */
    size_t (*near)(const double *values, size_t n, double centre, double reach, double *out);         /* |x - centre| <= reach */
    struct value_pair (*ranks)(const double *values, size_t n, size_t low, size_t high);   /* those of two ranks (0: smallest) of n <= VALUE_SIEVE_FEW, low <= high < n */
};

extern const struct value_sieve value_sieves[];   /* scalar first; ends with a name of NULL. Not every machine can run the others */
const struct value_sieve *value_sieve_best(void);

#endif
