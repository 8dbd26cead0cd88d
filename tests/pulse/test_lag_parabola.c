/* The parabola through five lags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/lag_parabola.h"

static void test_finds_the_top(void **state) {
    (void)state;
    for (double at = -3; at <= 3; at += 0.37) {
        double lags[LAGS];
        for (int i = 0; i < LAGS; i++)
            lags[i] = 1000 - 7 * (i - 2 - at) * (i - 2 - at);
        struct lag_parabola p = lag_parabola_fit(lags);
        assert_true(p.peaked);
        assert_true(fabs(p.height - 1000) < 1e-9 && fabs(p.arrival_samples - at) < 1e-9);
    }
}

static void test_no_top_is_said(void **state) {
    (void)state;
    const double up[LAGS] = { 4, 1, 0, 1, 4 }, flat[LAGS] = { 5, 5, 5, 5, 5 }, bad[LAGS] = { NAN, 1, 2, 1, 0 };
    assert_false(lag_parabola_fit(up).peaked);
    assert_true(isnan(lag_parabola_fit(up).arrival_samples));
    assert_true(fabs(lag_parabola_fit(up).height) < 1e-12);
    assert_false(lag_parabola_fit(flat).peaked);
    assert_true(fabs(lag_parabola_fit(flat).height - 5) < 1e-12);
    assert_false(lag_parabola_fit(bad).peaked);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_finds_the_top), cmocka_unit_test(test_no_top_is_said) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
