#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "pulse/normal_equations.h"
#include "tests/pulse/synthetic.h"

/* Rows of a known solution give it back. */
static void the_solution_comes_back(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(31);
    for (unsigned n = 1; n <= NORMAL_MAX; n++) {
        struct normal_equations e;
        double truth[NORMAL_MAX], found[NORMAL_MAX];
        normal_equations_init(&e, n);
        for (unsigned k = 0; k < n; k++)
            truth[k] = synthetic_gauss(&s);
        for (unsigned i = 0; i < 40 * n; i++) {
            double row[NORMAL_MAX] = { 0 }, value = 0, weight = 0.5 + synthetic_uniform(&s);
            for (unsigned k = i % n; k < n; k += 1 + n / 3)
                value += truth[k] * (row[k] = synthetic_gauss(&s));
            normal_equations_add(&e, row, weight, weight * value);
        }
        assert_int_equal(normal_equations_factor(&e), STATUS_OK);
        normal_equations_solve(&e, e.right, found);
        normal_equations_solve(&e, e.right, e.right);
        for (unsigned k = 0; k < n; k++)
            assert_true(fabs(found[k] - truth[k]) < 1e-10 && e.right[k] == found[k]);
    }
}

static void many_rows_are_each_row(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(32);
    enum { MOST = 11 };
    for (unsigned n = 1; n <= NORMAL_MAX; n++)
        for (size_t count = 0; count <= MOST; count++) {
            double rows[MOST * NORMAL_MAX], weight[MOST], value[MOST];
            struct normal_equations one, all;
            normal_equations_init(&one, n);
            normal_equations_init(&all, n);
            for (size_t i = 0; i < count * n; i++)
                rows[i] = synthetic_gauss(&s);
            for (size_t i = 0; i < count; i++) {
                weight[i] = synthetic_uniform(&s);
                value[i] = synthetic_gauss(&s);
                normal_equations_add(&one, rows + i * n, weight[i], value[i]);
            }
            normal_equations_add_rows(&all, rows, weight, value, count);
            assert_memory_equal(one.right, all.right, n * sizeof *one.right);
            for (unsigned i = 0; i < n; i++)
                assert_memory_equal(one.matrix + i * n, all.matrix + i * n, (i + 1) * sizeof *one.matrix);
        }
}

/* Of A = [[4, 2], [2, 3]] and V = [[1, 0], [0, 2]]: A^-1 V A^-1 = [[17, -22], [-22, 36]] / 64; of V = A it is the inverse of A. */
static void errors_go_through_the_solution(void **state) {
    (void)state;
    struct normal_equations a, v, same;
    double c[4];
    normal_equations_init(&a, 2);
    normal_equations_add(&a, (const double[]){ 2, 1 }, 1, 0);
    normal_equations_add(&a, (const double[]){ 0, 1 }, 2, 0);
    same = a;
    normal_equations_init(&v, 2);
    normal_equations_add(&v, (const double[]){ 1, 0 }, 1, 0);
    normal_equations_add(&v, (const double[]){ 0, 1 }, 2, 0);
    assert_int_equal(normal_equations_factor(&a), STATUS_OK);
    normal_equations_covariance(&a, &v, c);
    assert_true(fabs(c[0] - 17.0 / 64) < 1e-14 && fabs(c[1] + 22.0 / 64) < 1e-14 && c[1] == c[2] && fabs(c[3] - 36.0 / 64) < 1e-14);
    normal_equations_covariance(&a, &same, c);
    assert_true(fabs(c[0] - 3.0 / 8) < 1e-14 && fabs(c[1] + 2.0 / 8) < 1e-14 && fabs(c[3] - 4.0 / 8) < 1e-14);
}

static void what_is_not_determined_is_said(void **state) {
    (void)state;
    struct normal_equations e;
    normal_equations_init(&e, 2);
    for (int i = 0; i < 5; i++)
        normal_equations_add(&e, (const double[]){ i, 2 * i }, 1, i);
    assert_int_equal(normal_equations_factor(&e), STATUS_NOT_POSITIVE);
    normal_equations_init(&e, 3);
    assert_int_equal(normal_equations_factor(&e), STATUS_NOT_POSITIVE);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_solution_comes_back), cmocka_unit_test(many_rows_are_each_row), cmocka_unit_test(errors_go_through_the_solution), cmocka_unit_test(what_is_not_determined_is_said) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
