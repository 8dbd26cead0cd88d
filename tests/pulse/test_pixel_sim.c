#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/pixel_sim.h"
#include "pulse/pulse_sim.h"
#include "pulse/resolution_limit.h"
#include "tests/pulse/drawn_pixel.h"

static void test_kinds_are_as_many_as_asked(void **state) {
    (void)state;
    enum pixel_kind kinds[240];
    static const double fractions[] = {0, 0.1, 0.5, 1};
    for (size_t f = 0; f < 4; f++) {
        unsigned count[N_PIXEL_KINDS] = {0};
        pixel_sim_kinds(test_seed(), 240, fractions[f], kinds);
        for (int i = 0; i < 240; i++)
            count[kinds[i]]++;
        assert_int_equal(240 - count[PIXEL_GOOD], lround(240 * fractions[f]));
        for (int k = 1; k < N_PIXEL_KINDS; k++)
            assert_in_range(count[k], (unsigned)lround(240 * fractions[f]) / (N_PIXEL_KINDS - 1), (unsigned)lround(240 * fractions[f]) / (N_PIXEL_KINDS - 1) + 1);
    }
}

static double peak(const struct pixel_sim *p, double keV) {
    double x[256], top = 0;
    pulse_sim_shape(p, keV, 0.5, x, 256);
    for (int k = 0; k < 256; k++)
        top = fmax(top, x[k]);
    return top;
}

static void test_spread_is_that_of_an_array(void **state) {
    (void)state;
    double lowest = 1, highest = 0, resolution = 0;
    enum { N = 30 };
    for (uint32_t i = 0; i < N; i++) {
        const struct pixel_sim p = drawn_pixel(i, PIXEL_GOOD);
        const double fall = 1 - peak(&p, 1) / peak(&p, 0.277) * 0.277;
        lowest = fmin(lowest, fall);
        highest = fmax(highest, fall);
        assert_true(p.gain_counts_per_keV > 6000 && p.gain_counts_per_keV < 25000);
        assert_true(p.baseline_counts + peak(&p, 1.2) < 65535);
        assert_true(p.level_counts > 0 && p.level_counts < peak(&p, 0.2));
        double limit;
        assert_int_equal(resolution_limit(&p, 512, 128, 0.7, &limit), STATUS_OK);
        resolution += 1e3 * limit / N;
    }
    assert_true(lowest > 0.06 && lowest < 0.12 && highest > 0.14 && highest < 0.22);
    assert_true(fabs(resolution - 1.4) < 0.1);
}

static void test_drift_and_gain(void **state) {
    (void)state;
    struct pixel_sim p = drawn_pixel(1, PIXEL_GOOD);
    assert_true(pixel_sim_baseline(&p, 0) == p.baseline_counts);
    assert_true(pixel_sim_gain(&p, 0) == 1);
    double most = 0;
    for (int t = 0; t < 3600; t += 10) {
        const double drift = pixel_sim_baseline(&p, t) - p.baseline_counts;
        most = fmax(most, fabs(pixel_sim_gain(&p, t) - 1));
        assert_true(fabs(pixel_sim_gain(&p, t) - 1 - p.gain_per_count * drift) < 1e-12);
    }
    assert_true(most > 1e-4 && most < 5e-3);
    p.gain_step = 1e-3;
    p.gain_step_s = 100;
    assert_true(fabs(pixel_sim_gain(&p, 100) / (1 + p.gain_per_count * (pixel_sim_baseline(&p, 100) - p.baseline_counts)) - 1.001) < 1e-9);
    const struct pixel_sim jumping = drawn_pixel(1, PIXEL_LOCK_JUMP);
    assert_true(fabs(pixel_sim_baseline(&jumping, jumping.jump_s) - pixel_sim_baseline(&jumping, jumping.jump_s - 1e-6)) > 100);
    assert_true(fabs(pixel_sim_gain(&jumping, jumping.jump_s) - pixel_sim_gain(&jumping, jumping.jump_s - 1e-6)) < 1e-6);
}

/* Pulses and noise alike, so that it resolves as well as it would otherwise. */
static void test_double_gain_is_the_same_pixel_amplified(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        const struct pixel_sim one = drawn_pixel(i, PIXEL_GOOD), two = drawn_pixel(i, PIXEL_DOUBLE_GAIN);
        const double factor = peak(&two, 1) / peak(&one, 1);
        assert_true(factor > 1.85 && factor < 2.15);
        assert_true(fabs(peak(&two, 0.3) / peak(&one, 0.3) - factor) < 1e-9);
        double a, b;
        noise_sim_autocovariance(&one.noise, &a, 1);
        noise_sim_autocovariance(&two.noise, &b, 1);
        assert_true(fabs(sqrt(b / a) / factor - 1) < 1e-9);
        double limit, wanted;
        assert_int_equal(resolution_limit(&one, 512, 128, 0.7, &wanted), STATUS_OK);
        assert_int_equal(resolution_limit(&two, 512, 128, 0.7, &limit), STATUS_OK);
        assert_true(fabs(limit / wanted - 1) < 1e-3);
        assert_true(two.baseline_counts + peak(&two, 1.2) < 65535);
    }
}

static void test_bad_settings_are_refused(void **state) {
    (void)state;
    struct pixel_sim untouched, p;
    memset(&untouched, 0x5a, sizeof untouched);
    p = untouched;
    struct pixel_sim_settings s = drawn_settings();
    s.resolution_eV = 0;
    assert_int_equal(pixel_sim_draw(&s, 0, PIXEL_GOOD, &p), STATUS_BAD_VALUE);
    s = drawn_settings();
    s.n_presamples = s.n_samples;
    assert_int_equal(pixel_sim_draw(&s, 0, PIXEL_GOOD, &p), STATUS_BAD_VALUE);
    assert_memory_equal(&p, &untouched, sizeof p);
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)test_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_are_as_many_as_asked),
        cmocka_unit_test(test_spread_is_that_of_an_array),
        cmocka_unit_test(test_drift_and_gain),
        cmocka_unit_test(test_double_gain_is_the_same_pixel_amplified),
        cmocka_unit_test(test_bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
