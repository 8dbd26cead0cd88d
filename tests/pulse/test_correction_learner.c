/* Known terms are recovered, nothing is made up, nothing runs away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/correction_learner.h"
#include "pulse/cut.h"
#include "pulse/robust.h"
#include "tests/pulse/drifting.h"

enum { MOST = 4000 };

/* Robust sigma of corrected - true, less what a straight line against the true height explains. */
static double error_of(const struct height_correction *c, const struct measured_pulse *p, const double *truth, size_t n) {
    static double r[MOST];
    double sxx = 0, sxy = 0, sx = 0, sy = 0;
    for (size_t i = 0; i < n; i++) {
        r[i] = (double)height_correction_apply(c, &p[i]) - truth[i];
        sx += truth[i], sy += r[i], sxx += truth[i] * truth[i], sxy += truth[i] * r[i];
    }
    double b = (sxy - sx * sy / (double)n) / (sxx - sx * sx / (double)n), a = (sy - b * sx) / (double)n;
    for (size_t i = 0; i < n; i++)
        r[i] -= a + b * truth[i];
    return robust_centre(r, n).sigma;
}

static void recovers(const struct drifting *d, size_t n, double most) {
    struct synthetic s = synthetic_seed(71);
    static struct measured_pulse p[MOST];
    static double truth[MOST];
    struct height_correction none = height_correction_none(), c;
    struct correction_learning l;
    drifting_make(&s, d, n, p, truth);
    none.n_steps = d->step != 0;
    none.step_time_ns[0] = (int64_t)(d->step_s * 1e9);
    struct correction_pulses in = { .pulses = p, .n = n, .noise_sigma = DRIFTING_SIGMA };
    assert_int_equal(correction_learn(&in, &none, NULL, &c, &l), STATUS_OK);
    double before = error_of(&none, p, truth, n), after = error_of(&c, p, truth, n);
    print_message("slope %.2e (%.2e), q^2 %.2e (%.2e), offset %.2f (%.2f), step %.2e (%.2e): error %.2f -> %.2f; held out %.4f -> %.4f, gain sigma %.1e\n",
                  c.gain[TERM_BASELINE], d->slope, c.gain[TERM_ARRIVAL_SQUARED], d->phase2, c.gain[TERM_OFFSET], d->offset, c.gain[TERM_STEP], -d->step, before, after,
                  l.held_out_before, l.held_out_after, c.gain_sigma);
    assert_true(after < most && l.held_out_after <= l.held_out_before);
}

static void known_terms_are_recovered(void **state) {
    (void)state;
    recovers(&(struct drifting){ .slope = 1e-4, .spread = 40, .period_s = 700 }, MOST, 1.2);
    recovers(&(struct drifting){ .slope = -1e-3, .spread = 30, .period_s = 700 }, MOST, 3.5);  /* of second order in the 3 % */
    recovers(&(struct drifting){ .phase2 = 8e-3, .spread = 10, .period_s = 700 }, MOST, 1.5);
    recovers(&(struct drifting){ .slope = 5e-5, .phase2 = 6e-3, .offset = 4, .step = 3e-3, .step_s = 600, .spread = 40, .period_s = 700 }, MOST, 2);
    recovers(&(struct drifting){ .slope = 1e-4, .spread = 40, .period_s = 60 }, 600, 2.5);
}

static void nothing_is_made_up(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(72);
    static struct measured_pulse p[MOST];
    static double truth[MOST];
    struct height_correction none = height_correction_none();
    double worst = 0;
    for (int trial = 0; trial < 5; trial++) {
        struct height_correction c;
        drifting_make(&s, &(struct drifting){ .spread = 40, .period_s = 300 }, 1500, p, truth);
        struct correction_pulses in = { .pulses = p, .n = 1500, .noise_sigma = DRIFTING_SIGMA };
        assert_int_equal(correction_learn(&in, &none, NULL, &c, NULL), STATUS_OK);
        worst = fmax(worst, error_of(&c, p, truth, 1500));
        assert_true(c.gain_sigma < 4e-4);
    }
    print_message("error made on data without drift: %.2f at most, sigma of a line %.1f\n", worst, DRIFTING_SIGMA);
    assert_true(worst < 0.35 * DRIFTING_SIGMA);
    for (size_t i = 0; i < 1500; i++) {   /* nothing varies: nothing to learn from */
        p[i].baseline = 6000;
        p[i].baseline_offset = p[i].arrival_samples = 0;
    }
    struct height_correction c;
    assert_int_equal(correction_learn(&(struct correction_pulses){ .pulses = p, .n = 1500, .noise_sigma = 5 }, &none, NULL, &c, NULL), STATUS_OK);
    assert_false(height_correction_used(&c));
}

/* Baselines over 14,000 counts, arrivals over 2,000 samples, no line at all, and a noise sigma that is wildly wrong. */
static void nothing_runs_away(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(73);
    static struct measured_pulse p[MOST];
    for (int trial = 0; trial < 4; trial++) {
        for (size_t i = 0; i < MOST; i++)
            p[i] = (struct measured_pulse){ .time_ns = (int64_t)i * 300000000, .height = (float)(100 + 9000 * synthetic_uniform(&s)),
                                            .arrival_samples = (float)(1000 * synthetic_gauss(&s)), .baseline = (float)(14000 * synthetic_uniform(&s)),
                                            .baseline_offset = (float)(100 * synthetic_gauss(&s)) };
        struct height_correction none = height_correction_none(), c;
        struct correction_pulses in = { .pulses = p, .n = MOST, .noise_sigma = (const double[]){ 0, 1e-9, 5, 1e9 }[trial] };
        assert_int_equal(correction_learn(&in, &none, NULL, &c, NULL), STATUS_OK);
        for (size_t i = 0; i < MOST; i++) {
            double h = (double)p[i].height, most = 0.0501 * h + fabs(c.gain[TERM_OFFSET]) * c.offset_max;
            assert_true(fabs((double)height_correction_apply(&c, &p[i]) - h) <= most);
        }
        assert_true(trial == 3 || fabs(c.gain[TERM_OFFSET]) * c.offset_max < 20 * (trial == 2 ? 5 : 12));
    }
}

/* A gain that drifts evenly, beside a baseline that does too: the baseline's slope stays its own, and the drift is left for whoever interpolates
 * between calibrations. */
static void an_even_drift_is_not_the_baselines(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(75);
    static struct measured_pulse p[MOST];
    struct height_correction none = height_correction_none(), c;
    for (int sign = -1; sign <= 1; sign += 2) {
        drifting_make(&s, &(struct drifting){ .slope = 4e-5, .spread = 15, .period_s = 3000, .even_per_s = sign * 4e-3 / 1200 }, MOST, p, NULL);
        assert_int_equal(correction_learn(&(struct correction_pulses){ .pulses = p, .n = MOST, .noise_sigma = DRIFTING_SIGMA }, &none, NULL, &c, NULL), STATUS_OK);
        print_message("even drift %+d: slope %.1e of 4e-05\n", sign, c.gain[TERM_BASELINE]);
        assert_true(fabs(c.gain[TERM_BASELINE] - 4e-5) < 2e-5);
    }
}

/* Nats that an even drift is worth in `pixels` of them, the mean of each. */
static double worth_of_drift(const struct drifting *d, unsigned pixels, bool steady) {
    struct synthetic s = synthetic_seed(78);
    static struct measured_pulse p[MOST];
    struct height_correction from = height_correction_none();
    from.n_steps = d->step != 0;
    from.step_time_ns[0] = (int64_t)(d->step_s * 1e9);
    double sum = 0;
    for (unsigned i = 0; i < pixels; i++) {
        double nats;
        drifting_make(&s, d, 2000, p, NULL);
        assert_int_equal(correction_drift_worth(&(struct correction_pulses){ .pulses = p, .n = 2000, .noise_sigma = DRIFTING_SIGMA, .steady = steady }, &from, &nats), STATUS_OK);
        sum += nats;
    }
    return sum / pixels;
}

/* Pixels without one lose by its term, about as much as chance takes, with a step (which it could stand for) or without. */
static void an_even_drift_pays_where_there_is_one(void **state) {
    (void)state;
    const double slow = 4e-3 / 1200, dim = 1e-3 / 1200;
    double none = worth_of_drift(&(struct drifting){ .slope = 4e-5, .spread = 15, .period_s = 900 }, 30, false);
    double step = worth_of_drift(&(struct drifting){ .slope = 4e-5, .spread = 15, .period_s = 900, .step = 1e-3, .step_s = 300 }, 30, false);
    double drift = worth_of_drift(&(struct drifting){ .slope = 4e-5, .spread = 15, .period_s = 900, .even_per_s = slow }, 4, false);
    double little = worth_of_drift(&(struct drifting){ .slope = 4e-5, .spread = 15, .period_s = 900, .even_per_s = dim }, 12, false);
    print_message("an even drift is worth %.2f nats without one, %.2f beside a step, %.1f of 4e-3 in 1200 s, %.2f of 1e-3\n", none, step, drift, little);
    assert_true(none > -3 && none < 0 && step > -3 && step < 0 && drift > 50 && little > 1);
    assert_true(worth_of_drift(&(struct drifting){ .slope = 4e-5, .spread = 15, .period_s = 900, .even_per_s = slow }, 1, true) == 0);
}

/* Gains that others found are taken when spectra are as sharp by them, with their own errors; gains that are wrong are not. */
static void gains_of_others_must_be_as_sharp(void **state) {
    (void)state;
    const double slope = 4e-5;
    struct synthetic s = synthetic_seed(79);
    static struct measured_pulse p[MOST];
    struct height_correction none = height_correction_none(), learnt, taken = { .gain_sigma = 42 };
    drifting_make(&s, &(struct drifting){ .slope = slope, .spread = 40, .period_s = 500 }, MOST, p, NULL);
    const struct correction_pulses in = { .pulses = p, .n = MOST, .noise_sigma = DRIFTING_SIGMA };
    struct correction_estimate e;
    assert_int_equal(correction_estimate_make(&in, &none, &e, &learnt), STATUS_OK);
    const double own = e.gain[TERM_BASELINE];
    e.gain[TERM_BASELINE] = 0;
    assert_int_equal(correction_take(&in, &learnt, &e, &taken), STATUS_NOT_FOUND);
    assert_true(taken.gain_sigma == 42);
    e.gain[TERM_BASELINE] = slope;
    assert_int_equal(correction_take(&in, &learnt, &e, &taken), STATUS_OK);
    print_message("slope %.2e by itself, %.2e of the array taken, gain sigma %.1e\n", own, taken.gain[TERM_BASELINE], taken.gain_sigma);
    assert_true(fabs(taken.gain[TERM_BASELINE] - slope) < 1e-3 * slope && taken.gain[TERM_OFFSET] == learnt.gain[TERM_OFFSET]);
    for (int j = 0; j < N_CORRECTION_TERMS; j++)
        for (int k = 0; k < N_CORRECTION_TERMS; k++)
            e.covariance[j][k] *= 4;
    const double sigma = taken.gain_sigma;
    assert_int_equal(correction_take(&in, &learnt, &e, &taken), STATUS_OK);
    assert_true(sigma > 0 && fabs(taken.gain_sigma / sigma - 2) < 1e-6);
    assert_int_equal(correction_take(&in, &none, &e, &taken), STATUS_OK);   /* sharper than without */
}

/* Two groups whose spectra differ, one before and one after: their difference must not be taken for drift or step. */
static void only_like_is_compared_with_like(void **state) {
    (void)state;
    enum { N = 3000 };
    struct synthetic s = synthetic_seed(74);
    static struct measured_pulse p[MOST];
    static double truth[MOST];
    static uint16_t group[N];
    drifting_make(&s, &(struct drifting){ .spread = 30, .period_s = 2000 }, N, p, truth);
    for (size_t i = 0; i < N; i++) {
        group[i] = i < N / 2 ? 3 : 17;
        if (i >= N / 2)
            p[i].height *= 1.004F;
    }
    struct height_correction from = height_correction_none(), c;
    from.n_steps = 1;
    from.step_time_ns[0] = p[N / 2].time_ns;
    assert_int_equal(correction_learn(&(struct correction_pulses){ .pulses = p, .group = group, .n = N, .noise_sigma = 5 }, &from, NULL, &c, NULL), STATUS_OK);
    print_message("groups: slope %.1e, step %.1e\n", c.gain[TERM_BASELINE], c.gain[TERM_STEP]);
    assert_true(fabs(c.gain[TERM_BASELINE]) * 30 < 5e-4 && fabs(c.gain[TERM_STEP]) < 5e-4);
    for (size_t i = 0; i < N; i++)
        group[i] = GROUP_NONE;
    assert_int_equal(correction_learn(&(struct correction_pulses){ .pulses = p, .group = group, .n = N }, &from, NULL, &c, NULL), STATUS_TOO_FEW);
}

/* A calibration, then a scan in which most photons follow the incident energy a little, as the baseline happens to do as well. A gain that
 * held their line together would be the sharpest. */
static void lines_that_follow_the_scan_are_no_drift(void **state) {
    (void)state;
    enum { N = 3000 };
    struct synthetic s = synthetic_seed(76);
    static struct measured_pulse p[MOST];
    static uint16_t group[N];
    static uint16_t place[N];
    const struct drifting d = { .slope = 4e-5, .spread = 20, .period_s = 500 };
    struct height_correction none = height_correction_none(), c;
    drifting_make(&s, &d, N, p, NULL);
    for (size_t i = 0; i < N; i++) {
        double slow = drifting_slow(&d, (double)p[i].time_ns * 1e-9);
        group[i] = i >= N / 2;
        double incident = slow / d.spread;
        place[i] = group[i] ? (uint16_t)(100 + 20 * incident) : 0;
        if (group[i] && i % 4 != 0)
            p[i].height = (float)((6900 * (1 + 0.002 * incident) + DRIFTING_SIGMA * synthetic_gauss(&s)) * (1 - d.slope * slow));
    }
    struct correction_pulses in = { .pulses = p, .group = group, .n = N, .noise_sigma = DRIFTING_SIGMA };
    for (int known = 0; known < 2; known++) {
        in.place = known ? place : NULL;
        assert_int_equal(correction_learn(&in, &none, NULL, &c, NULL), STATUS_OK);
        print_message("slope %.1e of 4e-05, the place %s\n", c.gain[TERM_BASELINE], known ? "known" : "not known");
        assert_true(known ? fabs(c.gain[TERM_BASELINE] - 4e-5) < 1e-5 : fabs(c.gain[TERM_BASELINE] - 4e-5) > 2e-5);
    }
}

static void too_few_pulses_leave_the_output_alone(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(75);
    static struct measured_pulse p[MOST];
    drifting_make(&s, &(struct drifting){ .spread = 30, .period_s = 2000 }, 150, p, NULL);
    for (size_t i = 0; i < 60; i++) {
        p[2 * i].cuts = i % 2 ? CUT_BIT(CUT_LATE_RISE) : 0;
        p[2 * i].height = i % 2 ? p[2 * i].height : NAN;
    }
    struct height_correction none = height_correction_none(), c = { .gain_sigma = 42 };
    assert_int_equal(correction_learn(&(struct correction_pulses){ .pulses = p, .n = 150 }, &none, NULL, &c, NULL), STATUS_TOO_FEW);
    assert_true(c.gain_sigma == 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_terms_are_recovered), cmocka_unit_test(nothing_is_made_up), cmocka_unit_test(nothing_runs_away),
        cmocka_unit_test(an_even_drift_is_not_the_baselines), cmocka_unit_test(an_even_drift_pays_where_there_is_one),
        cmocka_unit_test(gains_of_others_must_be_as_sharp), cmocka_unit_test(only_like_is_compared_with_like),
        cmocka_unit_test(lines_that_follow_the_scan_are_no_drift), cmocka_unit_test(too_few_pulses_leave_the_output_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
