/* Gain that follows the baseline, and gain that steps: ours against the peer's, by truth. The peer's drift correction looks for the slope of least entropy
 * of an unnormalised histogram smoothed by half a unit of height, whatever the unit, from a slope of 0.001 on, unbounded; its correction in time is a
 * Legendre polynomial, one degree after the other (doc/methods.md, Corrections). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/correction_learner.h"
#include "pulse/gain_step.h"
#include "tests/pulse/drifting.h"
#include "tests/pulse/rival_entropy.h"

enum { PULSES = 2500 };

/* Rms of x - truth, less what a straight line against truth explains: heights may have any scale. */
static double error_of(const double *x, const double *truth) {
    double sx = 0, sy = 0, sxx = 0, sxy = 0, squares = 0;
    for (size_t i = 0; i < PULSES; i++) {
        sx += truth[i] / PULSES, sy += x[i] / PULSES;
        sxx += truth[i] * truth[i] / PULSES, sxy += truth[i] * x[i] / PULSES;
    }
    double b = (sxy - sx * sy) / (sxx - sx * sx);
    for (size_t i = 0; i < PULSES; i++)
        squares += pow(x[i] - sy - b * (truth[i] - sx), 2) / PULSES;
    return sqrt(squares) / fmax(b, 1e-9);
}

static double corrected_error(const struct height_correction *c, const struct measured_pulse *p, const double *truth) {
    static double x[PULSES];
    for (size_t i = 0; i < PULSES; i++)
        x[i] = (double)height_correction_apply(c, &p[i]);
    return error_of(x, truth);
}

/* ---- the peer's slope against the pretrigger mean ---- */

enum { DRIFT_BINS = 1 << 18 };
struct slope_problem { const struct measured_pulse *p; double middle, top; size_t bins, inside; };

static double slope_entropy(double slope, void *context) {
    struct slope_problem *s = context;
    static float bin[DRIFT_BINS + 32], smooth[DRIFT_BINS + 32];
    double step = s->top / (double)s->bins, entropy = 0;
    memset(bin, 0, sizeof bin);
    memset(smooth, 0, sizeof smooth);
    s->inside = 0;
    for (size_t i = 0; i < PULSES; i++) {
        double at = (double)s->p[i].height * (1 + slope * ((double)s->p[i].pretrigger_mean - s->middle)) / step;
        if (at >= 0 && at < (double)s->bins) {
            bin[(size_t)at + 16]++;
            s->inside++;
        }
    }
    int reach = (int)fmin(16, ceil(4 * 0.5 / step));
    for (size_t k = 16; k < s->bins + 16; k++)
        for (int j = -reach; bin[k] > 0 && j <= reach; j++)
            smooth[(size_t)((long)k + j)] += bin[k] * (float)(exp(-0.5 * pow(j * step / 0.5, 2)) * step / (0.5 * sqrt(2 * M_PI)));
    for (size_t k = 16; k < s->bins + 16; k++)
        entropy -= smooth[k] > 0 ? (double)(smooth[k] * logf(smooth[k])) : 0;
    return entropy;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *x, double q) {
    static double sorted[PULSES];
    memcpy(sorted, x, sizeof sorted);
    qsort(sorted, PULSES, sizeof *sorted, ascending);
    return sorted[(size_t)(q * (PULSES - 1))];
}

/* Downhill from 0 and 0.001 in growing steps until it rises, then the minimum between. */
static double rival_slope(struct slope_problem *s) {
    double a = 0, b = 0.001, at_a = slope_entropy(a, s), at_b = slope_entropy(b, s);
    if (at_b > at_a) {
        double swap = a;
        a = b, b = swap, at_b = at_a;
    }
    double c = b + 1.618 * (b - a), at_c = slope_entropy(c, s);
    for (int i = 0; i < 40 && at_c < at_b; i++) {
        a = b, b = c, at_b = at_c;
        c = b + 1.618 * (b - a);
        at_c = slope_entropy(c, s);
    }
    return rival_minimum(slope_entropy, s, fmin(a, c), fmax(a, c), 30);
}

static double rival_drift(const struct measured_pulse *p, const double *truth, double *slope, size_t *inside) {
    static double x[PULSES], mean[PULSES];
    for (size_t i = 0; i < PULSES; i++) {
        x[i] = (double)p[i].height;
        mean[i] = (double)p[i].pretrigger_mean;
    }
    struct slope_problem s = { .p = p, .middle = quantile(mean, 0.5), .top = 1.25 * quantile(x, 0.99), .bins = 1024 };
    while (s.top / (double)s.bins > 0.2 && s.bins < DRIFT_BINS)
        s.bins *= 2;
    *slope = rival_slope(&s);
    slope_entropy(*slope, &s);
    *inside = s.inside;
    for (size_t i = 0; i < PULSES; i++)
        x[i] *= 1 + *slope * (mean[i] - s.middle);
    return error_of(x, truth);
}

/* unit: counts a unit of height is; spread: of the baseline; wander: relative gain that goes with all of it. */
struct drift_case { double unit, spread, wander; };
struct drift_errors { double before, ours, peer, slope; size_t inside; };   /* in sigmas of a line */

static struct drift_errors drift_once(struct synthetic *s, struct drift_case d) {
    static struct measured_pulse p[PULSES];
    static double truth[PULSES];
    struct drift_errors e;
    struct height_correction none = height_correction_none(), c;
    double sigma = DRIFTING_SIGMA * d.unit;
    drifting_make(s, &(struct drifting){ .slope = d.wander / d.spread, .spread = d.spread, .period_s = 500 }, PULSES, p, truth);
    for (size_t i = 0; i < PULSES; i++) {
        p[i].height *= (float)d.unit;
        truth[i] *= d.unit;
    }
    assert_int_equal(correction_learn(&(struct correction_pulses){ .pulses = p, .n = PULSES, .noise_sigma = sigma }, &none, NULL, &c, NULL), STATUS_OK);
    e.before = corrected_error(&none, p, truth) / sigma;
    e.ours = corrected_error(&c, p, truth) / sigma;
    e.peer = rival_drift(p, truth, &e.slope, &e.inside) / sigma;
    return e;
}

/* Rms errors over a few runs; inside: the fewest that were left in the peer's histogram. */
static struct drift_errors drift(struct synthetic *s, struct drift_case d) {
    enum { TRIALS = 3 };
    struct drift_errors all = { .inside = PULSES };
    for (int t = 0; t < TRIALS; t++) {
        struct drift_errors e = drift_once(s, d);
        all.before += e.before * e.before / TRIALS;
        all.ours += e.ours * e.ours / TRIALS;
        all.peer += e.peer * e.peer / TRIALS;
        all.slope = e.slope;
        all.inside = e.inside < all.inside ? e.inside : all.inside;
    }
    all.before = sqrt(all.before), all.ours = sqrt(all.ours), all.peer = sqrt(all.peer);
    print_message("%.2f units a count, baseline over %5.0f counts: error %.2f sigma; ours %.3f; peer %.3f, slope e.g. %.1e (true %.1e), at least %zu of %d in its histogram\n", d.unit,
                  2 * d.spread, all.before, all.ours, all.peer, all.slope, d.wander / d.spread, all.inside, PULSES);
    return all;
}

static void test_slope(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(93);
    double ours = 0, peer = 0;
    for (double unit = 0.01; unit < 11; unit *= 30) {   /* half a unit of height is ten sigmas of a line, a third, a hundredth */
        struct drift_errors e = drift(&s, (struct drift_case){ unit, 40, 2e-3 });
        assert_true(e.ours < 0.15);
        ours += e.ours, peer += e.peer;
    }
    assert_true(ours < 0.8 * peer);   /* where its half unit suits the lines the peer is as good */
    struct drift_errors wide = drift(&s, (struct drift_case){ 1, 7000, 4e-3 });
    assert_true(wide.ours < 0.15 && wide.peer > 100 && wide.inside < PULSES / 10);   /* all pulses pushed out, as on real gamma rays */
}

/* ---- a step of the gain against the peer's polynomial in time ---- */

enum { DEGREES = 8 };
struct time_problem { double *height, *moved, *basis; double coefficient[DEGREES + 1]; unsigned degree, which; };

static double legendre(unsigned k, double x) {
    double before = 1, p = x;
    for (unsigned n = 1; n < k; n++) {
        double next = ((2 * n + 1) * x * p - n * before) / (n + 1);
        before = p, p = next;
    }
    return k == 0 ? 1 : p;
}

static double time_entropy(double value, void *context) {
    struct time_problem *t = context;
    t->coefficient[t->which] = value;
    for (size_t i = 0; i < PULSES; i++) {
        double gain = 1;
        for (unsigned k = 1; k <= t->degree; k++)
            gain += t->coefficient[k] * t->basis[k * PULSES + i];
        t->moved[i] = t->height[i] * gain;
    }
    return rival_laplace_entropy(t->moved, PULSES, 500, 8500, DRIFTING_SIGMA);
}

/* Error that is left with the best of the degrees 1 .. DEGREES, chosen by truth, which nobody has. */
static double rival_time(const struct measured_pulse *p, const double *truth, unsigned *degree) {
    static double height[PULSES], moved[PULSES], basis[(DEGREES + 1) * PULSES];
    struct time_problem t = { .height = height, .moved = moved, .basis = basis };
    double best = INFINITY, last = (double)p[PULSES - 1].time_ns;
    for (size_t i = 0; i < PULSES; i++) {
        height[i] = (double)p[i].height;
        for (unsigned k = 1; k <= DEGREES; k++)
            basis[k * PULSES + i] = legendre(k, 2 * (double)p[i].time_ns / last - 1);
    }
    for (t.degree = 1; t.degree <= DEGREES; t.degree++) {
        t.which = t.degree;
        t.coefficient[t.which] = rival_minimum(time_entropy, &t, -4e-3, 4e-3, 14);
        time_entropy(t.coefficient[t.which], &t);
        double error = error_of(moved, truth);
        *degree = error < best ? t.degree : *degree;
        best = fmin(best, error);
    }
    return best;
}

static void test_step(void **state) {
    (void)state;
    enum { PIXELS = 8, TIMES = 80 };
    struct synthetic s = synthetic_seed(94);
    static struct measured_pulse p[PIXELS][PULSES];
    static double truth[PIXELS][PULSES];
    static struct gain_step_score scores[PIXELS * TIMES];
    const double step_s = 430;
    int64_t times[TIMES];
    double before = 0, ours = 0, peer = 0;
    struct height_correction none = height_correction_none(), c;
    for (size_t t = 0; t < TIMES; t++)
        times[t] = (int64_t)(t * 10000000000);
    for (size_t i = 0; i < PIXELS; i++) {
        struct correction_pulses in = { .pulses = p[i], .n = PULSES, .noise_sigma = DRIFTING_SIGMA };
        drifting_make(&s, &(struct drifting){ .spread = 30, .period_s = 300 + 20 * (double)i, .step = 1.5e-3 * synthetic_gauss(&s), .step_s = step_s }, PULSES, p[i], truth[i]);
        assert_int_equal(correction_learn(&in, &none, NULL, &c, NULL), STATUS_OK);
        assert_int_equal(gain_step_scores(&in, &c, times, TIMES, scores + i * TIMES), STATUS_OK);
    }
    struct gain_step_found f = gain_step_find(scores, NULL, PIXELS, TIMES);
    assert_true(f.clear && fabs((double)times[f.index] * 1e-9 - step_s) < 45);
    none.n_steps = 1;
    none.step_time_ns[0] = times[f.index];
    for (size_t i = 0; i < PIXELS; i++) {
        unsigned degree = 0;
        assert_int_equal(correction_learn(&(struct correction_pulses){ .pulses = p[i], .n = PULSES, .noise_sigma = DRIFTING_SIGMA }, &none, NULL, &c, NULL), STATUS_OK);
        double own = corrected_error(&c, p[i], truth[i]), theirs = rival_time(p[i], truth[i], &degree), without = corrected_error(&(struct height_correction){ .noise_share = 1 }, p[i], truth[i]);
        print_message("pixel %zu: error %.2f sigma; ours %.3f; peer %.3f with degree %u, the best of 1 to %d\n", i, without / DRIFTING_SIGMA, own / DRIFTING_SIGMA, theirs / DRIFTING_SIGMA,
                      degree, DEGREES);
        before += without * without, ours += own * own, peer += theirs * theirs;
    }
    print_message("step found at %.0f s (%.0f s is true); rms error %.3f sigma, ours %.3f, peer %.3f\n", (double)times[f.index] * 1e-9, step_s, sqrt(before / PIXELS) / DRIFTING_SIGMA,
                  sqrt(ours / PIXELS) / DRIFTING_SIGMA, sqrt(peer / PIXELS) / DRIFTING_SIGMA);
    assert_true(sqrt(ours) < 0.5 * sqrt(peer) && sqrt(ours / PIXELS) < 0.15 * DRIFTING_SIGMA);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_slope), cmocka_unit_test(test_step) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
