/* What an array has in common makes single pixels' guesses better, and changes nothing where they know better. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/correction_prior.h"
#include "tests/pulse/synthetic.h"

enum { PIXELS = 60, A = TERM_ARRIVAL_SQUARED, B = TERM_ARRIVAL_COSINE, C = TERM_BASELINE };
static const unsigned terms = 1u << A | 1u << B | 1u << C;

/* Gains around an array's mean; estimates with errors that are the same for A and B up to their sign and a tenth. */
static void draw(struct synthetic *s, double spread, double error, struct correction_estimate *e, double (*truth)[N_CORRECTION_TERMS]) {
    for (size_t i = 0; i < PIXELS; i++) {
        double common = synthetic_gauss(s), own[2] = { synthetic_gauss(s), synthetic_gauss(s) };
        e[i] = (struct correction_estimate){ .terms = terms };
        truth[i][A] = 5e-3 + spread * 1e-3 * synthetic_gauss(s);
        truth[i][B] = -2e-3 + spread * 1e-3 * synthetic_gauss(s);
        truth[i][C] = 4e-5 + spread * 1e-5 * synthetic_gauss(s);
        e[i].gain[A] = truth[i][A] + error * 1e-3 * (common + 0.1 * own[0]);
        e[i].gain[B] = truth[i][B] - error * 1e-3 * common;
        e[i].gain[C] = truth[i][C] + error * 1e-5 * own[1];
        e[i].covariance[A][A] = 1.01 * error * error * 1e-6;
        e[i].covariance[B][B] = error * error * 1e-6;
        e[i].covariance[A][B] = e[i].covariance[B][A] = -error * error * 1e-6;
        e[i].covariance[C][C] = error * error * 1e-10;
    }
}

static double rms_error(const struct correction_estimate *e, double (*truth)[N_CORRECTION_TERMS], unsigned k) {
    double sum = 0;
    for (size_t i = 0; i < PIXELS; i++)
        sum += (e[i].gain[k] - truth[i][k]) * (e[i].gain[k] - truth[i][k]);
    return sqrt(sum / PIXELS);
}

static void shrink_all(const struct correction_prior *p, struct correction_estimate *e) {
    for (size_t i = 0; i < PIXELS; i++)
        assert_int_equal(correction_prior_shrink(p, &e[i]), STATUS_OK);
}

static void like_pixels_help_each_other(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(81);
    static struct correction_estimate e[PIXELS];
    static double truth[PIXELS][N_CORRECTION_TERMS];
    struct correction_prior p;
    draw(&s, 0.2, 1, e, truth);
    double before = rms_error(e, truth, C), before_a = rms_error(e, truth, A);
    assert_int_equal(correction_prior_make(e, PIXELS, &p), STATUS_OK);
    assert_int_equal(p.pixels, PIXELS);
    shrink_all(&p, e);
    double after = rms_error(e, truth, C), after_a = rms_error(e, truth, A);
    print_message("spread 0.2, errors 1: slope %.2e -> %.2e, arrival %.2e -> %.2e; told %.2e\n", before, after, before_a, after_a, sqrt(e[0].covariance[C][C]));
    assert_true(after < 0.6 * before && after_a < 0.6 * before_a);
    assert_true(fabs(p.mean[A] - 5e-3) < 5e-4 && fabs(p.mean[C] - 4e-5) < 5e-6);
    assert_true(e[0].covariance[C][C] < 0.4e-10 && e[0].covariance[C][C] > 0);
}

static void what_a_pixel_knows_stays(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(82);
    static struct correction_estimate e[PIXELS];
    static double truth[PIXELS][N_CORRECTION_TERMS];
    struct correction_prior p;
    draw(&s, 1, 0.05, e, truth);
    double before = rms_error(e, truth, C);
    assert_int_equal(correction_prior_make(e, PIXELS, &p), STATUS_OK);
    shrink_all(&p, e);
    double after = rms_error(e, truth, C);
    print_message("spread 1, errors 0.05: slope %.2e -> %.2e\n", before, after);
    assert_true(after < 1.05 * before && rms_error(e, truth, A) < 0.06e-3);
}

/* A fifth of the array is of another kind, wildly: the rest does not follow it. */
static void few_wild_pixels_do_no_harm(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(83);
    static struct correction_estimate e[PIXELS];
    static double truth[PIXELS][N_CORRECTION_TERMS];
    struct correction_prior p;
    draw(&s, 0.2, 1, e, truth);
    for (size_t i = 0; i < PIXELS / 5; i++) {
        e[i].gain[C] = 1e-2;
        e[i].covariance[C][C] *= i % 2 ? 1e6 : 1;
    }
    assert_int_equal(correction_prior_make(e, PIXELS, &p), STATUS_OK);
    print_message("a fifth wild: mean slope %.2e\n", p.mean[C]);
    assert_true(fabs(p.mean[C] - 4e-5) < 1e-5);
}

static void too_few_or_unlike_pixels_have_nothing_in_common(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(84);
    static struct correction_estimate e[PIXELS];
    static double truth[PIXELS][N_CORRECTION_TERMS];
    struct correction_prior p = { .pixels = 42 };
    draw(&s, 0.2, 1, e, truth);
    assert_int_equal(correction_prior_make(e, PRIOR_PIXELS_MIN - 1, &p), STATUS_TOO_FEW);
    for (size_t i = 0; i < PIXELS; i++)
        e[i].terms = i % 16 < 8 ? 0 : terms & ~(1u << (i % 2 ? A : B));
    assert_int_equal(correction_prior_make(e, 3 * PRIOR_PIXELS_MIN, &p), STATUS_TOO_FEW);
    assert_int_equal(correction_prior_make(e, 0, &p), STATUS_TOO_FEW);
    assert_int_equal(p.pixels, 42);
    struct correction_prior other = { .terms = 1u << TERM_OFFSET };
    struct correction_estimate kept = e[9];
    assert_int_equal(correction_prior_shrink(&other, &e[9]), STATUS_NOT_POSITIVE);
    assert_true(kept.gain[C] == e[9].gain[C]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_pixels_help_each_other),
        cmocka_unit_test(what_a_pixel_knows_stays),
        cmocka_unit_test(few_wild_pixels_do_no_harm),
        cmocka_unit_test(too_few_or_unlike_pixels_have_nothing_in_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
