/* Summaries of records small enough to check by hand; agreement with mass is in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/pulse_summary.h"

static struct pulse_record record_of(const uint16_t *d, uint32_t n, uint32_t p) {
    return (struct pulse_record){ .samples = d, .n_samples = n, .n_presamples = p, .sample_period_s = 0.5F };
}

static void test_by_hand(void **state) {
    (void)state;
    /* p = 7, so the mean is over d[0..3] = 101 and the average over d[6..17] */
    const uint16_t d[18] = { 100, 102, 100, 102, 90, 101, 101, 111, 151, 201, 191, 181, 171, 161, 151, 141, 131, 121 };
    struct pulse_record r = record_of(d, 18, 7);
    struct pulse_summary s = pulse_summary_of(&r, 9);
    assert_true(s.pretrigger_mean == 101 && s.pretrigger_rms == 1);
    assert_int_equal(s.peak_index, 9);
    assert_int_equal(s.peak_value, 100);
    assert_int_equal(s.min_value, 90);
    assert_true(fabs(s.pulse_average - 600.0 / 12) < 1e-5);
    assert_false(s.shift1);
    assert_true(fabs(s.promptness - (100 + 90 + 80 + 70 + 60 + 50) / 6.0 / 100) < 1e-6);
    /* 10 % = 111: first above is d[8]; 90 % = 191: first above is d[9], so both ends are d[8]: one period */
    assert_true(s.rise_time_s == 0.5F);
    assert_true(fabsf(s.postpeak_derivative + 10) < 1e-5);
}

static void test_no_pulse(void **state) {
    (void)state;
    uint16_t d[20];
    for (unsigned k = 0; k < 20; k++)
        d[k] = (uint16_t)(k < 8 ? 500 : 400);
    struct pulse_record r = record_of(d, 20, 8);
    struct pulse_summary s = pulse_summary_of(&r, 10);
    assert_int_equal(s.peak_index, 0);
    assert_int_equal(s.peak_value, 0);
    assert_true(s.promptness == 0 && isnan(s.rise_time_s));
}

/* mass keeps the index of an earlier record here; we say that there is no rise time. */
static void test_pulse_before_the_trigger_has_no_rise_time(void **state) {
    (void)state;
    uint16_t d[20] = { 10, 10, 10, 10, 10, 900, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10 };
    struct pulse_record r = record_of(d, 20, 8);
    struct pulse_summary s = pulse_summary_of(&r, 10);
    assert_int_equal(s.peak_value, 890);
    assert_true(isnan(s.rise_time_s));
}

static void test_one_bad_sample_is_no_second_pulse(void **state) {
    (void)state;
    uint16_t d[64];
    for (unsigned k = 0; k < 64; k++)
        d[k] = (uint16_t)(k < 10 ? 1000 : 3000 - 20 * k);
    d[40] = (uint16_t)(d[40] + 500);
    struct pulse_record r = record_of(d, 64, 10);
    float spike = pulse_summary_of(&r, 12).postpeak_derivative;
    for (unsigned k = 41; k < 64; k++)
        d[k] = (uint16_t)(d[k] + 500);
    float step = pulse_summary_of(&r, 12).postpeak_derivative;
    assert_true(spike < 0 && step > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_no_pulse), cmocka_unit_test(test_pulse_before_the_trigger_has_no_rise_time),
        cmocka_unit_test(test_one_bad_sample_is_no_second_pulse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
