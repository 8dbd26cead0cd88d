/* Slow tails: learnt from pretrigger means, followed from pulse to pulse, and worth what the filters and the detector's bend make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "pulse/baseline_track.h"
#include "pulse/gap_filter.h"
#include "pulse/noise_plan.h"
#include "pulse/optimal_filter.h"
#include "pulse/slow_tail.h"
#include "tests/dice.h"
#include "tests/pulse/synthetic.h"

/* ---- learning ---- */

enum { PULSES = 12000 };
static const double fast_s = 0.45e-3, presamples_s = 1e-3, rate_Hz = 40;

static double normal(struct dice *d) {
    return sqrt(-2 * log(1 - dice_unit(d))) * cos(6.283185307179586 * dice_unit(d));
}

/* Poisson pulses, a baseline that wanders, and under each record what the pulses before have left: of fast decay (20 times the slow one at once), and slow. */
static struct slow_tail_learner watch(struct dice *d, double counts, double decay_s, double noise_counts) {
    struct slow_tail_learner l = slow_tail_begin(fast_s * 1.04, presamples_s);
    int64_t at = INT64_C(1747000000000000000);
    double fast = 0, slow = 0, wander = 8000;
    for (int i = 0; i < PULSES; i++) {
        double gap_s = -log(1 - dice_unit(d)) / rate_Hz, height = i % 3 ? 4000 : 2000;
        at += llround(1e9 * gap_s);
        fast *= exp(-gap_s / fast_s);
        slow *= exp(-gap_s / decay_s);
        wander += 0.3 * normal(d);
        struct measured_pulse p = { .time_ns = at, .height = i % 40 ? (float)height : NAN, .pretrigger_mean = (float)(wander + 0.4 * fast + counts * slow + noise_counts * normal(d)) };
        if (i % 500 == 7)
            p.pretrigger_mean += 4096;   /* a flux jump */
        slow_tail_note(&l, &p);
        fast += i % 40 ? height : 0;
        slow += i % 40 ? height : 0;
    }
    return l;
}

static void even(double prior[SLOW_TAIL_DECAYS]) {
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        prior[k] = 1;
}

static double under(struct slow_tail t, double after_s) {
    return t.counts * exp(-after_s / t.decay_s);
}

static void a_tail_is_learnt(void **state) {
    (void)state;
    struct dice d = dice_new();
    double prior[SLOW_TAIL_DECAYS];
    even(prior);
    for (int sign = 1; sign >= -1; sign -= 2)
        for (int k = 0; k < 3; k++) {
            struct slow_tail truth = { sign * 2e-2, (1.5 + 0.5 * k) * 1e-3 };
            struct slow_tail_learner l = watch(&d, truth.counts, truth.decay_s, 4);
            struct slow_tail found = slow_tail_learnt(&l, prior, sign < 0);
            printf("decay %.2f ms: %.2f, under a pulse 4 ms behind %.3f of the truth\n", 1e3 * truth.decay_s, 1e3 * found.decay_s, under(found, 4e-3) / under(truth, 4e-3));
            assert_true(fabs(under(found, 4e-3) / under(truth, 4e-3) - 1) < 0.15);
            assert_true(fabs(under(found, 6e-3) / under(truth, 6e-3) - 1) < 0.3);
            assert_true(slow_tail_learnt(&l, prior, sign > 0).counts == 0);   /* of the wrong sign */
        }
}

static void no_tail_is_none(void **state) {
    (void)state;
    struct dice d = dice_new();
    double prior[SLOW_TAIL_DECAYS], of[SLOW_TAIL_DECAYS], sum = 0;
    even(prior);
    for (int k = 0; k < 10; k++) {
        struct slow_tail_learner l = watch(&d, 0, 2e-3, 4);
        assert_true(slow_tail_learnt(&l, prior, false).counts == 0);
    }
    struct slow_tail_learner l = watch(&d, 2e-2, 2e-3, 4), nothing = slow_tail_begin(0, presamples_s), few = slow_tail_begin(fast_s, presamples_s);
    assert_true(slow_tail_likelihoods(&l, of));
    for (unsigned k = 0; k < SLOW_TAIL_DECAYS; k++)
        sum += of[k];
    assert_true(fabs(sum - 1) < 1e-9);
    struct measured_pulse p = { .time_ns = 1000, .height = 1, .pretrigger_mean = 5 };
    slow_tail_note(&nothing, &p);
    slow_tail_note(&few, &p);
    assert_false(slow_tail_likelihoods(&nothing, of));
    assert_false(slow_tail_likelihoods(&few, of));
    assert_true(slow_tail_learnt(&few, prior, false).counts == 0);
}

/* What other pixels say decides between decays that the pixel itself finds alike, and no more. */
static void a_prior_decides_what_is_open(void **state) {
    (void)state;
    struct dice d = dice_new();
    double prior[SLOW_TAIL_DECAYS] = { 0 };
    struct slow_tail_learner l = watch(&d, 2e-2, 2e-3, 4);
    prior[3] = 1;
    assert_true(fabs(slow_tail_learnt(&l, prior, false).decay_s / (fast_s * 1.04 * 2.5 * pow(1.22, 3)) - 1) < 1e-12);
}

/* ---- following ---- */

static void levels_are_sums_over_the_pulses_before(void **state) {
    (void)state;
    enum { N = 300 };
    struct dice d = dice_new();
    struct slow_tail slow = { 3e-3, 2e-3 };
    struct slow_tail_sum sum = { 0 };
    int64_t at[N], now = INT64_C(1747000000000000000);
    double height[N];
    for (int i = 0; i < N; i++) {
        at[i] = now += dice_below(&d, 6000000);
        height[i] = i % 17 ? 1000 + 3000 * dice_unit(&d) : 0;
        struct measured_pulse p = { .time_ns = at[i], .height = i % 17 ? (float)height[i] : i % 2 ? NAN : -5 };
        slow_tail_track(&sum, &slow, &p, 1);
        double expected = 0;
        for (int k = 0; k < i; k++)
            expected += slow.counts * height[k] * exp((double)(at[k] - at[i]) * 1e-9 / slow.decay_s);
        assert_true(fabs((double)p.slow_counts - expected) < 1e-5 * expected + slow.counts * 4000 * 1e-4);
    }
    struct measured_pulse back = { .time_ns = at[N - 1] - 5, .height = 1000 }, none = back;
    slow_tail_track(&sum, &slow, &back, 1);
    assert_true(back.slow_counts == 0);
    none.slow_counts = 7;
    slow_tail_track(&sum, &(struct slow_tail){ 0, 0 }, &none, 1);
    assert_true(none.slow_counts == 0);
}

static void pieces_do_not_matter(void **state) {
    (void)state;
    enum { N = 1000 };
    struct dice d = dice_new();
    const struct slow_tail slow = { 3e-3, 2e-3 };
    struct slow_tail_sum one = { 0 }, some = { 0 };
    struct measured_pulse p[N], q[N];
    int64_t now = INT64_C(1747000000000000000);
    for (int i = 0; i < N; i++) {
        now += i % 50 == 49 ? -1000 : dice_below(&d, 12000000);
        p[i] = q[i] = (struct measured_pulse){ .time_ns = now, .height = i % 17 ? (float)(1000 + 3000 * dice_unit(&d)) : i % 2 ? NAN : -5 };
    }
    for (int i = 0; i < N; i++)
        slow_tail_track(&one, &slow, &p[i], 1);
    for (size_t i = 0, n; i < N; i += n) {
        n = 1 + (size_t)dice_below(&d, 100);
        n = n < N - i ? n : N - i;
        slow_tail_track(&some, &slow, q + i, n);
    }
    for (int i = 0; i < N; i++)
        assert_memory_equal(&p[i].slow_counts, &q[i].slow_counts, sizeof p[i].slow_counts);
    assert_true(one.height == some.height && one.last_ns == some.last_ns);
}

/* The smooth of the means has no tails in it, and a mean that stands higher by a tail is no offset. */
static void the_baseline_is_without_it(void **state) {
    (void)state;
    struct baseline_tracker with = { 0 }, without = { 0 };
    struct baseline_rule rule = { .jump_counts = 60 };
    for (int i = 0; i < 200; i++) {
        struct measured_pulse p = { .time_ns = i * INT64_C(20000000), .height = 100, .pretrigger_mean = (float)(500 + i % 7) }, q = p;
        q.slow_counts = (float)(i % 5);
        q.pretrigger_mean += q.slow_counts;
        baseline_track_next(&without, &rule, &p, 1);
        baseline_track_next(&with, &rule, &q, 1);
        assert_true(p.baseline == q.baseline && p.baseline_offset == q.baseline_offset);
    }
}

/* ---- effect ---- */

enum { SAMPLES = 256, BEFORE = 96, LEVEL = 12000 };

static struct pulse_record record_of(const uint16_t *d) {
    return (struct pulse_record){ .samples = d, .n_samples = SAMPLES, .n_presamples = BEFORE, .trigger_time_ns = 4000, .trigger_frame = 2 };
}

static void draw(struct synthetic *s, double height, double tail, double decay_samples, uint16_t *d) {
    synthetic_record(s, d, SAMPLES, BEFORE, LEVEL, 0, 0);
    double at = synthetic_uniform(s) - 0.5;
    for (int k = 0; k < SAMPLES; k++)
        d[k] = (uint16_t)rint(d[k] + height * synthetic_shape(k - BEFORE - at) + tail * exp((BEFORE - k) / decay_samples));
}

static struct pixel_model *learn(struct synthetic *s) {
    struct noise_plan *plan;
    struct pixel_learner *l;
    struct pixel_model *m = NULL;
    uint16_t d[SAMPLES];
    struct pulse_record r = record_of(d);
    assert_int_equal(noise_plan_new(SAMPLES, &plan), STATUS_OK);
    assert_int_equal(pixel_learner_new(plan, SAMPLES, BEFORE, 1e-5, &l), STATUS_OK);
    for (int i = 0; i < 400; i++) {
        r.trigger_frame = i * (int64_t)SAMPLES;
        draw(s, 0, 0, 1, d);
        pixel_learner_noise(l, &r);
        draw(s, i % 3 ? 3000 : 1500, 0, 1, d);
        pixel_learner_pulse(l, &r);
    }
    assert_int_equal(pixel_learner_finish(l, &m, NULL, NULL), STATUS_OK);
    assert_non_null(m->tail);
    assert_non_null(m->gaps);
    pixel_learner_free(l);
    noise_plan_free(plan);
    return m;
}

enum way { WHOLE, ON_TAIL, BEFORE_GAP, N_WAYS };

static struct measured_pulse measure(const struct pixel_model *m, enum way way, const uint16_t *d) {
    struct pulse_record r = record_of(d);
    struct measured_pulse p;
    if (way == ON_TAIL)
        pixel_model_measure_tail(m, &r, &p);
    else if (way == BEFORE_GAP)
        assert_true(gap_filters_measure(m, &r, 100, &p));
    else
        pixel_model_measure(m, &r, &p);
    return p;
}

/* The same records with a slow tail under them and without: heights differ by what the model says, by every filter. */
static void heights_move_as_the_model_says(void **state) {
    (void)state;
    enum { RECORDS = 200 };
    struct synthetic s = synthetic_seed(7);
    struct pixel_model *m = learn(&s);
    const double decay = 150, tail = 100;
    assert_int_equal(slow_tail_set(m, (struct slow_tail){ 1e-2, decay * 1e-5 }), STATUS_OK);
    for (enum way way = WHOLE; way < N_WAYS; way++) {
        double moved = 0, told = 0;
        for (int i = 0; i < RECORDS; i++) {
            uint16_t with[SAMPLES], without[SAMPLES];
            draw(&s, 3000, 0, decay, without);
            for (int k = 0; k < SAMPLES; k++)
                with[k] = (uint16_t)rint(without[k] + tail * exp((BEFORE - k) / decay));
            struct measured_pulse a = measure(m, way, with), b = measure(m, way, without);
            a.slow_counts = a.pretrigger_mean - b.pretrigger_mean;
            moved += (double)(a.height - b.height) / RECORDS;
            told += slow_tail_effect(m, &a).height / RECORDS;
        }
        printf("way %d: moved by %.2f, told %.2f\n", (int)way, moved, told);
        assert_true(fabs(moved - told) < 0.05 * fabs(told) + 0.3);
        assert_true(way == ON_TAIL || fabs(told) > 5);
    }
    struct measured_pulse taken = { .slow_counts = 5, .noise_factor = 0.77F };   /* by neighbours: of none of the filters */
    assert_true(slow_tail_effect(m, &taken).height == 0 && slow_tail_effect(m, &taken).tail == 0);
    assert_int_equal(slow_tail_set(m, (struct slow_tail){ 0, 0 }), STATUS_OK);
    assert_true(m->slow_effect.height == 0 && m->tail->slow_effect.height == 0 && m->gaps->list[0].slow_effect.height == 0);
    pixel_model_free(m);
}

/* On a level that does not fall the height that would add the same cross term is that of a constant: q.T x level / q.(T T), and the filter does not see it. */
static void a_level_bends_as_a_constant_does(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(8);
    struct pixel_model *m = learn(&s);
    assert_int_equal(slow_tail_set(m, (struct slow_tail){ 1e-2, 1e9 }), STATUS_OK);
    double cross = 0, square = 0, row[SAMPLES];
    optimal_filter_row_at(optimal_filter_weights(m->filter), SAMPLES - 4, m->template_arrival, row);
    for (int k = 0; k < SAMPLES; k++) {
        double t = (double)m->template_pulse[k];
        cross += row[k] * t;
        square += row[k] * t * fabs(t);
    }
    assert_true(fabs(m->slow_effect.tail * square / cross - 1) < 1e-3 && fabs(m->slow_effect.height) < 1e-3);
    pixel_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tail_is_learnt),
        cmocka_unit_test(no_tail_is_none),
        cmocka_unit_test(a_prior_decides_what_is_open),
        cmocka_unit_test(levels_are_sums_over_the_pulses_before), cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(the_baseline_is_without_it),
        cmocka_unit_test(heights_move_as_the_model_says),
        cmocka_unit_test(a_level_bends_as_a_constant_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
