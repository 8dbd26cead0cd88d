/* tests/calib/seeded.h - random numbers for property tests: xoshiro256** from a printed seed that TESD_SEED can set. */
#ifndef TESD_TESTS_CALIB_SEEDED_H
#define TESD_TESTS_CALIB_SEEDED_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct seeded {
    uint64_t s[4];
};

static inline uint64_t seeded_next(struct seeded *r) {
    uint64_t *s = r->s, x = s[1] * 5, out = ((x << 7) | (x >> 57)) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return out;
}

/* Uniform in [0, 1). */
static inline double seeded_uniform(struct seeded *r) {
    return (double)(seeded_next(r) >> 11) * 0x1p-53;
}

static inline double seeded_normal(struct seeded *r) {
    double u = 1 - seeded_uniform(r), v = seeded_uniform(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static inline double seeded_lorentz(struct seeded *r, double fwhm) {
    return 0.5 * fwhm * tan(M_PI * (seeded_uniform(r) - 0.5));
}

static inline struct seeded seeded_from(uint64_t seed) {
    struct seeded r;
    for (int i = 0; i < 4; i++) {
        seed += 0x9E3779B97F4A7C15u;
        uint64_t z = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        r.s[i] = z ^ (z >> 31);
    }
    return r;
}

/* The seed of this run: TESD_SEED or the test's own; printed so that a failure can be repeated. */
static inline struct seeded seeded_start(const char *test, uint64_t own) {
    const char *text = getenv("TESD_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : own;
    printf("%s: TESD_SEED=%llu\n", test, (unsigned long long)seed);
    return seeded_from(seed);
}

#endif
