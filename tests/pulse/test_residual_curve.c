/* Limits that follow a residual which depends on height. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/residual_curve.h"
#include "tests/pulse/synthetic.h"

enum { POINTS = 1000 };

/* V around the height of the template, as measured on real pulses. */
static double expected(double height) {
    return 8 + 0.2 * fabs(height - 2000);
}

static void test_good_stay_and_odd_go(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(19);
    struct pixel_model m = { .coefficients = false };
    struct residual_point points[POINTS];
    for (int i = 0; i < POINTS; i++) {
        double height = i % 2 ? 2000 + 300 * synthetic_gauss(&s) : 1000 + 100 * synthetic_gauss(&s);
        points[i] = (struct residual_point){ height, expected(height) * (1 + 0.05 * synthetic_gauss(&s)) * (i % 25 ? 1 : 20) };
    }
    assert_int_equal(residual_curve_learn(points, POINTS, &m), STATUS_OK);
    for (int i = 0; i < POINTS; i++) {
        bool odd = points[i].residual > 5 * expected(points[i].height);
        assert_int_equal(points[i].residual > residual_curve_limit(&m, points[i].height), odd);
    }
    for (double height = 1200; height < 1500; height += 10)
        assert_true(residual_curve_limit(&m, height) > 0.9 * expected(height));
    assert_true(residual_curve_limit(&m, 20000) > 10 * residual_curve_limit(&m, 3000));
    assert_true(residual_curve_limit(&m, -5) > 0);
}

static void test_lookup_is_by_centre(void **state) {
    (void)state;
    struct pixel_model m = { .coefficients = true, .n_slices = 3, .slice_width = 2000, .slice_limit = { 10, 20, 30 } };
    assert_true(residual_curve_limit(&m, 0) == 10 && residual_curve_limit(&m, 1000) == 10);
    assert_true(residual_curve_limit(&m, 1000.5) == 20 && residual_curve_limit(&m, 3000) == 20);
    assert_true(residual_curve_limit(&m, 4000) == 30 && residual_curve_limit(&m, 1e9) == 30);
    assert_true(residual_curve_limit(&m, NAN) == 10);
    m.n_slices = 0;
    assert_true(isinf(residual_curve_limit(&m, 1000)));
}

static void test_too_few(void **state) {
    (void)state;
    struct pixel_model m = { .n_slices = 0 };
    struct residual_point points[39] = { { 1, 1 } };
    assert_int_equal(residual_curve_learn(points, 39, &m), STATUS_TOO_FEW);
    assert_int_equal(m.n_slices, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_stay_and_odd_go), cmocka_unit_test(test_lookup_is_by_centre), cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
