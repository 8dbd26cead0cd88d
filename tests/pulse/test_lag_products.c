/* Sums and counts of lag products against a plain double loop, over streams with gaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/lag_products.h"
#include "tests/pulse/synthetic.h"

enum { N = 25, RECORDS = 12 };

/* Products of samples that stand within N of each other in the same stretch and in the same or the next record. */
static void count_slowly(double x[RECORDS][N], const bool *touches, double *sums, double *counts) {
    memset(sums, 0, N * sizeof *sums);
    memset(counts, 0, N * sizeof *counts);
    for (int r = 0; r < RECORDS; r++)
        for (int k = 0; k < N; k++)
            for (int j = 0; j < N; j++) {
                bool next = k + j >= N;
                if (next && (r + 1 == RECORDS || !touches[r + 1]))
                    continue;
                sums[j] += x[r][k] * x[r + next][(k + j) % N];
                counts[j]++;
            }
}

static void test_stretches(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(9);
    struct noise_plan *plan;
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    for (int round = 0; round < 20; round++) {
        struct lag_products *l;
        double x[RECORDS][N], sums[N], counts[N], want_sums[N], want_counts[N];
        bool touches[RECORDS];
        assert_int_equal(lag_products_new(plan, &l), STATUS_OK);
        for (int r = 0; r < RECORDS; r++) {
            touches[r] = synthetic_uniform(&s) < (round ? 0.7 : 0);
            for (int k = 0; k < N; k++)
                x[r][k] = synthetic_gauss(&s);
            lag_products_add(l, x[r], touches[r]);
        }
        lag_products_finish(l, sums, counts);
        count_slowly(x, touches, want_sums, want_counts);
        for (int j = 0; j < N; j++) {
            assert_true(counts[j] == want_counts[j]);
            assert_true(fabs(sums[j] - want_sums[j]) < 1e-10);
        }
        lag_products_free(l);
    }
    noise_plan_free(plan);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_stretches) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
