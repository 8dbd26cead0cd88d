/* What the terms look like when the learner gets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/correction_terms.h"
#include "tests/pulse/drifting.h"

enum { MOST = 2000 };

/* No term is left with anything that a cubic of the height could explain, group by group; each has its deviation. */
static void terms_do_not_stretch_a_spectrum(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(91);
    static struct measured_pulse p[MOST];
    static uint16_t group[MOST];
    struct height_correction from = height_correction_none();
    struct correction_terms t;
    drifting_make(&s, &(struct drifting){ .slope = 1e-4, .spread = 40, .period_s = 500 }, MOST, p, NULL);
    for (size_t i = 0; i < MOST; i++)
        group[i] = i % 3 == 2 ? GROUP_NONE : (uint16_t)(i % 3);
    from.n_steps = 1;
    from.step_time_ns[0] = p[MOST / 2].time_ns;
    assert_int_equal(correction_terms_init(&(struct correction_pulses){ .pulses = p, .group = group, .n = MOST, .noise_sigma = 5 }, &from, &t), STATUS_OK);
    assert_int_equal(t.n_groups, 2);
    assert_int_equal(t.n, t.group_end[1]);
    assert_true(t.n < MOST && t.n > MOST / 2);
    for (unsigned k = 0; k < N_CORRECTION_TERMS; k++) {
        double squares = 0, worst = 0;
        for (size_t i = 0; i < t.n; i++)
            squares += t.term[i * N_LEARNT_TERMS + k] * t.term[i * N_LEARNT_TERMS + k];
        double deviation = sqrt(squares / (double)t.n);
        for (size_t g = 0; g < t.n_groups && t.deviation[k] > 0; g++)
            for (int power = 0; power < 4; power++) {
                double sum = 0;
                for (size_t i = g ? t.group_end[g - 1] : 0; i < t.group_end[g]; i++)
                    sum += t.term[i * N_LEARNT_TERMS + k] * pow(fmin(1.5, t.height[i] / t.scale - 1), power);
                worst = fmax(worst, fabs(sum) / (double)t.n / deviation);
            }
        assert_true(worst < 1e-6);
        assert_true(t.deviation[k] == 0 || fabs(t.deviation[k] / deviation - 1) < 1e-12);
        assert_true((t.deviation[k] > 0) == (k < TERM_STEP + 1));
    }
    correction_terms_done(&t);
}

/* Nor with what a mean for each place could, where places differ; elsewhere it makes no difference. */
static void terms_do_not_follow_the_place(void **state) {
    (void)state;
    enum { POINTS = 20 };
    struct synthetic s = synthetic_seed(93);
    static struct measured_pulse p[MOST];
    static uint16_t group[MOST];
    static float place[MOST];
    struct height_correction from = height_correction_none();
    struct correction_terms with, without;
    drifting_make(&s, &(struct drifting){ .slope = 1e-4, .spread = 40, .period_s = 500 }, MOST, p, NULL);
    for (size_t i = 0; i < MOST; i++) {
        group[i] = i >= MOST / 2;
        place[i] = group[i] ? 2 * (float)((i - MOST / 2) * POINTS / (MOST / 2)) / (POINTS - 1) - 1 : 0;
    }
    struct correction_pulses in = { .pulses = p, .group = group, .n = MOST, .noise_sigma = 5 };
    assert_int_equal(correction_terms_init(&in, &from, &without), STATUS_OK);
    in.place = place;
    assert_int_equal(correction_terms_init(&in, &from, &with), STATUS_OK);
    for (size_t at = 0; at < with.group_end[0] * N_LEARNT_TERMS; at++)
        assert_true(with.term[at] == without.term[at]);
    double worst = 0, before = 0;
    for (size_t k = 0; k < N_LEARNT_TERMS; k++)
        for (int point = 0; point < POINTS && with.deviation[k] > 0; point++) {
            double sum[2] = { 0 };
            for (size_t i = with.group_end[0]; i < with.n; i++)
                if (fabs(with.place[i] - (2.0 * point / (POINTS - 1) - 1)) < 0.01) {
                    sum[0] += with.term[i * N_LEARNT_TERMS + k] / with.deviation[k];
                    sum[1] += without.term[i * N_LEARNT_TERMS + k] / with.deviation[k];
                }
            worst = fmax(worst, fabs(sum[0]) * POINTS / (MOST / 2));
            before = fmax(before, fabs(sum[1]) * POINTS / (MOST / 2));
        }
    print_message("means at a place: %.1e deviations, without %.1e\n", worst, before);
    assert_true(worst < 1e-6 && before > 0.1);
    correction_terms_done(&with);
    correction_terms_done(&without);
}

static void too_few_pulses_are_refused(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(92);
    static struct measured_pulse p[MOST];
    struct height_correction from = height_correction_none();
    struct correction_terms t;
    drifting_make(&s, &(struct drifting){ .spread = 40, .period_s = 500 }, 99, p, NULL);
    assert_int_equal(correction_terms_init(&(struct correction_pulses){ .pulses = p, .n = 99 }, &from, &t), STATUS_TOO_FEW);
    correction_terms_done(&t);
    assert_int_equal(correction_terms_init(&(struct correction_pulses){ .pulses = p, .n = 0 }, &from, &t), STATUS_TOO_FEW);
    correction_terms_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(terms_do_not_stretch_a_spectrum), cmocka_unit_test(terms_do_not_follow_the_place), cmocka_unit_test(too_few_pulses_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
