/* A known dependence on the baseline is found; none is made up; nothing runs away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/drift.h"
#include "tests/pulse/synthetic.h"

enum { MOST = 4000 };

/* Lines on a continuum; heights fall with the baseline so that `slope` brings them back. */
static void make_pulses(struct synthetic *s, double slope, double spread, size_t n, struct measured_pulse *p) {
    static const double lines[] = { 3000, 5000, 6500, 7200 };
    for (size_t i = 0; i < n; i++) {
        double offset = spread * sin((double)i / 300) + 0.2 * spread * synthetic_gauss(s);
        double height = i % 5 == 4 ? 1000 + 7000 * synthetic_uniform(s) : lines[i % 4] + 5 * synthetic_gauss(s);
        p[i] = (struct measured_pulse){ .height = (float)(height / (1 + slope * offset)), .pretrigger_mean = (float)(6000 + offset) };
    }
}

static void finds(double slope, double spread, size_t n) {
    struct synthetic s = synthetic_seed(20);
    struct measured_pulse *p = malloc(MOST * sizeof *p);
    struct drift d;
    struct drift_learning l;
    assert_non_null(p);
    make_pulses(&s, slope, spread, n, p);
    assert_int_equal(drift_learn(p, n, 12, &d, &l), STATUS_OK);
    print_message("slope %.2e: found %.2e, entropy %.4f -> %.4f, held out %.4f -> %.4f\n", slope, d.slope, l.entropy_before, l.entropy_after,
                  l.held_out_before, l.held_out_after);
    assert_true(l.accepted);
    assert_true(fabs(d.slope - slope) < 0.05 * fabs(slope));
    assert_true(fabs(d.reference - 6000) < spread);
    free(p);
}

static void test_finds_slopes(void **state) {
    (void)state;
    finds(1e-4, 40, MOST);
    finds(-3e-5, 60, MOST);
    finds(2e-3, 8, MOST);
    finds(2e-4, 40, 400);
}

static void test_makes_nothing_up(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(21);
    struct measured_pulse *p = malloc(MOST * sizeof *p);
    assert_non_null(p);
    for (int trial = 0; trial < 5; trial++) {
        struct drift d;
        make_pulses(&s, 0, 40, 1000, p);
        assert_int_equal(drift_learn(p, 1000, 12, &d, NULL), STATUS_OK);
        assert_true(fabs(d.slope) * 40 * 7200 < 4);  /* a third of the width at most, at the highest line */
    }
    for (size_t i = 0; i < 1000; i++)
        p[i].pretrigger_mean = 6000;
    struct drift d;
    assert_int_equal(drift_learn(p, 1000, 12, &d, NULL), STATUS_OK);
    assert_true(d.slope == 0 && d.reference == 6000);
    free(p);
}

/* Baselines over 14,000 counts and no line at all: where the peer pushed every pulse out of its histogram. */
static void test_does_not_run_away(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(22);
    struct measured_pulse *p = malloc(MOST * sizeof *p);
    struct drift d;
    assert_non_null(p);
    for (size_t i = 0; i < MOST; i++)
        p[i] = (struct measured_pulse){ .height = (float)(100 + 9000 * synthetic_uniform(&s)),
                                        .pretrigger_mean = (float)(14000 * synthetic_uniform(&s)) };
    assert_int_equal(drift_learn(p, MOST, 0, &d, NULL), STATUS_OK);
    assert_true(fabs(d.slope) * 7000 <= 0.051);
    free(p);
}

static void test_bad_pulses_are_left_out(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(23);
    struct measured_pulse *p = malloc(MOST * sizeof *p);
    struct drift d = { .slope = 42 };
    assert_non_null(p);
    make_pulses(&s, 1e-4, 40, MOST, p);
    for (size_t i = 0; i < MOST; i++) {
        if (i % 3 == 0) {
            p[i].cuts = CUT_BIT(CUT_LATE_RISE);
            p[i].height *= 3;
        } else if (i % 100 == 1) {
            p[i].height = NAN;
        } else if (i % 100 == 2) {
            p[i].pretrigger_mean = INFINITY;
        }
    }
    struct drift_learning l;
    assert_int_equal(drift_learn(p, MOST, 12, &d, &l), STATUS_OK);
    assert_true(fabs(d.slope - 1e-4) < 5e-6 && l.pulses < 2 * MOST / 3);
    d.slope = 42;
    assert_int_equal(drift_learn(p, 99, 12, &d, &l), STATUS_TOO_FEW);
    assert_true(d.slope == 42);
    free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_slopes), cmocka_unit_test(test_makes_nothing_up), cmocka_unit_test(test_does_not_run_away),
        cmocka_unit_test(test_bad_pulses_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
