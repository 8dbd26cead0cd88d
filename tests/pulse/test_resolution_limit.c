#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/pulse_sim.h"
#include "pulse/resolution_limit.h"
#include "tests/pulse/drawn_pixel.h"

enum { N = 256, PRE = 64 };

/* White noise: the limit is that of ordinary least squares, computed here from the projected derivative. */
static void test_white_noise(void **state) {
    (void)state;
    struct pixel_sim p = quiet_pixel(1);
    p.noise.white_counts = 10;
    static double d[3][N], s[N];
    const double keV = 0.6, at = PRE - 0.5;
    pulse_sim_shape(&p, keV * 1.001, at, d[0], N);
    pulse_sim_shape(&p, keV * 0.999, at, s, N);
    for (int k = 0; k < N; k++)
        d[0][k] = (d[0][k] - s[k]) / (0.002 * keV);
    pulse_sim_shape(&p, keV, at - 0.05, d[1], N);
    pulse_sim_shape(&p, keV, at + 0.05, s, N);
    for (int k = 0; k < N; k++) {
        d[1][k] = (d[1][k] - s[k]) / 0.1;
        d[2][k] = 1;
    }
    /* Gram-Schmidt, energy last. */
    static const int order[] = {2, 1, 0};
    for (int i = 1; i < 3; i++)
        for (int j = 0; j < i; j++) {
            double dot = 0, norm = 0;
            for (int k = 0; k < N; k++) {
                dot += d[order[i]][k] * d[order[j]][k];
                norm += d[order[j]][k] * d[order[j]][k];
            }
            for (int k = 0; k < N; k++)
                d[order[i]][k] -= dot / norm * d[order[j]][k];
        }
    double norm = 0, limit;
    for (int k = 0; k < N; k++)
        norm += d[0][k] * d[0][k];
    assert_int_equal(resolution_limit(&p, N, PRE, keV, &limit), STATUS_OK);
    assert_true(fabs(limit / (2.3548200450309493 * sqrt((100 + 1. / 12) / norm)) - 1) < 1e-9);
}

static void test_scales_with_noise_and_length(void **state) {
    (void)state;
    struct pixel_sim p = drawn_pixel(2, PIXEL_GOOD);
    double limit, twice, longer;
    assert_int_equal(resolution_limit(&p, N, PRE, 0.7, &limit), STATUS_OK);
    assert_int_equal(resolution_limit(&p, 2 * N, 2 * PRE, 0.7, &longer), STATUS_OK);
    noise_sim_scale(&p.noise, 2);
    assert_int_equal(resolution_limit(&p, N, PRE, 0.7, &twice), STATUS_OK);
    assert_true(fabs(twice / limit - 2) < 0.01);   /* rounding to counts does not scale */
    assert_true(longer < limit);
}

static void test_no_noise_still_rounds(void **state) {
    (void)state;
    const struct pixel_sim p = quiet_pixel(2);
    double limit;
    assert_int_equal(resolution_limit(&p, N, PRE, 0.7, &limit), STATUS_OK);
    assert_true(limit > 0 && limit < 1e-4);
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)test_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_white_noise),
        cmocka_unit_test(test_scales_with_noise_and_length),
        cmocka_unit_test(test_no_noise_still_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
