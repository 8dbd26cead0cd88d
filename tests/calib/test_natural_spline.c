#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "calib/natural_spline.h"

static const double x[] = {1, 2, 4, 7, 8}, y[] = {3, 1, 5, 2, 2};

static void is_smooth_through_the_knots_with_free_ends(void **state) {
    (void)state;
    struct natural_spline s;
    natural_spline_init(&s, x, y, 5);
    for (int i = 0; i < 5; i++)
        assert_true(fabs(natural_spline_value(&s, x[i]) - y[i]) < 1e-12);
    for (int i = 1; i < 4; i++) {  /* value, slope and bend go on through inner knots */
        double e = 1e-5;
        assert_true(fabs(natural_spline_slope(&s, x[i] - e) - natural_spline_slope(&s, x[i] + e)) < 1e-3);
        double left = (natural_spline_slope(&s, x[i] - e) - natural_spline_slope(&s, x[i] - 2 * e)) / e;
        double right = (natural_spline_slope(&s, x[i] + 2 * e) - natural_spline_slope(&s, x[i] + e)) / e;
        assert_true(fabs(left - right) < 1e-2);
    }
    for (double at = 0; at < 9; at += 0.05)
        assert_true(fabs(natural_spline_slope(&s, at) - (natural_spline_value(&s, at + 1e-6) - natural_spline_value(&s, at - 1e-6)) / 2e-6) < 1e-5);
}

/* Natural cubic spline of scipy.interpolate.CubicSpline(x, y, bc_type="natural"). */
static void equals_scipy(void **state) {
    (void)state;
    static const double at[] = {1.5, 3, 5, 6.5, 7.5}, want[] = {1.6782994923857868, 2.5736040609137056, 5.00507614213198, 2.557106598984771, 1.87246192893401};
    struct natural_spline s;
    natural_spline_init(&s, x, y, 5);
    for (int i = 0; i < 5; i++)
        assert_true(fabs(natural_spline_value(&s, at[i]) - want[i]) < 1e-9);
}

static void goes_on_straight_outside_and_two_points_are_a_line(void **state) {
    (void)state;
    struct natural_spline s;
    natural_spline_init(&s, x, y, 5);
    double slope = natural_spline_slope(&s, 8);
    assert_true(fabs(natural_spline_value(&s, 20) - (2 + 12 * slope)) < 1e-9 && fabs(natural_spline_slope(&s, 100) - slope) < 1e-12);
    slope = natural_spline_slope(&s, 1);
    assert_true(fabs(natural_spline_value(&s, -3) - (3 - 4 * slope)) < 1e-9);
    natural_spline_init(&s, x, y, 2);
    assert_true(fabs(natural_spline_value(&s, 5) - (3 - 2 * 4)) < 1e-12);
}

/* Splines of unit vectors are the weights of the knots: their sum with the values is the spline. */
static void is_linear_in_the_values(void **state) {
    (void)state;
    struct natural_spline s, unit[5];
    natural_spline_init(&s, x, y, 5);
    for (int i = 0; i < 5; i++) {
        double e[5] = {0};
        e[i] = 1;
        natural_spline_init(&unit[i], x, e, 5);
    }
    for (double at = -2; at < 12; at += 0.3) {
        double sum = 0;
        for (int i = 0; i < 5; i++)
            sum += y[i] * natural_spline_value(&unit[i], at);
        assert_true(fabs(sum - natural_spline_value(&s, at)) < 1e-9);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_smooth_through_the_knots_with_free_ends),
        cmocka_unit_test(equals_scipy),
        cmocka_unit_test(goes_on_straight_outside_and_two_points_are_a_line),
        cmocka_unit_test(is_linear_in_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
