/* Two conditions drawn with known yields: ratios within their stated errors, backgrounds subtracted without bias. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <cmocka.h>

#include "calib/condition_compare.h"
#include "pulse/random_stream.h"
#include "tests/seeded.h"

enum { N = 60 };

/* Edge at 530 with a feature of `strength` at 531, on a background. */
static double rate(double e, double strength, double background) {
    return background + 3 / (1 + exp(-(e - 530) / 0.4)) + strength * exp(-0.5 * pow((e - 531) / 0.5, 2));
}

static void draw(struct condition_curve *c, double strength, double background, double exposure, struct random_stream *r) {
    assert_int_equal(condition_curve_new(N, c), STATUS_OK);
    for (uint32_t k = 0; k < N; k++) {
        c->incident_eV[k] = 522 + 0.25 * k;
        c->exposure[k] = exposure * (1 + 0.3 * (k % 2));
        c->counts[k] = (double)random_stream_poisson(r, c->exposure[k] * rate(c->incident_eV[k], strength, background));
    }
    condition_curve_settle(c, NULL, NULL);
}

static void ratios_have_the_errors_they_say(void **state) {
    (void)state;
    struct random_stream r;
    random_stream_init(&r, seeded_start(__func__).state, 0, 1);
    enum { TRIALS = 400 };
    double mean = 0, square = 0, chi2 = 0, dof = 0, truth = 0, below = 0;
    for (uint32_t k = 0; k < N; k++)
        if (522 + 0.25 * k >= 530.5 && 522 + 0.25 * k <= 531.5) {
            truth += rate(522 + 0.25 * k, 2, 0.1);
            below += rate(522 + 0.25 * k, 1, 0.1);
        }
    truth /= below;
    for (int t = 0; t < TRIALS; t++) {
        struct condition_curve a, b, c;
        draw(&a, 2, 0.1, 1.5, &r);   /* a few counts a point */
        draw(&b, 1, 0.1, 4, &r);
        draw(&c, 1, 0.1, 3, &r);
        const struct condition_sum x = condition_sum_of(&a, &b, 530.5, 531.5), y = condition_sum_of(&b, &a, 530.5, 531.5);
        const struct condition_ratio q = condition_ratio_of(&x, &y);
        mean += (q.ratio - truth) / q.sigma / TRIALS;
        square += pow((q.ratio - truth) / q.sigma, 2) / TRIALS;
        const struct condition_shape s = condition_shape_of(&b, &c);
        chi2 += s.chi2 / TRIALS;
        dof += (double)s.dof / TRIALS;
        condition_curve_done(&a);
        condition_curve_done(&b);
        condition_curve_done(&c);
    }
    print_message("pull of the ratio %+.2f, sd %.2f; chi2 of equal shapes %.1f of %.1f\n", mean, sqrt(square - mean * mean), chi2, dof);
    assert_true(fabs(mean) < 0.25 && sqrt(square - mean * mean) > 0.85 && sqrt(square - mean * mean) < 1.15);
    assert_true(chi2 > 0.8 * dof && chi2 < 1.2 * dof);
}

static void the_background_before_the_edge_goes_without_bias(void **state) {
    (void)state;
    struct random_stream r;
    random_stream_init(&r, seeded_start(__func__).state, 0, 2);
    enum { TRIALS = 400 };
    for (int line = 0; line < 2; line++) {
        double mean = 0, square = 0, sums = 0;
        for (int t = 0; t < TRIALS; t++) {
            struct condition_curve a;
            struct pre_edge p;
            draw(&a, 2, 0.8, 2, &r);
            assert_int_equal(condition_pre_edge(&a, 522, 527.5, line, &p), STATUS_OK);
            assert_int_equal(p.points, 23);
            const double x = 524.75 - p.centre_eV, pull = (p.level + p.slope * x - 0.8) / sqrt(p.level_variance + x * x * p.slope_variance);
            mean += pull / TRIALS;
            square += pull * pull / TRIALS;
            double truth = 0;
            for (uint32_t k = 0; k < N; k++)
                truth += 522 + 0.25 * k >= 532 && 522 + 0.25 * k <= 535 ? rate(522 + 0.25 * k, 2, 0) : 0;
            const struct condition_sum after = condition_sum_of(&a, NULL, 532, 535);   /* many points with one background in common */
            sums += pow((after.value - truth) / sqrt(after.variance), 2) / TRIALS;
            condition_curve_done(&a);
        }
        print_message("after it: pull of a sum %.2f\n", sqrt(sums));
        assert_true(sqrt(sums) > 0.85 && sqrt(sums) < 1.15);
        print_message("%s: pull %+.2f, sd %.2f\n", line ? "line" : "level", mean, sqrt(square - mean * mean));
        assert_true(fabs(mean) < 0.25 && sqrt(square - mean * mean) > 0.8 && sqrt(square - mean * mean) < 1.2);
    }
}

static void normalising_and_needs(void **state) {
    (void)state;
    struct random_stream r;
    random_stream_init(&r, seeded_start(__func__).state, 0, 3);
    struct condition_curve a, b;
    draw(&a, 1, 0.1, 200, &r);
    draw(&b, 1, 0.1, 200, &r);
    for (uint32_t k = 0; k < N; k++)
        b.exposure[k] *= 1.5;        /* I0 of B is wrong by a factor */
    b.exposure[3] = NAN;
    a.exposure[5] = 0;
    condition_curve_settle(&a, NULL, NULL);
    condition_curve_settle(&b, NULL, NULL);
    struct condition_sum x = condition_sum_of(&a, &b, -INFINITY, INFINITY), y = condition_sum_of(&b, &a, -INFINITY, INFINITY);
    assert_true(x.points == N - 2 && y.points == N - 2);
    assert_true(fabs(condition_ratio_of(&x, &y).ratio - 1.5) < 0.05);
    condition_curve_normalise(&a, &x);
    condition_curve_normalise(&b, &y);
    x = condition_sum_of(&a, &b, 530, 533);
    y = condition_sum_of(&b, &a, 530, 533);
    const struct condition_ratio q = condition_ratio_of(&x, &y);
    assert_true(fabs(q.ratio - 1) < 4 * q.sigma && q.sigma < 0.03 && fabs(q.significance) < 4);
    assert_true(condition_counts_needed(&x, &y, q.sigma / q.ratio * 2) == 0);
    assert_true(fabs(condition_counts_needed(&x, &y, q.sigma / q.ratio / 2) / (x.counts + y.counts) - 3) < 1e-9);
    struct pre_edge p;
    assert_int_equal(condition_pre_edge(&a, 600, 700, false, &p), STATUS_TOO_FEW);
    condition_curve_done(&a);
    condition_curve_done(&b);
}

/* Not a count in A: the ratio is 0, and what its error is nobody knows (it was told as 0). */
static void nothing_in_a_has_no_error(void **state) {
    (void)state;
    const struct condition_sum none = { .points = 4 }, few = { .value = 3, .variance = 3, .counts = 3, .points = 4 };
    const struct condition_ratio r = condition_ratio_of(&none, &few), back = condition_ratio_of(&few, &none);
    assert_float_equal(r.ratio, 0, 0);
    assert_true(isnan(r.sigma));
    assert_true(isnan(condition_counts_needed(&none, &few, 0.1)));
    assert_true(isnan(back.ratio) && isnan(back.sigma));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratios_have_the_errors_they_say),
        cmocka_unit_test(the_background_before_the_edge_goes_without_bias),
        cmocka_unit_test(normalising_and_needs),
        cmocka_unit_test(nothing_in_a_has_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
