/* tests/pulse/rival_entropy.h - what the peer minimises when it corrects heights. */
#ifndef TESD_TESTS_PULSE_RIVAL_ENTROPY_H
#define TESD_TESTS_PULSE_RIVAL_ENTROPY_H

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { RIVAL_BINS = 8192 };

/* Entropy, nats, of points spread over [low, high) and smoothed with a Laplace kernel exp(-|x|/width)/(2 width); a point is shared by the two bins it lies
 * between, so that the entropy is smooth in the points. Points outside are left out. */
static inline double rival_laplace_entropy(const double *x, size_t n, double low, double high, double width) {
    static double bin[RIVAL_BINS], left[RIVAL_BINS];
    double step = width / 5, sum = 0, entropy = 0;
    size_t bins = (size_t)((high - low) / step) + 2;
    if (bins > RIVAL_BINS) {
        bins = RIVAL_BINS;
        step = (high - low) / (RIVAL_BINS - 2);
    }
    memset(bin, 0, bins * sizeof *bin);
    for (size_t i = 0; i < n; i++) {
        double at = (x[i] - low) / step;
        if (!(at >= 0 && at < (double)(bins - 1)))
            continue;
        size_t k = (size_t)at;
        bin[k] += 1 - (at - (double)k);
        bin[k + 1] += at - (double)k;
    }
    double decay = exp(-step / width), right = 0;
    for (size_t k = 0; k < bins; k++)
        left[k] = bin[k] + (k ? decay * left[k - 1] : 0);
    for (size_t k = bins; k-- > 0;) {
        double density = left[k] + right;
        right = decay * (right + bin[k]);
        bin[k] = density;
        sum += density;
    }
    for (size_t k = 0; k < bins && sum > 0; k++)
        entropy -= bin[k] > 0 ? bin[k] / sum * log(bin[k] / sum / step) : 0;
    return entropy;
}

/* Smallest value of f between a and b, by the golden section: the peer's Brent needs fewer steps for the same. */
static inline double rival_minimum(double (*f)(double x, void *context), void *context, double a, double b, int steps) {
    const double share = 0.6180339887498949;
    double x = b - share * (b - a), y = a + share * (b - a), at_x = f(x, context), at_y = f(y, context);
    for (int i = 0; i < steps; i++) {
        if (at_x < at_y) {
            b = y, y = x, at_y = at_x;
            x = b - share * (b - a), at_x = f(x, context);
        } else {
            a = x, x = y, at_x = at_y;
            y = a + share * (b - a), at_y = f(y, context);
        }
    }
    return 0.5 * (a + b);
}

#endif
