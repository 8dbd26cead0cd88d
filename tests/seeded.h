/* tests/seeded.h - random numbers for property tests: the seed is printed; the same every day so that a fluctuation fails no build, another with $TESD_SEED. */
#ifndef TESD_TESTS_SEEDED_H
#define TESD_TESTS_SEEDED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct seeded {
    uint64_t state;
};

static inline struct seeded seeded_start(const char *test) {
    const char *text = getenv("TESD_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 20260302;
    printf("%s: TESD_SEED=%llu\n", test, (unsigned long long)seed);
    return (struct seeded){ .state = seed };
}

/* splitmix64 */
static inline uint64_t seeded_next(struct seeded *r) {
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0..n-1 */
static inline uint32_t seeded_below(struct seeded *r, uint32_t n) {
    return (uint32_t)(seeded_next(r) % n);
}

#endif
