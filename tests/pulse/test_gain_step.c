/* A step that pixels do not share is found where it is; drifts, changes of the spectrum and one wild pixel are no steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/correction_learner.h"
#include "pulse/gain_step.h"
#include "tests/pulse/drifting.h"

enum { PIXELS = 12, PULSES = 1500, TIMES = 100 };   /* about 500 s */

struct array { double step_rms, step_s, common, wild; };   /* common: relative change of the spectrum at 200 s, in a group of its own or not */

static struct gain_step_found look(struct synthetic *s, const struct array *a, int64_t *times) {
    static struct measured_pulse p[PULSES];
    static struct gain_step_score scores[PIXELS * TIMES];
    for (size_t t = 0; t < TIMES; t++)
        times[t] = (int64_t)(t * 5000000000);
    for (size_t pixel = 0; pixel < PIXELS; pixel++) {
        struct drifting d = { .slope = 5e-5, .spread = 30, .period_s = 300 + 20 * (double)pixel, .step = a->step_rms * synthetic_gauss(s), .step_s = a->step_s };
        if (pixel == 3)
            d.step += a->wild;
        drifting_make(s, &d, PULSES, p, NULL);
        for (size_t i = 0; i < PULSES; i++)
            p[i].height *= (float)(p[i].time_ns > 200000000000 ? 1 + a->common : 1);
        struct height_correction none = height_correction_none(), c;
        struct correction_pulses in = { .pulses = p, .n = PULSES, .noise_sigma = DRIFTING_SIGMA };
        assert_int_equal(correction_learn(&in, &none, NULL, &c, NULL), STATUS_OK);
        assert_int_equal(gain_step_scores(&in, &c, times, TIMES, scores + pixel * TIMES), STATUS_OK);
    }
    struct gain_step_found f = gain_step_find(scores, NULL, PIXELS, TIMES);
    print_message("chi2 %.1f of %u pixels at %.0f s, %s\n", f.chi2, f.pixels, (double)times[f.index] * 1e-9, f.clear ? "clear" : "not clear");
    return f;
}

static void a_step_is_found_where_it_is(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(81);
    int64_t times[TIMES];
    struct gain_step_found f = look(&s, &(struct array){ .step_rms = 8e-4, .step_s = 300 }, times);
    assert_true(f.clear && f.pixels == PIXELS && fabs((double)times[f.index] * 1e-9 - 300) < 11);
}

static void nothing_else_is_a_step(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(82);
    int64_t times[TIMES];
    assert_false(look(&s, &(struct array){ .step_rms = 0 }, times).clear);
    assert_false(look(&s, &(struct array){ .common = 3e-4 }, times).clear);
    assert_false(look(&s, &(struct array){ .wild = 4e-3, .step_s = 250 }, times).clear);
}

/* Without a step the score has the variance that its information says; with one it has the sign of the heights' change. */
static void scores_have_the_variance_they_claim(void **state) {
    (void)state;
    enum { TRIALS = 60 };
    struct synthetic s = synthetic_seed(83);
    static struct measured_pulse p[PULSES];
    const int64_t time = 250000000000;
    for (int with = 0; with < 2; with++) {
        double squares = 0, mean = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            struct drifting d = { .spread = 1, .period_s = 400, .step = with * 5e-4, .step_s = 250 };
            struct gain_step_score score;
            struct height_correction none = height_correction_none();
            drifting_make(&s, &d, PULSES, p, NULL);
            assert_int_equal(gain_step_scores(&(struct correction_pulses){ .pulses = p, .n = PULSES, .noise_sigma = DRIFTING_SIGMA }, &none, &time, 1, &score), STATUS_OK);
            double sigmas = score.score / sqrt(score.information);
            mean += sigmas / TRIALS;
            squares += sigmas * sigmas / TRIALS;
        }
        print_message("step %d: mean %.2f sigmas, mean square %.2f\n", with, mean, squares);
        assert_true(with ? mean < -4 : fabs(mean) < 0.6 && squares > 0.5 && squares < 1.7);
    }
}

/* Two times of nearly the same chi2: the pause is taken; a clearly better time is taken all the same. */
static void pauses_are_preferred(void **state) {
    (void)state;
    enum { N = 20 };
    struct gain_step_score scores[N][3];
    const bool pause[3] = { false, true, false };
    for (int p = 0; p < N; p++)
        for (int t = 0; t < 3; t++)
            scores[p][t] = (struct gain_step_score){ .score = (p % 2 ? 1 : -1) * (t == 0 ? 4.1 : t == 1 ? 4 : 1) * 1e4, .information = 1e8 };
    assert_int_equal(gain_step_find(scores[0], NULL, N, 3).index, 0);
    assert_int_equal(gain_step_find(scores[0], pause, N, 3).index, 1);
    for (int p = 0; p < N; p++)
        scores[p][0].score *= 1.2;
    struct gain_step_found f = gain_step_find(scores[0], pause, N, 3);
    assert_true(f.index == 0 && f.clear);
}

static void few_pulses_say_nothing(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(84);
    struct measured_pulse p[90];
    struct gain_step_score score[2] = { { 1, 1 }, { 1, 1 } };
    struct height_correction none = height_correction_none();
    const int64_t times[2] = { 0, 1000 };
    drifting_make(&s, &(struct drifting){ .period_s = 400 }, 90, p, NULL);
    assert_int_equal(gain_step_scores(&(struct correction_pulses){ .pulses = p, .n = 90 }, &none, times, 2, score), STATUS_OK);
    assert_true(score[0].information == 0 && score[1].score == 0);
    assert_false(gain_step_find(score, NULL, 1, 2).clear);
    assert_false(gain_step_find(NULL, NULL, 0, 0).clear);
}

/* Scores that say the step of each pixel in its own sigmas: chance, and `rms` sigmas of a step behind the second time; one pixel has jumped by `wild`. */
static struct gain_step_found found_among(struct synthetic *s, size_t n_pixels, double rms, double wild) {
    struct gain_step_score scores[240][3];
    for (size_t p = 0; p < n_pixels; p++)
        for (int t = 0; t < 3; t++)
            scores[p][t] = (struct gain_step_score){ .score = 1e4 * (synthetic_gauss(s) + (t == 1 ? rms * synthetic_gauss(s) + (p == 2 ? wild : 0) : 0)), .information = 1e8 };
    return gain_step_find(scores[0], NULL, n_pixels, 3);
}

/* No pixel need be sure of it by itself, where many look the same way; but one that is sure all alone is no step of the array. */
static void a_small_step_is_seen_by_many(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(85);
    for (int k = 0; k < 50; k++) {
        struct gain_step_found f = found_among(&s, 240, 2.5, 0);
        assert_true(f.clear && f.index == 1);
        assert_false(found_among(&s, 240, 0, 0).clear);
        assert_false(found_among(&s, 240, 0, 300).clear);
        assert_false(found_among(&s, 6, 0, 300).clear);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_found_where_it_is), cmocka_unit_test(nothing_else_is_a_step), cmocka_unit_test(scores_have_the_variance_they_claim),
        cmocka_unit_test(pauses_are_preferred), cmocka_unit_test(few_pulses_say_nothing), cmocka_unit_test(a_small_step_is_seen_by_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
