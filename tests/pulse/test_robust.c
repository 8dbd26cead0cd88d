/* Selection against sorting, and spreads that wild values must not move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/robust.h"
#include "tests/pulse/synthetic.h"

enum { MOST = 300 };

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill(struct synthetic *s, int kind, double *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        v[i] = kind == 0 ? synthetic_gauss(s) : kind == 1 ? (double)(synthetic_bits(s) % 4) : kind == 2 ? (double)i : kind == 3 ? -(double)i : 7;
}

static void test_ranks_agree_with_sorting(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(1);
    for (int kind = 0; kind < 5; kind++)
        for (size_t n = 1; n < MOST; n += 1 + n / 8) {
            double v[MOST], sorted[MOST], work[MOST];
            fill(&s, kind, v, n);
            memcpy(sorted, v, sizeof sorted);
            qsort(sorted, n, sizeof *sorted, ascending);
            for (size_t k = 0; k < n; k++) {
                memcpy(work, v, sizeof work);
                assert_true(robust_rank(work, n, k) == sorted[k]);
                for (size_t i = 0; i < n; i++)
                    assert_true(i < k ? work[i] <= sorted[k] : work[i] >= sorted[k]);
                memcpy(work, v, sizeof work);
                size_t next = k + 1 < n ? k + 1 : k;
                double between = n > 1 ? ((double)k + 0.25) / (double)(n - 1) : 0, quarter = sorted[k] + 0.25 * (sorted[next] - sorted[k]);
                assert_true(k + 1 == n || fabs(robust_quantile(work, n, between) - quarter) < 1e-9 * (1 + fabs(quarter)));
            }
            memcpy(work, v, sizeof work);
            assert_true(fabs(robust_median(work, n) - 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2])) < 1e-12);
        }
}

static void test_quantile_is_linear(void **state) {
    (void)state;
    double v[] = { 40, 10, 30, 20 };
    assert_true(fabs(robust_quantile(v, 4, 0.25) - 17.5) < 1e-12);
    assert_true(robust_quantile(v, 4, 0) == 10);
    assert_true(robust_quantile(v, 4, 1) == 40);
    assert_true(isnan(robust_median(v, 0)));
    assert_true(isnan(robust_centre(v, 0).sigma));
}

static void test_wild_values_do_not_move_it(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(2);
    enum { N = 20000 };
    double *v = malloc(N * sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < N; i++)
        v[i] = i % 10 == 0 ? 1e9 : 5 + 2 * synthetic_gauss(&s);
    struct robust_centre c = robust_centre(v, N);
    assert_true(fabs(c.median - 5) < 0.5);
    assert_true(fabs(c.sigma - 2) < 0.5);
    free(v);
}

/* A NaN is against the contract, but must not hang or run out of the array. */
static void test_nan_ends(void **state) {
    (void)state;
    double v[64];
    for (size_t i = 0; i < 64; i++)
        v[i] = i % 3 ? (double)i : NAN;
    (void)robust_median(v, 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_agree_with_sorting), cmocka_unit_test(test_quantile_is_linear),
        cmocka_unit_test(test_wild_values_do_not_move_it), cmocka_unit_test(test_nan_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
