#include "pulse/quick_median.h"

#include <math.h>
#include <stdint.h>

enum { SOME = 16, ASIDE = 3 };   /* of so many taken evenly, the bounds are so many places aside of where the median should be */

struct range { double low, high; };

/* Around the place of rank k, inside `within`; both bounds are values of the list, or those of `within`. */
static struct range range_of(const struct value_sieve *sieve, const double *values, size_t n, size_t k, struct range within) {
    double some[SOME];
    for (size_t i = 0; i < SOME; i++)
        some[i] = values[(2 * i + 1) * n / (2 * SOME)];
    const size_t place = k * SOME / n, low = place >= ASIDE ? place - ASIDE : 0, high = place + ASIDE < SOME ? place + ASIDE : SOME - 1;
    const struct value_pair found = sieve->ranks(some, SOME, low, high);
    return (struct range){ place >= ASIDE ? found.low : within.low, place + ASIDE < SOME ? found.high : within.high };
}

/* Ranks k and k + 1 of all are ranks k - below and the next of the n values that are left, all of those within `range`. */
struct search { const double *left; size_t n, below; struct range range; };

/* Leaves fewer in `room`, unless most are equal. */
static struct search narrow(const struct value_sieve *sieve, const double *values, size_t n, size_t k, struct search s, double *room) {
    struct range r = range_of(sieve, s.left, s.n, k - s.below, s.range);
    struct sieved in = sieve->between(s.left, s.n, r.low, r.high, room);
    if (s.below + in.below <= k && k + 1 < s.below + in.below + in.n)
        return (struct search){ room, in.n, s.below + in.below, r };
    r = s.below + in.below > k ? (struct range){ s.range.low, r.low } : (struct range){ r.high, s.range.high };   /* beside it: seldom */
    in = sieve->between(values, n, r.low, r.high, room);
    return (struct search){ room, in.n, in.below, r };
}

double quick_median(const struct value_sieve *sieve, const double *values, size_t n, double *room) {
    if (n == 0)
        return NAN;
    const size_t k = (n - 1) / 2, last = n / 2;
    struct search s = { values, n, 0, { -(double)INFINITY, (double)INFINITY } };
    for (size_t before = SIZE_MAX; s.n > VALUE_SIEVE_FEW && s.n < before;) {
        before = s.n;
        s = narrow(sieve, values, n, k, s, room);
    }
    struct value_pair middle;
    if (s.n > VALUE_SIEVE_FEW) {
        middle.low = robust_rank(room, s.n, k - s.below);
        middle.high = last > k ? robust_rank(room, s.n, last - s.below) : middle.low;
    } else {
        middle = sieve->ranks(s.left, s.n, k - s.below, last - s.below);
    }
    return last > k ? middle.low + 0.5 * (middle.high - middle.low) : middle.low;
}

struct robust_centre quick_centre(const struct value_sieve *sieve, double *values, size_t n, double *room) {
    const double median = quick_median(sieve, values, n, room);
    for (size_t i = 0; i < n; i++)
        values[i] = fabs(values[i] - median);
    return (struct robust_centre){ .median = median, .sigma = 1.4826 * quick_median(sieve, values, n, room) };
}
