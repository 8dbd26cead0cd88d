#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "calib/gain_spline.h"

static const double energy[] = {278.21, 392.25, 524.45, 705.01, 848.85, 926.98};
static const double height[] = {3819.2, 5302.6, 6916.8, 8926.4, 10438.6, 11213.3};

static void energy_slope_and_inverse_agree(void **state) {
    (void)state;
    struct natural_spline g;
    gain_spline_init(&g, height, energy, 6);
    assert_true(gain_spline_is_monotone(&g));
    for (int i = 0; i < 6; i++)
        assert_true(fabs(gain_spline_energy(&g, height[i]) - energy[i]) < 1e-9);
    for (double p = 100; p < 13000; p += 77) {
        double e = gain_spline_energy(&g, p);
        assert_true(fabs(gain_spline_slope(&g, p) - (gain_spline_energy(&g, p + 0.01) - gain_spline_energy(&g, p - 0.01)) / 0.02) < 1e-7);
        assert_true(fabs(gain_spline_height(&g, e, 14000) - p) < 1e-6);
    }
    assert_true(isnan(gain_spline_height(&g, 5000, 14000)));
}

static void curves_that_turn_are_seen(void **state) {
    (void)state;
    struct natural_spline g;
    const double h[] = {1000, 1010, 3000}, e[] = {100, 200, 210};
    gain_spline_init(&g, h, e, 3);
    assert_false(gain_spline_is_monotone(&g));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(energy_slope_and_inverse_agree), cmocka_unit_test(curves_that_turn_are_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
