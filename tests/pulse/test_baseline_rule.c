/* What a jump is, learnt from pulses whose jumps are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/baseline_rule.h"
#include "tests/calib/draw.h"

enum { PULSES = 2000, EVERY = 50 };
static const double noise_counts = 3;

/* Each EVERY-th pulse stands a jump higher or lower than the ones before it; pulses are apart_s apart. */
static void make(struct measured_pulse *p, size_t n, double apart_s, double (*jump)(struct seeded *)) {
    struct seeded r = draw_start("baseline_rule", 31);
    double level = 5000;
    for (size_t i = 0; i < n; i++) {
        if (jump != NULL && i % EVERY == EVERY - 1)
            level += jump(&r);
        p[i] = (struct measured_pulse){ .time_ns = (int64_t)((double)i * apart_s * 1e9), .pretrigger_mean = (float)(level + noise_counts * draw_normal(&r)) };
    }
}

static double by_quanta(struct seeded *r) { return 4096 * (draw_uniform(r) < 0.5 ? -1 : 1) * (1 + floor(3 * draw_uniform(r))); }
static double by_anything(struct seeded *r) { return 200 + 9000 * draw_uniform(r); }

static struct baseline_rule learn(const struct measured_pulse *p, size_t n) {
    struct baseline_rule rule;
    assert_int_equal(baseline_rule_learn(p, n, &rule), STATUS_OK);
    return rule;
}

static void quanta_are_found(void **state) {
    (void)state;
    static struct measured_pulse p[PULSES];
    make(p, PULSES, 0.3, by_quanta);
    const struct baseline_rule rule = learn(p, PULSES);
    assert_true(fabs(rule.quantum_counts - 4096) < 1e-9);
    assert_true(rule.jump_counts > 20 * noise_counts && rule.jump_counts < 60 * noise_counts);   /* 30 sigma of a step, sqrt(2) of the noise */
}

static void jumps_by_anything_have_no_quantum(void **state) {
    (void)state;
    static struct measured_pulse p[PULSES];
    make(p, PULSES, 0.3, by_anything);
    const struct baseline_rule rule = learn(p, PULSES);
    assert_true(fabs(rule.quantum_counts) <= 0 && rule.jump_counts > 0);
    make(p, PULSES, 0.3, NULL);
    assert_true(fabs(learn(p, PULSES).quantum_counts) <= 0);
}

/* Cuts and tails say nothing, and pulses far apart are no neighbours. */
static void too_few_make_no_rule(void **state) {
    (void)state;
    static struct measured_pulse p[PULSES];
    make(p, PULSES, 0.3, by_quanta);
    assert_true(learn(p, 100).jump_counts <= 0);   /* 99 steps */
    assert_true(learn(p, 101).jump_counts > 0);
    for (size_t i = 0; i < PULSES; i++)
        p[i].cuts = i % 30 ? 1 : 0;
    assert_true(learn(p, PULSES).jump_counts <= 0);
    make(p, PULSES, BASELINE_NEIGHBOUR_S + 1, by_quanta);
    assert_true(learn(p, PULSES).jump_counts <= 0);
    assert_true(learn(NULL, 0).jump_counts <= 0);
}

static void what_tells(void **state) {
    (void)state;
    assert_true(baseline_tells(&(struct measured_pulse){ .pretrigger_mean = -7 }));
    assert_false(baseline_tells(&(struct measured_pulse){ .cuts = 2 }));
    assert_false(baseline_tells(&(struct measured_pulse){ .on_tail = true }));
    assert_false(baseline_tells(&(struct measured_pulse){ .pretrigger_mean = NAN }));
    assert_false(baseline_tells(&(struct measured_pulse){ .pretrigger_mean = INFINITY }));
    assert_true(fabs(baseline_seconds(-2000000000, 1000000000) - 3) < 1e-12 && fabs(baseline_seconds(5, 4)) <= 0);
    assert_true(baseline_seconds(INT64_MIN, INT64_MAX) > 1.8e10);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(quanta_are_found), cmocka_unit_test(jumps_by_anything_have_no_quantum), cmocka_unit_test(too_few_make_no_rule),
                                        cmocka_unit_test(what_tells) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
