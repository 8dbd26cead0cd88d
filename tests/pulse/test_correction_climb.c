/* Gains are found, their covariance is honest, halves share nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/correction_climb.h"
#include "tests/pulse/drifting.h"

enum { MOST = 2400, TRIALS = 30 };

static void covariance_is_honest(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(95);
    static struct measured_pulse p[MOST];
    const struct drifting d = { .slope = 3e-5, .phase2 = 6e-3, .spread = 30, .period_s = 700 };
    const term_set set = 1u << TERM_BASELINE | 1u << TERM_ARRIVAL_SQUARED;
    const struct term_gains zero = { { 0 } };
    double pull2[2] = { 0 };
    for (int trial = 0; trial < TRIALS; trial++) {
        struct height_correction from = height_correction_none();
        struct correction_terms t;
        struct correction_climb c;
        struct term_covariance v;
        drifting_make(&s, &d, MOST, p, NULL);
        assert_int_equal(correction_terms_init(&(struct correction_pulses){ .pulses = p, .n = MOST, .noise_sigma = DRIFTING_SIGMA }, &from, &t), STATUS_OK);
        assert_int_equal(correction_climb_init(&t, &c), STATUS_OK);
        struct term_gains g = correction_climb_up(&c, set, CLIMB_ALL, &zero, INFINITY);
        assert_int_equal(correction_climb_covariance(&c, set, CLIMB_ALL, &g, &v), STATUS_OK);
        double slope = g.of[TERM_BASELINE] / t.deviation[TERM_BASELINE], bend = g.of[TERM_ARRIVAL_SQUARED] / t.deviation[TERM_ARRIVAL_SQUARED];
        pull2[0] += pow((slope - d.slope) * t.deviation[TERM_BASELINE], 2) / v.of[TERM_BASELINE][TERM_BASELINE];
        pull2[1] += pow((bend - d.phase2) * t.deviation[TERM_ARRIVAL_SQUARED], 2) / v.of[TERM_ARRIVAL_SQUARED][TERM_ARRIVAL_SQUARED];
        assert_true(v.of[TERM_OFFSET][TERM_OFFSET] == 0 && g.of[TERM_OFFSET] == 0);
        correction_climb_done(&c);
        correction_terms_done(&t);
    }
    print_message("pull of slope %.2f, of the bend %.2f in %d trials\n", sqrt(pull2[0] / TRIALS), sqrt(pull2[1] / TRIALS), TRIALS);
    for (int k = 0; k < 2; k++)
        assert_true(pull2[k] / TRIALS > 0.4 && pull2[k] / TRIALS < 2.2);
}

static void halves_are_told_apart(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(96);
    static struct measured_pulse p[MOST];
    struct height_correction from = height_correction_none();
    struct correction_terms t;
    struct correction_climb c;
    const struct term_gains zero = { { 0 } };
    drifting_make(&s, &(struct drifting){ .spread = 30, .period_s = 200 }, MOST, p, NULL);
    assert_int_equal(correction_terms_init(&(struct correction_pulses){ .pulses = p, .n = MOST, .noise_sigma = DRIFTING_SIGMA }, &from, &t), STATUS_OK);
    assert_int_equal(correction_climb_init(&t, &c), STATUS_OK);
    double first = correction_climb_entropy(&c, 0, 0, &zero);
    for (size_t i = 0; i < t.n; i++)   /* every second block of 16 is spoilt */
        t.height[i] += i / 16 % 2 ? 300 * synthetic_gauss(&s) : 0;
    assert_true(correction_climb_entropy(&c, 0, 0, &zero) == first);
    assert_true(correction_climb_entropy(&c, 0, 1, &zero) > first + 0.5);
    correction_climb_done(&c);
    correction_terms_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(covariance_is_honest), cmocka_unit_test(halves_are_told_apart) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
