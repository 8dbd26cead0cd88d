/* tests/calib/draw.h - numbers drawn from distributions, on the generator of tests/seeded.h. Tests of statistics keep a seed of
 * their own, so that a fluctuation does not fail a build; TESD_SEED tries others. */
#ifndef TESD_TESTS_CALIB_DRAW_H
#define TESD_TESTS_CALIB_DRAW_H

#include <math.h>

#include "tests/seeded.h"

static inline struct seeded draw_start(const char *test, uint64_t own) {
    const char *text = getenv("TESD_SEED");
    struct seeded r = {.state = text ? strtoull(text, NULL, 10) : own};
    printf("%s: TESD_SEED=%llu\n", test, (unsigned long long)r.state);
    return r;
}

/* Uniform in [0, 1). */
static inline double draw_uniform(struct seeded *r) {
    return (double)(seeded_next(r) >> 11) * 0x1p-53;
}

static inline double draw_normal(struct seeded *r) {
    double u = 1 - draw_uniform(r), v = draw_uniform(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static inline double draw_lorentz(struct seeded *r, double fwhm) {
    return 0.5 * fwhm * tan(M_PI * (draw_uniform(r) - 0.5));
}

#endif
