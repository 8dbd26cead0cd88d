#include "pulse/robust.h"

#include <assert.h>
#include <math.h>

static void swap(double *a, double *b) {
    double t = *a;
    *a = *b;
    *b = t;
}

/* A pivot from three places that depend on the round, so that no fixed order of values is quadratic for long. */
static double pivot_of(const double *v, size_t n, size_t round) {
    size_t step = (round * 2654435761u) % n;
    double a = v[step], b = v[(step + n / 3) % n], c = v[(step + 2 * (n / 3)) % n];
    if (a > b)
        swap(&a, &b);
    if (b > c)
        b = c;
    return a > b ? a : b;
}

/* Three-way partition: [0, *less) < pivot, [*less, *more) == pivot, [*more, n) > pivot. Ends whatever the values are. */
static void partition(double *v, size_t n, double pivot, size_t *less, size_t *more) {
    size_t lo = 0, i = 0, hi = n;
    while (i < hi) {
        if (v[i] < pivot)
            swap(&v[lo++], &v[i++]);
        else if (v[i] > pivot)
            swap(&v[i], &v[--hi]);
        else
            i++;
    }
    *less = lo;
    *more = hi;
}

double robust_rank(double *values, size_t n, size_t k) {
    assert(k < n);
    for (size_t round = 1;; round++) {
        size_t less, more;
        double pivot = pivot_of(values, n, round);
        partition(values, n, pivot, &less, &more);
        if (k < less) {
            n = less;
        } else if (k >= more) {
            values += more;
            n -= more;
            k -= more;
        } else {
            return pivot;
        }
    }
}

double robust_quantile(double *values, size_t n, double q) {
    if (n == 0)
        return NAN;
    double rank = q * (double)(n - 1);
    size_t k = (size_t)rank;
    double below = robust_rank(values, n, k);
    double share = rank - (double)k;
    if (!(share > 0))
        return below;
    return below + share * (robust_rank(values, n, k + 1) - below);
}

double robust_median(double *values, size_t n) {
    return robust_quantile(values, n, 0.5);
}

struct robust_centre robust_centre(double *values, size_t n) {
    double median = robust_median(values, n);
    for (size_t i = 0; i < n; i++)
        values[i] = fabs(values[i] - median);
    return (struct robust_centre){ .median = median, .sigma = 1.4826 * robust_median(values, n) };
}
