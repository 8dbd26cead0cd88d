/* pulse/random_stream.c - xoshiro256++ with the usual distributions on top. */
#include "pulse/random_stream.h"

#include <assert.h>
#include <math.h>

static uint64_t splitmix(uint64_t *x) {
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void random_stream_init(struct random_stream *r, uint64_t seed, uint64_t index, uint64_t purpose) {
    uint64_t x = seed;
    x = splitmix(&x) ^ index;
    x = splitmix(&x) ^ purpose;
    *r = (struct random_stream){0};
    for (int i = 0; i < 4; i++)
        r->state[i] = splitmix(&x);
}

static uint64_t rotate_left(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

uint64_t random_stream_bits(struct random_stream *r) {
    uint64_t *s = r->state;
    const uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double random_stream_uniform(struct random_stream *r) {
    return (double)(random_stream_bits(r) >> 11) * 0x1p-53;
}

double random_stream_between(struct random_stream *r, double lo, double hi) {
    return lo + (hi - lo) * random_stream_uniform(r);
}

/* Marsaglia's polar method. */
double random_stream_normal(struct random_stream *r) {
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare;
    }
    double x, y, q;
    do {
        x = 2 * random_stream_uniform(r) - 1;
        y = 2 * random_stream_uniform(r) - 1;
        q = x * x + y * y;
    } while (q >= 1 || q == 0);
    const double f = sqrt(-2 * log(q) / q);
    r->spare = y * f;
    r->has_spare = true;
    return x * f;
}

double random_stream_exponential(struct random_stream *r) {
    return -log1p(-random_stream_uniform(r));
}

/* Products of uniforms are exact but take `mean` steps and underflow, so they go in blocks of 30 (sums of Poisson numbers are
 * Poisson). Beyond 3000 the normal limit with its skewness term (Cornish-Fisher) is off by less than 1e-4 in probability. */
uint64_t random_stream_poisson(struct random_stream *r, double mean) {
    assert(mean >= 0 && mean < 1e15);
    if (mean > 3000) {
        const double z = random_stream_normal(r);
        const double x = mean + sqrt(mean) * z + (z * z - 1) / 6;
        return x < 0 ? 0 : (uint64_t)(x + 0.5);
    }
    uint64_t n = 0;
    while (mean > 0) {
        const double part = mean > 30 ? 30 : mean;
        const double limit = exp(-part);
        for (double product = random_stream_uniform(r); product > limit; n++)
            product *= random_stream_uniform(r);
        mean -= part;
    }
    return n;
}

double random_stream_normal_at(uint64_t seed, uint64_t index, uint64_t purpose) {
    struct random_stream r;
    random_stream_init(&r, seed, index, purpose);
    return random_stream_normal(&r);
}
