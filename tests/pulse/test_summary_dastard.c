/* 48 bytes, each field where readers look for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/summary_dastard.h"

static float f32_at(const uint8_t *p) {
    float v;
    memcpy(&v, p, sizeof v);
    return v;
}

static int64_t i64_at(const uint8_t *p) {
    int64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static void test_fields(void **state) {
    (void)state;
    const struct pulse_record r = {.n_samples = 0x01020304, .n_presamples = 0x0a0b0c0d, .trigger_time_ns = INT64_C(1795332187169164809), .trigger_frame = -5};
    const struct dastard_summary s = {1.5F, 2.5F, 3.5F, 4.5F, 5.5F};
    uint8_t h[DASTARD_SUMMARY_BYTES];
    memset(h, 0xee, sizeof h);
    dastard_summary_encode(0x1234, &r, &s, h);
    static const uint8_t first[12] = {0x34, 0x12, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 4, 3, 2, 1};
    assert_memory_equal(h, first, 12);
    for (int i = 0; i < 5; i++)
        assert_true(f32_at(h + 12 + 4 * i) == (float)i + 1.5F);
    assert_true(i64_at(h + 32) == r.trigger_time_ns && i64_at(h + 40) == -5);
}

static void test_of_a_pulse(void **state) {
    (void)state;
    uint16_t samples[64];
    for (int k = 0; k < 64; k++)
        samples[k] = (uint16_t)(1000 + (k < 16 ? 0 : 800 - 10 * (k - 16)));
    const struct pulse_record r = {.samples = samples, .n_samples = 64, .n_presamples = 16, .sample_period_s = 1e-5F};
    const struct dastard_summary s = dastard_summary_of(&r);
    assert_true(s.pretrigger_mean == 1000 && s.peak_value == 800 && s.residual_sd == 0);
    assert_true(s.pulse_average > 540 && s.pulse_average < 570 && s.pulse_rms > s.pulse_average && s.pulse_rms < 620);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields), cmocka_unit_test(test_of_a_pulse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
