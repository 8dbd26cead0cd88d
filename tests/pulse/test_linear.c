/* Toeplitz solves, judged by putting the solution back in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"
#include "tests/pulse/synthetic.h"

enum { MOST = 200 };

static double row_times(const double *column, const double *x, size_t n, size_t row) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += column[row > i ? row - i : i - row] * x[i];
    return sum;
}

static void test_solution_solves(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(3);
    double column[MOST], b[2 * MOST], x[2 * MOST];
    for (size_t j = 0; j < MOST; j++)
        column[j] = synthetic_covariance((unsigned)j);
    for (size_t n = 1; n <= MOST; n += 1 + n / 5) {
        for (size_t i = 0; i < 2 * n; i++)
            b[i] = synthetic_gauss(&s);
        assert_int_equal(linear_toeplitz(column, n, b, 2, x), STATUS_OK);
        for (size_t i = 0; i < 2 * n; i++)
            assert_true(fabs(row_times(column, x + i / n * n, n, i % n) - b[i]) < 1e-10);
    }
}

static void test_form(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(4);
    double column[30], x[30], want = 0;
    for (size_t j = 0; j < 30; j++) {
        column[j] = synthetic_gauss(&s);
        x[j] = synthetic_gauss(&s);
    }
    for (size_t i = 0; i < 30; i++)
        want += x[i] * row_times(column, x, 30, i);
    assert_true(fabs(linear_toeplitz_form(column, x, 30) - want) < 1e-10);
}

/* The leading 2x2 block is good, the 3x3 block is not: only a check at every order sees it before the end. */
static void test_not_positive_is_told(void **state) {
    (void)state;
    double b[4] = { 1, 2, 3, 4 }, x[4] = { 9, 9, 9, 9 };
    assert_int_equal(linear_toeplitz((double[]){ 1, 0.9, 0.2, 0 }, 4, b, 1, x), STATUS_NOT_POSITIVE);
    assert_int_equal(linear_toeplitz((double[]){ 1, 1, 1, 1 }, 4, b, 1, x), STATUS_NOT_POSITIVE);
    assert_int_equal(linear_toeplitz((double[]){ 0, 0, 0, 0 }, 4, b, 1, x), STATUS_NOT_POSITIVE);
    assert_int_equal(linear_toeplitz((double[]){ NAN, 0, 0, 0 }, 4, b, 1, x), STATUS_NOT_POSITIVE);
    for (size_t i = 0; i < 4; i++)
        assert_true(x[i] == 9);
}

/* A first-order process is predicted by its last value alone. */
static void test_prediction(void **state) {
    (void)state;
    double column[9], a[9], error;
    for (int i = 0; i < 9; i++)
        column[i] = 7 * pow(0.6, i);
    linear_prediction(column, 8, a, &error);
    assert_true(a[0] == 1 && fabs(a[1] + 0.6) < 1e-12 && fabs(error - 7 * (1 - 0.36)) < 1e-12);
    for (int i = 2; i < 9; i++)
        assert_true(fabs(a[i]) < 1e-12);
    double odd[3] = { 1, 2, 0 };
    linear_prediction(odd, 2, a, &error);
    assert_true(a[0] == 1 && a[1] == 0 && error == 1);
}

static void test_dense(void **state) {
    (void)state;
    double a[] = { 0, 2, 1, 3, 0, 0, 1, 1, 5 }, rhs[] = { 7, 1, 6, 0, 19, 0 };  /* x = 2, 2, 3 */
    assert_int_equal(linear_dense(a, 3, rhs, 2), STATUS_OK);
    const double want[] = { 2, 2, 3 };
    for (int i = 0; i < 3; i++)
        assert_true(fabs(rhs[2 * i] - want[i]) < 1e-12);
    double flat[] = { 1, 2, 2, 4 }, b[] = { 1, 1 }, odd[] = { (double)NAN };
    assert_int_equal(linear_dense(flat, 2, b, 1), STATUS_NOT_POSITIVE);
    assert_int_equal(linear_dense(odd, 1, b, 1), STATUS_NOT_POSITIVE);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_solution_solves), cmocka_unit_test(test_form), cmocka_unit_test(test_not_positive_is_told), cmocka_unit_test(test_dense), cmocka_unit_test(test_prediction) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
