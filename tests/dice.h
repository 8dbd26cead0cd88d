/* tests/dice.h - random inputs that can be repeated: the seed is printed, the same every day so that a fluctuation fails no build, another with TESD_SEED. */
#ifndef TESD_TESTS_DICE_H
#define TESD_TESTS_DICE_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct dice { uint64_t state; };

static inline struct dice dice_new(void) {
    const char *given = getenv("TESD_SEED");
    struct dice d = { .state = given ? strtoull(given, NULL, 0) : 20260302 };
    printf("TESD_SEED=%" PRIu64 "\n", d.state);
    return d;
}

/* splitmix64 */
static inline uint64_t dice_next(struct dice *d) {
    uint64_t z = d->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 .. n - 1 */
static inline int64_t dice_below(struct dice *d, int64_t n) {
    return n > 0 ? (int64_t)(dice_next(d) % (uint64_t)n) : 0;
}

/* [0, 1) */
static inline double dice_unit(struct dice *d) {
    return (double)(dice_next(d) >> 11) * 0x1p-53;
}

#endif
