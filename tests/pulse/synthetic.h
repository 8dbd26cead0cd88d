/* tests/pulse/synthetic.h - made-up records for the tests of the pulse chain: a seeded generator, coloured noise, pulses.
 * Independent of the code under test and of the simulator. */
#ifndef TESD_TESTS_PULSE_SYNTHETIC_H
#define TESD_TESTS_PULSE_SYNTHETIC_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "pulse/pulse_record.h"
#include "tests/seeded.h"

struct synthetic {
    struct seeded random;
    double slow, fast;   /* of the noise */
};

/* Seed from TESD_SEED, else the default; printed, so that a failure can be repeated. */
static inline struct synthetic synthetic_seed(uint64_t otherwise) {
    const char *text = getenv("TESD_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : otherwise;
    printf("TESD_SEED=%llu\n", (unsigned long long)seed);
    return (struct synthetic){ .random = { .state = seed } };
}

static inline uint64_t synthetic_bits(struct synthetic *s) {
    return seeded_next(&s->random);
}

/* [0, 1) */
static inline double synthetic_uniform(struct synthetic *s) {
    return (double)(synthetic_bits(s) >> 11) * 0x1p-53;
}

static inline double synthetic_gauss(struct synthetic *s) {
    double u = 1 - synthetic_uniform(s);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * synthetic_uniform(s));
}

/* Next sample of noise whose covariance is known exactly: two first-order processes and white noise. */
enum { SYNTHETIC_SLOW_SD = 3, SYNTHETIC_FAST_SD = 4, SYNTHETIC_WHITE_SD = 2 };
#define SYNTHETIC_SLOW 0.98
#define SYNTHETIC_FAST 0.6

static inline double synthetic_noise(struct synthetic *s) {
    s->slow = SYNTHETIC_SLOW * s->slow + SYNTHETIC_SLOW_SD * sqrt(1 - SYNTHETIC_SLOW * SYNTHETIC_SLOW) * synthetic_gauss(s);
    s->fast = SYNTHETIC_FAST * s->fast + SYNTHETIC_FAST_SD * sqrt(1 - SYNTHETIC_FAST * SYNTHETIC_FAST) * synthetic_gauss(s);
    return s->slow + s->fast + SYNTHETIC_WHITE_SD * synthetic_gauss(s);
}

static inline double synthetic_covariance(unsigned lag) {
    return SYNTHETIC_SLOW_SD * SYNTHETIC_SLOW_SD * pow(SYNTHETIC_SLOW, lag) + SYNTHETIC_FAST_SD * SYNTHETIC_FAST_SD * pow(SYNTHETIC_FAST, lag) +
           (lag == 0 ? SYNTHETIC_WHITE_SD * SYNTHETIC_WHITE_SD : 0);
}

/* Pulse of peak 1 that begins t samples ago; 0 before it begins. */
static inline double synthetic_shape(double t) {
    const double rise = 4, fall = 40, at_peak = rise * fall / (fall - rise) * log(fall / rise);
    return t <= 0 ? 0 : (exp(-t / fall) - exp(-t / rise)) / (exp(-at_peak / fall) - exp(-at_peak / rise));
}

/* d[k] = level + noise + sign x height x shape, rounded and clipped to u16; the pulse begins `late` samples behind the trigger. */
static inline void synthetic_record(struct synthetic *s, uint16_t *d, uint32_t n, uint32_t n_presamples, double level, double height, double late) {
    for (uint32_t k = 0; k < n; k++) {
        double x = level + synthetic_noise(s) + height * synthetic_shape((double)k - n_presamples - late);
        d[k] = (uint16_t)fmax(0, fmin(65535, rint(x)));
    }
}

#endif
