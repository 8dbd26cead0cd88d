/* e^-t = 2^-k e^-r with the whole number k nearest to t / ln 2, so |r| <= ln 2 / 2 = 0.3466, where Taylor's series to r^7 is right to 6e-9. No branch
 * and no call: compilers make it one of vectors. In doubles to their last bit it took five times as long, and sums of which so much is left are
 * none the better for it: where their ratio counts, the error is in both. */
#include "pulse/decay_share.h"

#include <stdint.h>
#include <string.h>

#include "pulse/wide_loop.h"

static const float per_ln2 = 1.44269504F, ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F, to_whole = 0x1.8p23F;   /* adding that rounds */
static const uint32_t bias = 127;
enum { MANTISSA_BITS = 23 };

WIDE_LOOP static inline void shares_loop(const float *restrict times, size_t n, float *restrict share) {
    for (size_t i = 0; i < n; i++) {
        const float shifted = times[i] * per_ln2 + to_whole, k = shifted - to_whole, r = times[i] - k * ln2_high - k * ln2_low, r2 = r * r;
        const float sum = (1 - r) + r2 * ((1.F / 2 - r * (1.F / 6)) + r2 * ((1.F / 24 - r * (1.F / 120)) + r2 * (1.F / 720 - r * (1.F / 5040))));
        float power;
        uint32_t bits;   /* of 2^-k: the low bits of `shifted` are k */
        memcpy(&bits, &shifted, sizeof bits);
        bits = (bias - bits) << MANTISSA_BITS;
        memcpy(&power, &bits, sizeof power);
        share[i] = sum * power;
    }
}

WIDE_LOOP_CHOSEN(shares, (const float *restrict times, size_t n, float *restrict share), (times, n, share))

void decay_shares(const float *restrict times, size_t n, float *restrict share) {
    shares(times, n, share);
}
