/* Limits per slice of coefficient 2, as the cut of doc/methods.md, Records makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/pixel_model.h"
#include "tests/pulse/synthetic.h"

static void add(struct off_residuals *r, double height, double residual) {
    struct off_record record = { .coefficients = { 0, 0, (float)height }, .residual_sd = (float)residual };
    off_residuals_add(r, &record);
}

static void test_by_hand(void **state) {
    (void)state;
    struct off_residuals *r;
    struct pixel_model m = { .coefficients = true };
    assert_int_equal(off_residuals_new(&r), STATUS_OK);
    static const double low[] = { 10, 11, 12, 13, 14 };
    for (int i = 0; i < 5; i++)
        add(r, 100 + i, low[i]);
    add(r, 2000, 999);           /* on a border: nobody's */
    add(r, -50, 999);
    add(r, 1e9, 999);            /* beyond all slices; makes the slices below it whole */
    add(r, NAN, 999);
    add(r, 3000, NAN);
    add(r, 5000, 40);
    off_residuals_apply(r, &m);
    assert_int_equal(m.n_slices, OFF_SLICES_MAX);
    assert_true(m.slice_width == 2000);
    assert_true(fabs(m.slice_limit[0] - (12 + 10 * 1.4826)) < 1e-4);
    assert_true(m.slice_limit[1] == 0);
    assert_true(m.slice_limit[2] == 40);
    off_residuals_free(r);
}

static void test_only_whole_slices(void **state) {
    (void)state;
    struct off_residuals *r;
    struct pixel_model m = { .coefficients = true, .n_slices = 9 };
    assert_int_equal(off_residuals_new(&r), STATUS_OK);
    off_residuals_apply(r, &m);
    assert_int_equal(m.n_slices, 0);
    add(r, 5999, 1);
    off_residuals_apply(r, &m);
    assert_int_equal(m.n_slices, 2);
    add(r, 6001, 1);
    off_residuals_apply(r, &m);
    assert_int_equal(m.n_slices, 3);
    off_residuals_free(r);
}

/* Far more than is kept: the limit still follows the whole run. */
static void test_bounded(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(25);
    struct off_residuals *r;
    struct pixel_model m = { .coefficients = true };
    assert_int_equal(off_residuals_new(&r), STATUS_OK);
    for (int i = 0; i < 300000; i++)
        add(r, 500 + i % 1000, (i < 150000 ? 20 : 30) + synthetic_gauss(&s));
    add(r, 2500, 1);
    off_residuals_apply(r, &m);
    assert_true(fabs(m.slice_limit[0] - (25 + 10 * 1.4826 * 5)) < 1.5);
    off_residuals_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_by_hand), cmocka_unit_test(test_only_whole_slices), cmocka_unit_test(test_bounded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
