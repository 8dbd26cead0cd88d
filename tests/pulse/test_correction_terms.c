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

enum { POINTS = 20 };

/* Half of the pulses in a calibration, half in a scan that goes up twice; its points have the numbers of `number`. */
static void lay_out_scan(const uint16_t number[POINTS], uint16_t group[MOST], uint16_t place[MOST]) {
    for (size_t i = 0; i < MOST; i++) {
        group[i] = i >= MOST / 2;
        place[i] = group[i] ? number[(i - MOST / 2) * 2 * POINTS / (MOST / 2) % POINTS] : 0;
    }
}

/* Largest mean of a term over the scan's pulses with that number, in deviations. */
static double worst_mean(const struct correction_terms *t, const struct measured_pulse *p, const uint16_t *place, uint16_t number) {
    double sum[N_LEARNT_TERMS] = { 0 }, n = 0, worst = 0;
    for (size_t i = t->group_end[0]; i < t->n; i++)
        if (place[t->pulse[i] - p] == number) {
            n++;
            for (size_t k = 0; k < N_LEARNT_TERMS && t->deviation[k] > 0; k++)
                sum[k] += t->term[i * N_LEARNT_TERMS + k] / t->deviation[k];
        }
    for (size_t k = 0; k < N_LEARNT_TERMS; k++)
        worst = fmax(worst, fabs(sum[k]) / n);
    return worst;
}

/* Nor with what a mean for each place could, where places differ, whatever their numbers; elsewhere it makes no difference. */
static void terms_do_not_follow_the_place(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(93);
    static struct measured_pulse p[MOST];
    static uint16_t group[MOST], place[MOST];
    uint16_t number[POINTS];
    struct height_correction from = height_correction_none();
    struct correction_terms with, without;
    drifting_make(&s, &(struct drifting){ .slope = 1e-4, .spread = 40, .period_s = 500 }, MOST, p, NULL);
    for (int k = 0; k < POINTS; k++)
        number[k] = (uint16_t)(k < POINTS / 2 ? 1 + k : 65535 - 100 * (POINTS - 1 - k));
    lay_out_scan(number, group, place);
    struct correction_pulses in = { .pulses = p, .group = group, .n = MOST, .noise_sigma = 5 };
    assert_int_equal(correction_terms_init(&in, &from, &without), STATUS_OK);
    in.place = place;
    assert_int_equal(correction_terms_init(&in, &from, &with), STATUS_OK);
    assert_true(with.n_places[0] == 1 && with.n_places[1] == POINTS && without.n_places[1] == 1);
    for (size_t at = 0; at < with.group_end[0] * N_LEARNT_TERMS; at++)
        assert_true(with.term[at] == without.term[at]);
    double worst = 0, before = 0;
    for (int k = 0; k < POINTS; k++) {
        worst = fmax(worst, worst_mean(&with, p, place, number[k]));
        before = fmax(before, worst_mean(&without, p, place, number[k]));
    }
    print_message("means at a place: %.1e deviations, without %.1e\n", worst, before);
    assert_true(worst < 1e-6 && before > 0.1);
    correction_terms_done(&with);
    correction_terms_done(&without);
}

/* A mean of one pulse is the pulse. */
static void places_of_few_pulses_are_joined(void **state) {
    (void)state;
    enum { EACH = 3, JOINED = 7 };   /* 20 pulses or more */
    struct synthetic s = synthetic_seed(94);
    static struct measured_pulse p[MOST];
    static uint16_t place[MOST];
    struct height_correction from = height_correction_none();
    struct correction_terms t;
    drifting_make(&s, &(struct drifting){ .slope = 1e-4, .spread = 40, .period_s = 500 }, MOST, p, NULL);
    for (size_t i = 0; i < MOST; i++)
        place[i] = (uint16_t)(1 + i / EACH);
    struct correction_pulses in = { .pulses = p, .place = place, .n = MOST, .noise_sigma = 5 };
    assert_int_equal(correction_terms_init(&in, &from, &t), STATUS_OK);
    const size_t n_places = MOST / EACH / JOINED;
    assert_int_equal(t.n_places[0], n_places);
    for (size_t i = 0; i < t.n; i++) {
        size_t wanted = (size_t)(t.pulse[i] - p) / EACH / JOINED;
        assert_int_equal(t.place[i], wanted < n_places ? wanted : n_places - 1);
    }
    correction_terms_done(&t);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_do_not_stretch_a_spectrum), cmocka_unit_test(terms_do_not_follow_the_place),
        cmocka_unit_test(places_of_few_pulses_are_joined), cmocka_unit_test(too_few_pulses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
