/* Limits that follow a residual which depends on height. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/residual_scale.h"
#include "tests/pulse/synthetic.h"

enum { POINTS = 1000 };

/* V around the height of the template, as measured on real pulses. */
static double expected(double height) {
    return 8 + 0.2 * fabs(height - 2000);
}

static void test_good_stay_and_odd_go(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(19);
    struct residual_scale scale;
    struct residual_point points[POINTS];
    for (int i = 0; i < POINTS; i++) {
        double height = i % 2 ? 2000 + 300 * synthetic_gauss(&s) : 1000 + 100 * synthetic_gauss(&s);
        points[i] = (struct residual_point){ height, expected(height) * (1 + 0.05 * synthetic_gauss(&s)) * (i % 25 ? 1 : 20) };
    }
    assert_int_equal(residual_scale_learn(points, POINTS, &scale), STATUS_OK);
    double worst = 0;
    for (int i = 0; i < POINTS; i++) {
        bool odd = points[i].residual > 5 * expected(points[i].height);
        assert_int_equal(residual_scale_excess(&scale, points[i].height, points[i].residual) > 7, odd);
    }
    for (double height = 1000; height < 2200; height += 10)
        worst = fmax(worst, fabs(residual_scale_excess(&scale, height, expected(height))));
    print_message("largest excess of what is expected: %.2f\n", worst);
    assert_true(worst < 2);
    assert_true(residual_scale_excess(&scale, 20000, expected(3000) * 30) < 0);
    assert_true(isfinite(residual_scale_excess(&scale, -5, 10)) && isfinite(residual_scale_excess(&scale, NAN, 10)));
    assert_true(residual_scale_excess(&scale, 1000, NAN) > 1e9);
}

/* Heights that are all equal, and one group only. */
static void test_one_height(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(20);
    struct residual_scale scale;
    struct residual_point points[POINTS];
    for (size_t n = RESIDUAL_GROUP_MIN; n <= POINTS; n += POINTS - RESIDUAL_GROUP_MIN) {
        for (size_t i = 0; i < n; i++)
            points[i] = (struct residual_point){ 1234, 10 + synthetic_gauss(&s) };
        assert_int_equal(residual_scale_learn(points, n, &scale), STATUS_OK);
        assert_true(fabs(residual_scale_excess(&scale, 1234, 10)) < 1 && residual_scale_excess(&scale, 1234, 20) > 6);
    }
}

static void test_too_few(void **state) {
    (void)state;
    struct residual_scale scale = { .n_nodes = 0 };
    struct residual_point points[RESIDUAL_GROUP_MIN] = { { 1, 1 } };
    assert_int_equal(residual_scale_learn(points, RESIDUAL_GROUP_MIN - 1, &scale), STATUS_TOO_FEW);
    assert_int_equal(scale.n_nodes, 0);
    assert_true(residual_scale_excess(&scale, 1000, 1e9) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_stay_and_odd_go), cmocka_unit_test(test_one_height), cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
