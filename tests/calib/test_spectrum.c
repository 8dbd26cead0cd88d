#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "calib/spectrum.h"
#include "tests/calib/draw.h"

static void bins_are_left_closed(void **state) {
    (void)state;
    struct spectrum *s = NULL;
    assert_int_equal(spectrum_new(10, 2, 3, &s), STATUS_OK);
    const float values[] = {9.999f, 10, 11.999f, 12, 15.999f, 16, NAN, -INFINITY, INFINITY};
    spectrum_fill(s, values, sizeof values / sizeof values[0]);
    assert_true(s->counts[0] == 2 && s->counts[1] == 1 && s->counts[2] == 1 && s->total == 4);
    assert_true(spectrum_sum(s, 10, 12) == 2 && spectrum_sum(s, -1e9, 1e9) == 4 && spectrum_sum(s, 20, 30) == 0);
    assert_true(fabs(spectrum_value(s, 12) - 1.5) < 1e-12 && spectrum_value(s, 9) == 0 && spectrum_value(s, 15.5) == 0);
    spectrum_free(s);
    assert_int_equal(spectrum_new(0, 0, 3, &s), STATUS_BAD_VALUE);
    assert_int_equal(spectrum_new(NAN, 1, 3, &s), STATUS_BAD_VALUE);
    assert_int_equal(spectrum_new(0, 1, 0, &s), STATUS_BAD_VALUE);
}

static void smoothing_keeps_counts_centre_and_adds_width(void **state) {
    (void)state;
    struct spectrum *s = NULL, *smooth = NULL;
    assert_int_equal(spectrum_new(0, 0.5, 400, &s), STATUS_OK);
    spectrum_add(s, 100.1, 1000);
    assert_int_equal(spectrum_smooth(s, 6, &smooth), STATUS_OK);
    double sum = 0, mean = 0, square = 0;
    for (size_t i = 0; i < smooth->n; i++) {
        double x = spectrum_centre(smooth, i);
        sum += smooth->counts[i];
        mean += x * smooth->counts[i];
        square += x * x * smooth->counts[i];
    }
    mean /= sum;
    assert_true(fabs(sum - 1000) < 1e-6 && fabs(mean - 100.25) < 1e-9);
    assert_true(fabs(sqrt(square / sum - mean * mean) * 2.3548 / 6 - 1) < 0.01);
    spectrum_free(smooth);
    assert_int_equal(spectrum_smooth(s, 0.1, &smooth), STATUS_OK);
    assert_true(smooth->counts[200] == 1000);
    spectrum_free(smooth);
    spectrum_free(s);
}

static void limits_ignore_the_odd_pulse(void **state) {
    (void)state;
    struct seeded r = draw_start("spectrum limits", 3);
    enum { N = 5000 };
    float values[N];
    for (int i = 0; i < N; i++)
        values[i] = (float)(100 + 900 * draw_uniform(&r));
    values[7] = 1e9f;
    values[8] = NAN;
    values[9] = -50;
    double low = 0, high = 0;
    assert_int_equal(spectrum_limits(values, N, 0.001, &low, &high), STATUS_OK);
    assert_true(low > 99 && low < 105 && high > 990 && high < 1001);
    assert_int_equal(spectrum_limits(values, 5, 0.001, &low, &high), STATUS_TOO_FEW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_are_left_closed),
        cmocka_unit_test(smoothing_keeps_counts_centre_and_adds_width),
        cmocka_unit_test(limits_ignore_the_odd_pulse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
