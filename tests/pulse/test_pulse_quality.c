/* What the cuts look at, on records that have exactly one thing wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/cut_limits.h"
#include "pulse/pulse_quality.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 64 };

static const struct cut_limits limits = { .pretrigger_sd_max = 9, .pretrigger_slope_max = 25, .peak_sample_min = P + 4,
                                          .peak_sample_max = P + 22, .late_rise_max = 40, .residual_max = INFINITY };

static struct pulse_record record_of(const uint16_t *d) {
    return (struct pulse_record){ .samples = d, .n_samples = N, .n_presamples = P };
}

static uint32_t cuts_of(const uint16_t *d, bool inverted) {
    struct pulse_record r = record_of(d);
    struct pulse_quality q = pulse_quality_of(dot_kernel_best(), &r, inverted, pulse_quality_late_start(&limits, P));
    return pulse_quality_cuts(&q, &limits);
}

static void turn_over(uint16_t *d) {
    for (unsigned k = 0; k < N; k++)
        d[k] = (uint16_t)(65535 - d[k]);
}

/* Makes one record per kind of fault; cut N_CUTS is a good one. */
static void spoil(struct synthetic *s, unsigned cut, uint16_t *d) {
    synthetic_record(s, d, N, P, 20000, 5000, 0);
    for (unsigned k = 0; k < N; k++) {
        if (cut == CUT_PRETRIGGER && k < P)
            d[k] = (uint16_t)(d[k] + k);
        if (cut == CUT_PEAK_TIME && k >= P + 30 && k < P + 34)
            d[k] = 30000;
        if (cut == CUT_LATE_RISE && k >= P + 100)
            d[k] = (uint16_t)(d[k] + 500);
        if (cut == CUT_SATURATED && k >= P + 5 && k < P + 15)
            d[k] = 65535;
    }
}

static void test_each_fault_is_named(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(5);
    static const unsigned faults[] = { N_CUTS, CUT_PRETRIGGER, CUT_PEAK_TIME, CUT_LATE_RISE, CUT_SATURATED };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint16_t d[N];
        spoil(&s, faults[i], d);
        uint32_t cuts = cuts_of(d, false);
        turn_over(d);
        assert_int_equal(cuts_of(d, true), cuts);
        if (faults[i] == N_CUTS)
            assert_int_equal(cuts, 0);
        else
            assert_true(cuts & CUT_BIT(faults[i]));
    }
}

static void test_values_by_hand(void **state) {
    (void)state;
    uint16_t d[N];
    for (unsigned k = 0; k < N; k++)
        d[k] = (uint16_t)(1000 + 2 * k);
    struct pulse_record r = record_of(d);
    struct pulse_quality q = pulse_quality_of(dot_kernel_best(), &r, false, 100);
    assert_true(fabsf(q.pretrigger_mean - (1000 + (P - 4))) < 1e-3);
    assert_true(fabs(q.pretrigger_rise - 2.0 * (P - 5)) < 1e-3);
    assert_true(fabs(q.pretrigger_sd - 2 * sqrt(((P - 4) * (P - 4) - 1) / 12.0)) < 1e-3);
    assert_int_equal(q.peak_sample, N - 1);
    assert_true(q.late_rise == 12);
    assert_false(q.saturated);
}

/* Who asks only for limits is told the same but for rises that they allow; the peak is the first of its height, also where that is in the window. */
static void test_limits_are_judged_alike(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(7);
    uint16_t d[N];
    for (int round = 0; round < 2000; round++) {
        synthetic_record(&s, d, N, P, 20000, round % 2 ? 60 : 3000, 0);
        if (round % 5 == 0)
            d[synthetic_bits(&s) % P] = (uint16_t)(20000 + synthetic_bits(&s) % 120);
        if (round % 3 == 0)
            d[P + 50 + synthetic_bits(&s) % 100] = (uint16_t)(20000 + synthetic_bits(&s) % 1000);
        if (round % 4 < 2)
            turn_over(d);
        struct pulse_record r = record_of(d);
        struct dot_extremes e = dot_kernel_best()->extremes(d, N);
        bool inverted = round % 4 < 2;
        struct pulse_quality a = pulse_quality_of(dot_kernel_find("scalar"), &r, inverted, pulse_quality_late_start(&limits, P));
        struct pulse_quality b = pulse_quality_within(dot_kernel_best(), &r, inverted, &limits, e);
        uint32_t first = 0;
        while (d[first] != (inverted ? e.low : e.high))
            first++;
        assert_int_equal(b.peak_sample, first);
        assert_int_equal(a.peak_sample, first);
        assert_true(b.late_rise == fmaxf(a.late_rise, limits.late_rise_max));
        assert_int_equal(pulse_quality_cuts(&a, &limits), pulse_quality_cuts(&b, &limits));
        assert_true(a.pretrigger_mean == b.pretrigger_mean && a.pretrigger_sd == b.pretrigger_sd && a.pretrigger_rise == b.pretrigger_rise);
    }
}

static void test_one_full_sample_is_a_spike_not_saturation(void **state) {
    (void)state;
    uint16_t d[N];
    for (unsigned k = 0; k < N; k++)
        d[k] = 1000;
    d[P + 9] = 65535;
    struct pulse_record r = record_of(d);
    assert_false(pulse_quality_of(dot_kernel_best(), &r, false, N).saturated);
    d[P + 10] = 65535;
    assert_true(pulse_quality_of(dot_kernel_best(), &r, false, N).saturated);
}

/* Records stand at odd addresses in files, and nothing behind them may be read. */
static void test_odd_address(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(6);
    uint16_t d[N];
    synthetic_record(&s, d, N, P, 20000, 5000, 0);
    uint8_t *bytes = malloc(sizeof d + 1);
    assert_non_null(bytes);
    memcpy(bytes + 1, d, sizeof d);
    struct pulse_record even = record_of(d), odd = even;
    odd.samples = (const sample_u16 *)(const void *)(bytes + 1);
    struct pulse_quality a = pulse_quality_of(dot_kernel_best(), &even, false, 90), b = pulse_quality_of(dot_kernel_best(), &odd, false, 90);
    assert_true(a.pretrigger_sd == b.pretrigger_sd && a.late_rise == b.late_rise && a.peak_sample == b.peak_sample);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fault_is_named), cmocka_unit_test(test_values_by_hand), cmocka_unit_test(test_limits_are_judged_alike),
        cmocka_unit_test(test_one_full_sample_is_a_spike_not_saturation), cmocka_unit_test(test_odd_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
