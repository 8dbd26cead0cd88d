#include "pulse/robust.h"

#include <assert.h>
#include <math.h>

/* A pivot from three places that depend on the round, so that no fixed order of values is quadratic for long. */
static double pivot_of(const double *v, size_t n, size_t round) {
    if (n == 0)
        return NAN;
    size_t step = (round * 2654435761u) % n;
    double a = v[step], b = v[(step + n / 3) % n], c = v[(step + 2 * (n / 3)) % n];
    double low = a < b ? a : b, high = a < b ? b : a, middle = high < c ? high : c;
    return low > middle ? low : middle;
}

/* Moves what is less than the pivot to the front; returns how many. No branch depends on the values, which are as good as random. */
static size_t less_first(double *v, size_t n, double pivot) {
    size_t less = 0;
    for (size_t i = 0; i < n; i++) {
        double x = v[i];
        v[i] = v[less];
        v[less] = x;
        less += x < pivot;
    }
    return less;
}

/* The same for what is not greater. */
static size_t greater_last(double *v, size_t n, double pivot) {
    size_t rest = 0;
    for (size_t i = 0; i < n; i++) {
        double x = v[i];
        v[i] = v[rest];
        v[rest] = x;
        rest += x > pivot ? 0 : 1;
    }
    return rest;
}

double robust_rank(double *values, size_t n, size_t k) {
    assert(k < n);
    for (size_t round = 1;; round++) {
        double pivot = pivot_of(values, n, round);
        size_t less = less_first(values, n, pivot);
        if (k < less) {
            n = less;
            continue;
        }
        values += less;
        n -= less;
        k -= less;
        if (less > 0)
            continue;
        size_t equal = greater_last(values, n, pivot);   /* at least one, whatever the values are: so it ends */
        if (k < equal)
            return pivot;
        values += equal;
        n -= equal;
        k -= equal;
    }
}

/* Four at a time: they do not wait for each other. */
static double least_of(const double *v, size_t n) {
    double least[4] = { v[0], v[0], v[0], v[0] };
    for (size_t i = 0; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            least[j] = v[i + j] < least[j] ? v[i + j] : least[j];
    for (size_t i = n / 4 * 4; i < n; i++)
        least[0] = v[i] < least[0] ? v[i] : least[0];
    double low = least[0] < least[1] ? least[0] : least[1], high = least[2] < least[3] ? least[2] : least[3];
    return low < high ? low : high;
}

/* Selection leaves what is not less behind rank k. */
double robust_quantile(double *values, size_t n, double q) {
    if (n == 0)
        return NAN;
    double rank = q * (double)(n - 1);
    size_t k = (size_t)rank;
    double below = robust_rank(values, n, k);
    double share = rank - (double)k;
    if (!(share > 0))
        return below;
    return below + share * (least_of(values + k + 1, n - k - 1) - below);
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
