/* A loop gives the same bits in wide vectors, at every length, for numbers, infinities and none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/random_stream.h"
#include "pulse/wide_loop.h"

WIDE_LOOP static inline void mixed_loop(const double *restrict x, const float *restrict y, size_t n, double *restrict out) {
    for (size_t i = 0; i < n; i++) {
        double u = x[i] / 1.7 - 0.3, v = (double)y[i] * u + x[i] * 1.1;
        u = u > 1.5 ? 1.5 : u;
        out[i] = fabs(v) <= 1e300 ? sqrt(v * v + u) - u * 0.7 : 0.25 * x[i];
    }
}

WIDE_LOOP_CHOSEN(mixed, (const double *restrict x, const float *restrict y, size_t n, double *restrict out), (x, y, n, out))

enum { MOST = 67 };

static double some_value(struct random_stream *r, size_t i) {
    const double odd[] = { NAN, INFINITY, -INFINITY, 0, 1e-310, -1e308 };
    return i % 7 == 3 ? odd[i % 6] : 100 * (random_stream_uniform(r) - 0.5);
}

static void wide_is_narrow_bit_for_bit(void **state) {
    (void)state;
    const uint64_t seed = 20261128;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct random_stream r;
    random_stream_init(&r, seed, 0, 0);
    for (size_t n = 0; n <= MOST; n++) {
        double x[MOST], narrow[MOST + 1] = { 0 }, chosen[MOST + 1] = { 0 };
        float y[MOST];
        for (size_t i = 0; i < n; i++) {
            x[i] = some_value(&r, i + n);
            y[i] = (float)some_value(&r, i);
        }
        mixed_loop(x, y, n, narrow);
        mixed(x, y, n, chosen);
        for (size_t i = 0; i <= n; i++)
            assert_true((isnan(narrow[i]) && isnan(chosen[i])) || (narrow[i] == chosen[i] && !signbit(narrow[i]) == !signbit(chosen[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(wide_is_narrow_bit_for_bit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
