#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "calib/gain_fit.h"
#include "tests/calib/draw.h"

enum { N = 7 };
static const double x[N] = {3.8, 5.3, 6.9, 8.9, 10.4, 11.2, 11.9};
static const double none[N] = {0};

static double parabola(double at) { return 14 - 0.2 * at - 0.005 * at * at; }
static double cubic(double at) { return parabola(at) + 2e-3 * (at - 5) * (at - 9) * (at - 11); }

static void all_forms_give_what_they_can_hold(void **state) {
    (void)state;
    for (int form = 0; form < N_CURVE_FORMS; form++) {
        struct gain_fit f;
        struct natural_spline c;
        double y[N], line[N];
        for (int i = 0; i < N; i++) {
            y[i] = parabola(x[i]);
            line[i] = 14 - 0.2 * x[i];
        }
        assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, line, none, N), STATUS_OK);
        gain_fit_curve(&f, line, &c);
        for (double at = 0; at < 20; at += 0.1)
            assert_true(fabs(natural_spline_value(&c, at) - (14 - 0.2 * at)) < 1e-6);
        assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, y, none, N), STATUS_OK);
        gain_fit_curve(&f, y, &c);
        for (int i = 0; i < N; i++)
            assert_true(fabs(natural_spline_value(&c, x[i]) - y[i]) < 1e-6);
        for (double at = x[0]; form == CURVE_QUADRATIC && at < x[N - 1]; at += 0.1)
            assert_true(fabs(natural_spline_value(&c, at) - parabola(at)) < 1e-9);
        double end = natural_spline_slope(&c, x[N - 1]);   /* straight outside, without a kink */
        assert_true(fabs(natural_spline_value(&c, 15) - natural_spline_value(&c, x[N - 1]) - end * (15 - x[N - 1])) < 1e-9);
        assert_true(fabs(natural_spline_slope(&c, x[N - 1] - 1e-7) - end) < 1e-6);
    }
}

/* With errors of 2 % of the gains' bend, smoothing lies nearer to the truth than the points do, and the points' errors are met. */
static void smoothing_takes_noise_away_and_keeps_the_shape(void **state) {
    (void)state;
    struct seeded r = draw_start("gain_fit smoothing", 4);
    double of[N_CURVE_FORMS] = {0}, between[N_CURVE_FORMS] = {0}, sigma[N];
    enum { TRIALS = 400 };
    for (int i = 0; i < N; i++)
        sigma[i] = 0.01 * (1 + i % 3);
    for (int t = 0; t < TRIALS; t++) {
        double y[N];
        for (int i = 0; i < N; i++)
            y[i] = cubic(x[i]) + sigma[i] * draw_normal(&r);
        for (int form = 0; form < N_CURVE_FORMS; form++) {
            struct gain_fit f;
            struct natural_spline c;
            assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, y, sigma, N), STATUS_OK);
            gain_fit_curve(&f, y, &c);
            for (int i = 0; i < N; i++)
                of[form] += pow((natural_spline_value(&c, x[i]) - cubic(x[i])) / sigma[i], 2) / (N * TRIALS);
            for (int i = 0; i + 1 < N; i++) {
                double at = 0.5 * (x[i] + x[i + 1]);
                between[form] += pow((natural_spline_value(&c, at) - cubic(at)) / 0.02, 2) / ((N - 1) * TRIALS);
            }
        }
    }
    printf("mean square error in units of the points' errors, at them and between: spline %.2f %.2f, smoothing %.2f %.2f, quadratic %.2f %.2f\n",
           of[CURVE_SPLINE], between[CURVE_SPLINE], of[CURVE_SMOOTHING], between[CURVE_SMOOTHING], of[CURVE_QUADRATIC], between[CURVE_QUADRATIC]);
    assert_true(fabs(of[CURVE_SPLINE] - 1) < 0.1);
    assert_true(of[CURVE_SMOOTHING] < 0.9 && between[CURVE_SMOOTHING] < between[CURVE_SPLINE]);
    assert_true(of[CURVE_QUADRATIC] > of[CURVE_SMOOTHING]);   /* it cannot hold this curve */
}

/* What the hat says of errors is what errors do. */
static void the_hat_propagates_errors(void **state) {
    (void)state;
    for (int form = 0; form < N_CURVE_FORMS; form++) {
        struct gain_fit f;
        struct natural_spline c, moved, unit;
        double y[N], sigma[N], e[N] = {0};
        for (int i = 0; i < N; i++) {
            y[i] = cubic(x[i]);
            sigma[i] = 0.02;
        }
        assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, y, sigma, N), STATUS_OK);
        gain_fit_curve(&f, y, &c);
        for (int i = 0; i < N; i++) {
            y[i] += 0.01;
            e[i] = 1;
            gain_fit_curve(&f, y, &moved);
            gain_fit_curve(&f, e, &unit);
            for (double at = 1; at < 14; at += 0.7)
                assert_true(fabs(natural_spline_value(&moved, at) - natural_spline_value(&c, at) - 0.01 * natural_spline_value(&unit, at)) < 1e-12);
            y[i] -= 0.01;
            e[i] = 0;
        }
    }
}

static void few_points(void **state) {
    (void)state;
    struct gain_fit f;
    struct natural_spline c;
    double y[N] = {3, 2.5, 2.2}, e[N] = {0.1, 0.1, 0.1};
    for (int form = 0; form < N_CURVE_FORMS; form++) {
        assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, y, e, 1), STATUS_BAD_VALUE);
        assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, y, e, GAIN_FIT_MAX + 1), STATUS_BAD_VALUE);
        assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, y, e, 2), STATUS_OK);
        gain_fit_curve(&f, y, &c);
        assert_true(fabs(natural_spline_value(&c, x[0]) - 3) < 1e-9 && fabs(natural_spline_value(&c, x[1]) - 2.5) < 1e-9);
        assert_int_equal(gain_fit_init(&f, (enum curve_form)form, x, y, e, 3), STATUS_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_give_what_they_can_hold), cmocka_unit_test(smoothing_takes_noise_away_and_keeps_the_shape),
        cmocka_unit_test(the_hat_propagates_errors), cmocka_unit_test(few_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
