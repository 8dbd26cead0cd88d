/* What is left of noise has a variance of one, nuisances of any size leave nothing, and a pulse is seen at its height. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "pulse/onset_match.h"
#include "tests/pulse/synthetic.h"

enum { N = 300, FIRST = 80, ORDER = 2, ROWS = MATCH_NUISANCES };
static const double taps[ORDER + 1] = { 0.5, -0.4, 0.1 };   /* of noise x[k] = 0.8 x[k-1] - 0.2 x[k-2] + 2 x a normal number */

static void make_rows(float *rows) {
    memset(rows, 0, ROWS * N * sizeof *rows);
    for (int k = 0; k < N; k++) {
        rows[k] = 1;
        rows[N + k] = (float)synthetic_shape(k - FIRST);
        rows[2 * N + k] = (float)(synthetic_shape(k - FIRST - 0.5) - synthetic_shape(k - FIRST + 0.5));
        rows[3 * N + k] = (float)(synthetic_shape(k - FIRST) * k / N);
        rows[4 * N + k] = rows[N + k];   /* nothing of its own */
    }
}

static void make_match(struct onset_match *m, const float *rows) {
    const struct onset_plan plan = { .n = N, .first = FIRST, .order = ORDER, .rows = rows, .taps = taps, .least_left = 0.05 };
    assert_int_equal(onset_match_init(&plan, m), STATUS_OK);
}

static double product_at(const struct onset_match *m, const float *e, uint32_t at) {
    return (double)dot_kernel_best()->floats(m->onset, e + at, m->n_onset);
}

static void test_noise_has_a_variance_of_one(void **state) {
    (void)state;
    enum { TRIES = 3000 };
    struct synthetic s = synthetic_seed(75);
    struct onset_match m;
    float rows[ROWS * N], x[N], e[N + ONSET_MOST];
    double square[N] = { 0 };
    make_rows(rows);
    make_match(&m, rows);
    for (int i = 0; i < TRIES; i++) {
        for (int k = 0; k < N; k++)
            x[k] = (float)(2 * synthetic_gauss(&s)) + (k > 1 ? 0.8F * x[k - 1] - 0.2F * x[k - 2] : 0);
        onset_match_clean(&m, dot_kernel_best(), x, e);
        for (uint32_t at = ORDER; at < N; at += 13)
            square[at] += pow(product_at(&m, e, at), 2) * (double)m.left[at] / TRIES;
    }
    for (uint32_t at = ORDER; at < N; at += 13)
        if (m.left[at] > 0)
            assert_true(fabs(square[at] - 1) < 5 * sqrt(2. / TRIES));
    onset_match_done(&m);
}

static void test_nuisances_leave_nothing_and_pulses_their_height(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(76);
    struct onset_match m;
    float rows[ROWS * N], x[N], e[N + ONSET_MOST];
    make_rows(rows);
    make_match(&m, rows);
    for (int at = FIRST + 20; at < N - 60; at += 17) {
        double shares[ROWS];
        for (int i = 0; i < ROWS; i++)
            shares[i] = 1000 * synthetic_gauss(&s);
        for (int k = 0; k < N; k++) {
            x[k] = 0;
            for (int i = 0; i < ROWS; i++)
                x[k] += (float)shares[i] * rows[i * N + k];
        }
        onset_match_clean(&m, dot_kernel_best(), x, e);
        assert_true(fabs(product_at(&m, e, (uint32_t)at)) * sqrt((double)m.left[at]) < 0.05);
        for (int k = 0; k < N; k++)
            x[k] += (float)(50 * synthetic_shape(k - at));
        onset_match_clean(&m, dot_kernel_best(), x, e);
        assert_true(fabs(product_at(&m, e, (uint32_t)at) * (double)m.left[at] / 50 - 1) < 0.2);
    }
    onset_match_done(&m);
}

static void test_refuses_what_has_no_pulse(void **state) {
    (void)state;
    static float rows[ROWS * N];
    const struct onset_plan plan = { .n = N, .first = FIRST, .order = ORDER, .rows = rows, .taps = taps, .least_left = 0.05 };
    struct onset_match m;
    assert_int_equal(onset_match_init(&plan, &m), STATUS_BAD_VALUE);
    assert_null(m.nuisance);
}

/* As sums the rows are the sums of the samples' rows; what is left of the last few samples belongs to none. */
static void test_rows_add_up(void **state) {
    (void)state;
    enum { SUM = 4, SOME = N - 3 };
    double shape[N];
    struct pulse_shape *p;
    static float rows[ROWS * SOME], sums[ROWS * (SOME / SUM)];
    for (int k = 0; k < N; k++)
        shape[k] = synthetic_shape(k - FIRST);
    assert_int_equal(pulse_shape_from_template(shape, N, FIRST, 1000, &p), STATUS_OK);
    onset_match_rows(p, SOME, 1, rows);
    onset_match_rows(p, SOME, SUM, sums);
    for (uint32_t i = 0; i < ROWS; i++)
        for (uint32_t k = 0; k < SOME / SUM; k++) {
            const float *four = rows + i * SOME + SUM * k;
            assert_true(fabsf(sums[i * (SOME / SUM) + k] - (four[0] + four[1] + four[2] + four[3])) <= 1e-5F * (fabsf(four[0]) + fabsf(four[3]) + 1e-3F));
        }
    for (uint32_t k = 0; k < SOME; k++) {
        assert_true(rows[k] == 1);
        assert_true(rows[MATCH_PULSE * SOME + k] == (k < p->first ? 0 : p->rows[k - p->first]));
    }
    pulse_shape_free(p);
}

static void test_squares_and_the_largest(void **state) {
    (void)state;
    const float products[] = { -3, 2, 0, 5, -1 }, left[] = { 1, 2, 3, 0, 5 }, want[] = { 0, 8, 0, 0, 0 };
    float t2[5];
    onset_match_squares(products, left, 5, t2);
    for (int i = 0; i < 5; i++)
        assert_true(t2[i] == want[i]);
    assert_true(onset_match_largest(t2, 5) == 8 && onset_match_largest(t2, 1) == 0 && onset_match_largest(t2, 0) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise_has_a_variance_of_one), cmocka_unit_test(test_nuisances_leave_nothing_and_pulses_their_height),
        cmocka_unit_test(test_refuses_what_has_no_pulse), cmocka_unit_test(test_rows_add_up), cmocka_unit_test(test_squares_and_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
