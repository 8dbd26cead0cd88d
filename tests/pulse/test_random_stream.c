#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pulse/random_stream.h"

static uint64_t seed(void) {
    const char *text = getenv("TESD_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20260302;
}

/* Reference output of xoshiro256++ for the state 1, 2, 3, 4 (the authors' program, also printed in several libraries' tests). */
static void test_reference_output(void **state) {
    (void)state;
    struct random_stream r = {.state = {1, 2, 3, 4}};
    static const uint64_t want[] = {41943041, 58720359, UINT64_C(3588806011781223), UINT64_C(3591011842654386)};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_true(random_stream_bits(&r) == want[i]);
}

static void test_streams_repeat_and_differ(void **state) {
    (void)state;
    struct random_stream a, b, c, d;
    random_stream_init(&a, seed(), 3, 1);
    random_stream_init(&b, seed(), 3, 1);
    random_stream_init(&c, seed(), 1, 3);
    random_stream_init(&d, seed() + 1, 3, 1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        const uint64_t x = random_stream_bits(&a);
        assert_true(x == random_stream_bits(&b));
        same += (x == random_stream_bits(&c)) + (x == random_stream_bits(&d));
    }
    assert_int_equal(same, 0);
    assert_true(random_stream_normal_at(seed(), 7, 8) == random_stream_normal_at(seed(), 7, 8));
}

struct moments { double mean, variance, third; };

static struct moments moments_of(double (*draw)(struct random_stream *), uint64_t purpose, int n) {
    struct random_stream r;
    random_stream_init(&r, seed(), 0, purpose);
    double s1 = 0, s2 = 0, s3 = 0;
    for (int i = 0; i < n; i++) {
        const double x = draw(&r);
        s1 += x;
        s2 += x * x;
        s3 += x * x * x;
    }
    const double m = s1 / n, v = s2 / n - m * m;
    return (struct moments){m, v, s3 / n - 3 * m * v - m * m * m};
}

static void test_moments(void **state) {
    (void)state;
    enum { N = 400000 };
    const double e = 5 / sqrt(N);   /* 5 sigma of a mean of unit variance */
    const struct moments u = moments_of(random_stream_uniform, 1, N), g = moments_of(random_stream_normal, 2, N), x = moments_of(random_stream_exponential, 3, N);
    assert_true(fabs(u.mean - 0.5) < 0.3 * e && fabs(u.variance - 1. / 12) < 0.08 * e);
    assert_true(fabs(g.mean) < e && fabs(g.variance - 1) < 1.5 * e && fabs(g.third) < 2.5 * e);
    assert_true(fabs(x.mean - 1) < e && fabs(x.variance - 1) < 3 * e && fabs(x.third - 2) < 20 * e);
}

/* Mean and variance on both sides of every change of method. */
static void test_poisson(void **state) {
    (void)state;
    static const double means[] = {0, 0.3, 12, 29.9, 30.1, 200, 2999, 3001, 1e6};
    enum { N = 20000 };
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        struct random_stream r;
        random_stream_init(&r, seed(), i, 4);
        double s1 = 0, s2 = 0;
        for (int k = 0; k < N; k++) {
            const double x = (double)random_stream_poisson(&r, means[i]) - means[i];
            s1 += x;
            s2 += x * x;
        }
        assert_true(fabs(s1 / N) <= 5 * sqrt(means[i] / N));
        assert_true(fabs(s2 / N - means[i]) <= 5 * sqrt((2 * means[i] * means[i] + means[i]) / N));
    }
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_output),
        cmocka_unit_test(test_streams_repeat_and_differ),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_poisson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
