/* By the half angle y = pi r with r = turns less the nearest whole number: |y| <= pi / 2, where Taylor's series to y^19 and y^20 are right to
 * 3e-16; then sin 2y = 2 sin y cos y and cos 2y = 1 - 2 sin^2 y. No branch and no call: compilers make it one of vectors. */
#include "pulse/phase_wave.h"

#include "pulse/wide_loop.h"

static const double pi = 3.14159265358979323846, to_whole = 0x1.8p52;   /* adding that rounds to whole numbers */

/* 1/3!, 1/5!, .. and 1/2!, 1/4!, .. */
static const double odd[] = { 1. / 6, 1. / 120, 1. / 5040, 1. / 362880, 1. / 39916800, 1. / 6227020800, 1. / 1307674368000, 1. / 355687428096000, 1. / 121645100408832000 };
static const double even[] = { 1. / 2, 1. / 24, 1. / 720, 1. / 40320, 1. / 3628800, 1. / 479001600, 1. / 87178291200, 1. / 20922789888000, 1. / 6402373705728000,
                               1. / 2432902008176640000 };
enum { N_ODD = sizeof odd / sizeof odd[0], N_EVEN = sizeof even / sizeof even[0] };

WIDE_LOOP static inline void waves_loop(const double *restrict turns, size_t n, double *restrict sine, double *restrict cosine) {
    for (size_t i = 0; i < n; i++) {
        double whole = turns[i] + to_whole, y = pi * (turns[i] - (whole - to_whole)), z = y * y, a = odd[N_ODD - 1], b = even[N_EVEN - 1];
        for (int k = N_ODD - 1; k-- > 0;)
            a = odd[k] - z * a;
        for (int k = N_EVEN - 1; k-- > 0;)
            b = even[k] - z * b;
        double s = y - y * z * a, c = 1 - z * b;
        sine[i] = 2 * s * c;
        cosine[i] = 1 - 2 * s * s;
    }
}

WIDE_LOOP_CHOSEN(waves, (const double *restrict turns, size_t n, double *restrict sine, double *restrict cosine), (turns, n, sine, cosine))

void phase_waves(const double *restrict turns, size_t n, double *restrict sine, double *restrict cosine) {
    waves(turns, n, sine, cosine);
}
