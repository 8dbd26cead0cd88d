#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/trigger_sim.h"
#include "tests/pulse/drawn_pixel.h"

enum { MAX = 4000 };

static struct trigger triggers[MAX];
static uint8_t fate[MAX];
static int64_t trigger_of[MAX];

static size_t run(const struct pixel_sim *p, enum trigger_mode mode, const struct deposit *d, size_t n, const struct disturbance *faults, size_t n_faults) {
    struct random_stream random;
    random_stream_init(&random, test_seed(), 0, 1);
    const struct trigger_settings settings = {mode, 512, 128, 1000000000};
    return trigger_sim_run(p, &settings, (struct pulse_train){d, n}, faults, n_faults, &random, triggers, fate, trigger_of);
}

static void test_multi_resolves_by_the_rise(void **state) {
    (void)state;
    const struct pixel_sim p = quiet_pixel(1);
    const double peak = pixel_sim_peak_samples(&p);
    const double gaps[] = {0.3 * peak, 0.69 * peak, 1.05 * peak, 60, 400, 5000};
    for (size_t i = 0; i < 6; i++) {
        const struct deposit d[] = {{10000.25, 0.5}, {10000.25 + gaps[i], 0.6}};
        const size_t n = run(&p, TRIGGER_EDGE_MULTI, d, 2, NULL, 0);
        assert_int_equal(n, i < 2 ? 1 : 2);
        assert_int_equal(fate[0], FATE_RECORDED);
        assert_int_equal(fate[1], i < 2 ? FATE_MERGED : FATE_RECORDED);
        assert_int_equal(trigger_of[1], i < 2 ? 0 : 1);
        assert_true(llabs(triggers[0].frame - 10001) <= 1);
    }
}

static void test_trigger_jitters_by_one_sample(void **state) {
    (void)state;
    const struct pixel_sim p = quiet_pixel(1);
    static struct deposit d[2000];
    for (int i = 0; i < 2000; i++)
        d[i] = (struct deposit){1000 + 3000.37 * i, 0.5};
    assert_int_equal(run(&p, TRIGGER_EDGE_MULTI, d, 2000, NULL, 0), 2000);
    int count[3] = {0};
    for (int i = 0; i < 2000; i++) {
        const int64_t shift = triggers[i].frame - (int64_t)floor(d[i].arrival_samples) - 1;
        assert_true(shift >= -1 && shift <= 1);
        count[shift + 1]++;
        assert_int_equal(triggers[i].deposit, i);
    }
    assert_true(count[0] > 50 && count[1] > 1000 && count[2] > 50);
}

/* Blind for the record and one sample; what arrives just before the end fires late, exactly there. */
static void test_edge_is_blind_for_a_record(void **state) {
    (void)state;
    const struct pixel_sim p = quiet_pixel(1);
    const struct deposit first = {10000.25, 0.5};
    assert_int_equal(run(&p, TRIGGER_EDGE, &first, 1, NULL, 0), 1);
    const int64_t fired = triggers[0].frame, live = fired + 513;
    assert_true(fired >= 10001 && fired <= 10004);
    const double arrivals[] = {10200, (double)live - 60, (double)live - 3.5, (double)live + 0.5};
    static const enum deposit_fate want[] = {FATE_HIDDEN, FATE_HIDDEN, FATE_RECORDED, FATE_RECORDED};
    for (size_t i = 0; i < 4; i++) {
        const struct deposit d[] = {first, {arrivals[i], 0.6}};
        assert_int_equal(run(&p, TRIGGER_EDGE, d, 2, NULL, 0), want[i] == FATE_RECORDED ? 2 : 1);
        assert_int_equal(fate[1], want[i]);
        if (i == 2)
            assert_true(triggers[1].frame == live);
        if (i == 3)
            assert_true(triggers[1].frame > live);
    }
}

static void test_small_late_and_outside(void **state) {
    (void)state;
    const struct pixel_sim p = quiet_pixel(1);
    const struct deposit d[] = {{100, 0.5}, {10000, 0.02}, {20000, 0.9}, {20040, 0.03}, {1e9 - 200, 0.5}};
    assert_int_equal(run(&p, TRIGGER_EDGE_MULTI, d, 5, NULL, 0), 1);
    static const enum deposit_fate want[] = {FATE_OUTSIDE, FATE_BELOW, FATE_RECORDED, FATE_BELOW, FATE_OUTSIDE};
    for (int i = 0; i < 5; i++)
        assert_int_equal(fate[i], want[i]);
    struct pixel_sim dead = p;
    dead.kind = PIXEL_DEAD;
    assert_int_equal(run(&dead, TRIGGER_EDGE_MULTI, d, 5, NULL, 0), 0);
}

static void test_faults(void **state) {
    (void)state;
    static struct disturbance faults[MAX];
    const struct pixel_sim unlocked = drawn_pixel(3, PIXEL_UNLOCKED), noisy = drawn_pixel(3, PIXEL_NOISY), good = drawn_pixel(3, PIXEL_GOOD);
    struct random_stream random;
    random_stream_init(&random, test_seed(), 0, 2);
    const int64_t frames = (int64_t)(200 / 6.4e-6);
    assert_int_equal(trigger_sim_faults(&good, frames, &random, NULL, 0), 0);
    const size_t n = trigger_sim_faults(&unlocked, frames, &random, faults, MAX);
    assert_true(fabs((double)n - 200 * unlocked.flux_jumps_per_s) < 6 * sqrt((double)n));
    double level = unlocked.baseline_counts;
    for (size_t i = 0; i < n; i++) {
        level += faults[i].step_counts;
        assert_true(level > 900 && level < 51000 && fabs(faults[i].step_counts) == 4096);
        assert_true(i == 0 || faults[i].frame > faults[i - 1].frame);
    }
    const size_t fired = run(&unlocked, TRIGGER_EDGE_MULTI, NULL, 0, faults, n);
    assert_true(fired > n / 3 && fired < 2 * n / 3 + 5);   /* steps up only */
    assert_true(triggers[0].deposit == NO_DEPOSIT);
    const size_t bursts = trigger_sim_faults(&noisy, frames, &random, faults, MAX);
    assert_true(faults[0].step_counts == 0 && bursts > 200);
    assert_true(run(&noisy, TRIGGER_EDGE, NULL, 0, faults, bursts) <= bursts);
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)test_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multi_resolves_by_the_rise),
        cmocka_unit_test(test_trigger_jitters_by_one_sample),
        cmocka_unit_test(test_edge_is_blind_for_a_record),
        cmocka_unit_test(test_small_late_and_outside),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
