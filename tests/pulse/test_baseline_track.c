/* The smooth is what the formula says, one pulse at a time as for all; flux jumps are taken out, drifts are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/baseline_track.h"
#include "pulse/cut.h"
#include "tests/pulse/synthetic.h"

enum { N = 1500 };

/* Three a second; a slow wave of 40 counts, own noise of 1.5. Every eleventh is cut and far off. */
static void make(struct synthetic *s, struct measured_pulse *p, double *slow) {
    double t = 1000;
    for (size_t i = 0; i < N; i++) {
        t -= log(1 - synthetic_uniform(s)) / 3;
        slow[i] = 5000 + 40 * sin(t / 60);
        bool cut = i % 11 == 10;
        p[i] = (struct measured_pulse){ .time_ns = (int64_t)(t * 1e9), .height = 1000, .cuts = cut ? CUT_BIT(CUT_PRETRIGGER) : 0,
                                        .pretrigger_mean = (float)(slow[i] + 1.5 * synthetic_gauss(s) + (cut ? 300 : 0)) };
    }
}

static double seconds(const struct measured_pulse *a, const struct measured_pulse *b) { return fabs((double)(a->time_ns - b->time_ns)) * 1e-9; }

static void check_against_formula(const struct measured_pulse *p, size_t i, bool causal) {
    double sum = 0, weight = 0;
    for (size_t k = 0; k < (causal ? i + 1 : N); k++)
        if (p[k].cuts == 0) {
            double w = exp(-seconds(&p[i], &p[k]) / BASELINE_TIME_S);
            sum += w * (double)p[k].pretrigger_mean;
            weight += w;
        }
    assert_true(fabs((double)p[i].baseline - sum / weight) < 5e-3);
    assert_true(fabs((double)p[i].baseline_weight - weight) < 1e-3 * weight);
    assert_true(fabs((double)p[i].baseline_offset - (p[i].cuts ? 0 : (double)p[i].pretrigger_mean - sum / weight)) < 5e-3);
}

static void the_smooth_is_what_the_formula_says(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(41);
    static struct measured_pulse p[N], q[N];
    static double slow[N];
    struct baseline_rule rule;
    make(&s, p, slow);
    memcpy(q, p, sizeof p);
    assert_int_equal(baseline_rule_learn(p, N, &rule), STATUS_OK);
    assert_true(rule.jump_counts > 16 && rule.jump_counts < 200 && rule.quantum_counts == 0);
    baseline_track_both(&rule, p, N);
    struct baseline_tracker t = { 0 };
    for (size_t i = 0; i < N; i++)
        baseline_track_next(&t, &rule, &q[i], 1);
    for (size_t i = 0; i < N; i += 7) {
        check_against_formula(p, i, false);
        check_against_formula(q, i, true);
    }
}

/* What later pulses do cannot reach a pulse that was tracked causally. */
static void causal_is_one_pulse_at_a_time(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(42);
    static struct measured_pulse p[N], q[N];
    static double slow[N];
    struct baseline_rule rule = { .jump_counts = 60 };
    make(&s, p, slow);
    memcpy(q, p, sizeof p);
    for (size_t i = N / 2; i < N; i++)
        q[i].pretrigger_mean += 3000;
    struct baseline_tracker t = { 0 }, u = { 0 };
    for (size_t i = 0; i < N; i++) {
        baseline_track_next(&t, &rule, &p[i], 1);
        baseline_track_next(&u, &rule, &q[i], 1);
        assert_true(i >= N / 2 || (p[i].baseline == q[i].baseline && p[i].baseline_offset == q[i].baseline_offset));
    }
}

/* Jumps by multiples of 4096, a reset into the middle of nowhere, and single wild records: the slow wave comes out all the same. */
static void flux_jumps_are_taken_out(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(43);
    static struct measured_pulse p[N];
    static double slow[N];
    struct baseline_rule rule;
    make(&s, p, slow);
    double jumped = 0;
    for (size_t i = 0; i < N; i++) {
        if (i > 0 && i % 100 == 0)
            jumped += 4096 * (i % 300 == 0 ? -2 : 1);
        p[i].pretrigger_mean += (float)jumped;
    }
    assert_int_equal(baseline_rule_learn(p, N, &rule), STATUS_OK);
    assert_true(rule.quantum_counts == 4096);
    baseline_track_both(&rule, p, N);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)p[i].baseline - slow[i]) < 8 && fabs((double)p[i].baseline_offset) < 12);
}

/* A session that begins whole quanta away from where its calibration was taken is followed at the calibration's level. */
static void a_start_off_by_quanta_is_expected(void **state) {
    (void)state;
    const struct baseline_rule quantum = { .jump_counts = 60, .quantum_counts = 4096 }, none = { .jump_counts = 60 };
    struct measured_pulse p[3] = { { .time_ns = 1, .pretrigger_mean = 1012 + 2 * 4096 }, { .time_ns = 2, .pretrigger_mean = 1010 + 2 * 4096 }, { .time_ns = 3, .pretrigger_mean = 1008 } };
    struct baseline_tracker t;
    baseline_track_begin(&t, 1000);
    for (int i = 0; i < 3; i++) {
        baseline_track_next(&t, &quantum, &p[i], 1);
        assert_true(fabs((double)p[i].baseline - 1011) < 2);
    }
    baseline_track_begin(&t, 1000);
    baseline_track_next(&t, &none, &p[0], 1);
    assert_true(fabs((double)p[0].baseline - (1012 + 2 * 4096)) < 1);
    baseline_track_begin(&t, (double)NAN);
    baseline_track_next(&t, &quantum, &p[0], 1);
    assert_true(fabs((double)p[0].baseline - (1012 + 2 * 4096)) < 1);
}

static void a_jump_without_a_quantum_is_levelled(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(44);
    static struct measured_pulse p[N];
    static double slow[N];
    struct baseline_rule rule;
    make(&s, p, slow);
    for (size_t i = 700; i < N; i++)
        p[i].pretrigger_mean += 713;
    p[300].pretrigger_mean += 500;   /* one wild record is no jump */
    assert_int_equal(baseline_rule_learn(p, N, &rule), STATUS_OK);
    assert_true(rule.quantum_counts == 0);
    baseline_track_both(&rule, p, N);
    assert_true(p[300].baseline_offset == 0);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)p[i].baseline - slow[i]) < 10);
}

/* From where a calibration left it; after a pause only the lock that was found still holds; not known, as _begin. */
static void it_goes_on_from_a_mark(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(48);
    static struct measured_pulse p[N], q[N];
    static double slow[N];
    const struct baseline_rule rule = { .jump_counts = 200 };
    const struct baseline_tracker unknown = { .jumped = 0 };
    struct baseline_tracker t = { 0 }, mark, again;
    make(&s, p, slow);
    for (size_t i = N / 3; i < N; i++)
        p[i].pretrigger_mean += 1000;   /* a jump */
    memcpy(q, p, sizeof p);
    baseline_track_next(&t, &rule, p, N / 2);
    mark = t;
    assert_true(fabs(mark.jumped - 1000) < 60);
    baseline_track_next(&t, &rule, p + N / 2, N / 2);
    baseline_track_resume(&again, &mark, 5000, q[N / 2].time_ns);
    baseline_track_next(&again, &rule, q + N / 2, N / 2);
    assert_memory_equal(p + N / 2, q + N / 2, N / 2 * sizeof *p);
    const size_t later = N / 2 + 100;   /* half a minute */
    baseline_track_resume(&again, &mark, 5000, q[later].time_ns);
    assert_true(again.weight == 0 && again.n_recent == 0 && again.jumped == mark.jumped);
    baseline_track_next(&again, &rule, q + later, 1);
    assert_true(fabs((double)q[later].baseline - slow[later]) < 70);
    baseline_track_begin(&t, 5000);
    baseline_track_resume(&again, &unknown, 5000, q[later].time_ns);
    assert_memory_equal(&again, &t, sizeof t);
}

static void nothing_to_track_is_no_trouble(void **state) {
    (void)state;
    struct baseline_rule rule;
    assert_int_equal(baseline_rule_learn(NULL, 0, &rule), STATUS_OK);
    assert_true(rule.jump_counts == 0 && rule.quantum_counts == 0);
    baseline_track_both(&rule, NULL, 0);
    struct measured_pulse p[3] = { { .cuts = 1, .pretrigger_mean = 7 }, { .time_ns = INT64_MAX, .pretrigger_mean = NAN },
                                   { .time_ns = INT64_MIN, .pretrigger_mean = 9 } };
    baseline_track_both(&rule, p, 3);
    assert_true(isnan(p[0].baseline) == 0 && p[2].baseline == 9 && p[0].baseline_offset == 0);
    struct baseline_tracker t = { 0 };
    struct measured_pulse bad = { .cuts = 1 };
    baseline_track_next(&t, &rule, &bad, 1);
    assert_true(isnan(bad.baseline) && bad.baseline_offset == 0);
}

/* Its mean tells how high the tail is, whatever the readout's jumps, and moves nothing. */
static void a_pulse_on_a_tail_tells_the_tail(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(44);
    static struct measured_pulse p[N];
    static double slow[N];
    struct baseline_tracker with = { 0 }, without = { 0 };
    const struct baseline_rule rule = { .jump_counts = 200, .quantum_counts = 4096 };
    make(&s, p, slow);
    for (size_t i = 0; i < N; i++) {
        struct measured_pulse other = p[i];
        bool tail = p[i].cuts != 0;
        p[i].pretrigger_mean += i > N / 2 ? 4096 : 0;
        p[i].on_tail = tail;
        p[i].cuts = 0;
        baseline_track_next(&with, &rule, &p[i], 1);
        baseline_track_next(&without, &rule, &other, 1);
        assert_true(fabsf(p[i].baseline - other.baseline) < 0.01F);
        if (tail && i > 100 && i != N / 2 + 1)
            assert_true(fabs((double)p[i].baseline_offset - 300 - (slow[i] - (double)p[i].baseline)) < 8);
    }
}

static void assert_same(const struct measured_pulse *a, const struct measured_pulse *b) {
    assert_memory_equal(&a->baseline, &b->baseline, sizeof a->baseline);
    assert_memory_equal(&a->baseline_offset, &b->baseline_offset, sizeof a->baseline_offset);
    assert_memory_equal(&a->baseline_weight, &b->baseline_weight, sizeof a->baseline_weight);
}

/* Among pieces in which nothing happens are some with all that may: pauses, quanta, resets, lone wild records, tails, stamps that step back, no means. */
static void make_eventful(struct synthetic *s, struct measured_pulse *p, double *slow) {
    double jumps = 0;
    int64_t paused_ns = 0;
    make(s, p, slow);
    for (size_t i = 0; i < N; i++) {
        jumps += i % 400 == 399 ? 4096 : i % 500 == 499 ? -731 : 0;
        paused_ns += i % 450 == 449 ? INT64_C(60000000000) : i % 350 == 349 ? -INT64_C(500000000) : 0;
        p[i].pretrigger_mean += (float)(jumps + (i % 277 == 276 ? 900 : 0) + (i % 139 == 138 ? 59 : 0));
        p[i].slow_counts = i % 5 ? 0 : 1.25F;
        p[i].on_tail = i % 17 == 16;
        p[i].time_ns += paused_ns;
        if (i % 211 == 210)
            p[i].pretrigger_mean = NAN;
    }
}

/* Where nothing happens in a piece it is done at once: to the bit as pulse by pulse, whatever the pieces. */
static void pieces_do_not_matter(void **state) {
    (void)state;
    const struct baseline_rule rules[] = { { .jump_counts = 60 }, { .jump_counts = 60, .quantum_counts = 4096 }, { .jump_counts = 0 } };
    struct synthetic s = synthetic_seed(49);
    static struct measured_pulse p[N], q[N];
    static double slow[N];
    for (size_t round = 0; round < 12; round++) {
        const struct baseline_rule *rule = &rules[round % 3];
        struct baseline_tracker t, u;
        make_eventful(&s, p, slow);
        memcpy(q, p, sizeof p);
        baseline_track_begin(&t, round % 2 ? 5000 : (double)NAN);
        u = t;
        for (size_t i = 0; i < N; i++)
            baseline_track_next(&t, rule, &p[i], 1);
        for (size_t i = 0, n; i < N; i += n) {
            n = 1 + (size_t)(synthetic_uniform(&s) * (round < 6 ? 100 : 20));
            n = n < N - i ? n : N - i;
            baseline_track_next(&u, rule, q + i, n);
        }
        for (size_t i = 0; i < N; i++)
            assert_same(&p[i], &q[i]);
        assert_memory_equal(t.recent, u.recent, sizeof t.recent);
        assert_true(t.n_recent == u.n_recent && t.newest == u.newest && t.n_pending == u.n_pending && t.jumped == u.jumped && t.sum == u.sum && t.weight == u.weight && t.last_ns == u.last_ns);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smooth_is_what_the_formula_says), cmocka_unit_test(causal_is_one_pulse_at_a_time), cmocka_unit_test(flux_jumps_are_taken_out),
        cmocka_unit_test(a_start_off_by_quanta_is_expected), cmocka_unit_test(a_jump_without_a_quantum_is_levelled), cmocka_unit_test(it_goes_on_from_a_mark), cmocka_unit_test(nothing_to_track_is_no_trouble), cmocka_unit_test(a_pulse_on_a_tail_tells_the_tail),
        cmocka_unit_test(pieces_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
