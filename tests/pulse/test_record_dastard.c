/* Messages of a real DASTARD, our own back again, and everything that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/record_dastard.h"
#include "tests/seeded.h"
#include "tests/shared_data.h"

enum { SAMPLES = 8 };

static void make(uint8_t h[DASTARD_HEADER_BYTES], const uint16_t samples[SAMPLES]) {
    struct pulse_record r = { .samples = samples, .n_samples = SAMPLES, .n_presamples = 3, .sample_period_s = 2e-5F,
                              .trigger_time_ns = INT64_C(1700000000123456789), .trigger_frame = INT64_C(-5000000000) };
    dastard_message_encode(517, true, &r, h);
}

static void what_is_encoded_comes_back(void **state) {
    (void)state;
    uint16_t samples[SAMPLES] = { 1, 2, 3, 65535 };
    uint8_t h[DASTARD_HEADER_BYTES];
    struct dastard_message m;
    make(h, samples);
    assert_int_equal(dastard_message_decode(h, sizeof h, (const uint8_t *)samples, sizeof samples, &m), DASTARD_GOOD);
    assert_int_equal(m.channel_index, 517);
    assert_true(m.is_signed);
    assert_int_equal(m.record.n_samples, SAMPLES);
    assert_int_equal(m.record.n_presamples, 3);
    assert_int_equal(m.record.trigger_time_ns, INT64_C(1700000000123456000));
    assert_int_equal(m.record.trigger_frame, INT64_C(-5000000000));
    assert_int_equal(m.record.samples[3], 65535);
}

static enum dastard_refusal with(size_t offset, uint8_t value) {
    uint16_t samples[SAMPLES] = { 0 };
    uint8_t h[DASTARD_HEADER_BYTES];
    struct dastard_message m;
    make(h, samples);
    h[offset] = value;
    return dastard_message_decode(h, sizeof h, (const uint8_t *)samples, sizeof samples, &m);
}

static void each_fault_has_its_name(void **state) {
    (void)state;
    uint16_t samples[SAMPLES] = { 0 };
    uint8_t h[DASTARD_HEADER_BYTES];
    struct dastard_message m;
    make(h, samples);
    assert_int_equal(dastard_message_decode(h, 35, (const uint8_t *)samples, sizeof samples, &m), DASTARD_HEADER_LENGTH);
    assert_int_equal(dastard_message_decode(h, 0, (const uint8_t *)samples, sizeof samples, &m), DASTARD_HEADER_LENGTH);
    assert_int_equal(dastard_message_decode(h, sizeof h, (const uint8_t *)samples, sizeof samples - 1, &m), DASTARD_PAYLOAD);
    assert_int_equal(with(2, 1), DASTARD_VERSION);
    assert_int_equal(with(3, 4), DASTARD_SAMPLE_TYPE);
    assert_int_equal(with(4, SAMPLES), DASTARD_LENGTHS);
    assert_int_equal(with(8, 0), DASTARD_LENGTHS);
    assert_int_equal(with(11, 0xff), DASTARD_LENGTHS);
    assert_int_equal(with(8, SAMPLES - 1), DASTARD_PAYLOAD);
    assert_int_equal(with(15, 0x80), DASTARD_PERIOD);   /* negative */
    for (int i = 0; i < N_DASTARD_REFUSALS; i++)
        assert_non_null(dastard_refusal_names[i]);
}

static void any_bytes_end_in_an_answer(void **state) {
    (void)state;
    struct seeded r = seeded_start("any_bytes_end_in_an_answer");
    for (int i = 0; i < 20000; i++) {
        uint8_t h[DASTARD_HEADER_BYTES], samples[64];
        for (size_t k = 0; k < sizeof h; k++)
            h[k] = (uint8_t)(seeded_below(&r, 4) ? 0 : seeded_next(&r));
        struct dastard_message m = { 0 };
        size_t n = seeded_below(&r, sizeof samples + 1);
        if (dastard_message_decode(h, sizeof h, samples, n, &m) == DASTARD_GOOD)
            assert_true(2 * (size_t)m.record.n_samples == n && m.record.n_presamples < m.record.n_samples);
    }
}

static uint32_t get_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* 20,000 messages as a DASTARD sent them: every one is good, frames of a channel rise by 1024 +- 1. */
static void messages_of_a_real_server(void **state) {
    (void)state;
    struct shared_file file = shared_read("dastard_simpulse.zmq.bin");
    const uint8_t *bytes = file.bytes;
    size_t n = file.n, at = 0, count = 0;
    if (bytes == NULL)
        skip();
    static int64_t last[240];
    memset(last, 0, sizeof last);
    while (at + 4 <= n) {
        uint32_t header = get_u32(bytes + at), payload = get_u32(bytes + at + 4 + header);
        struct dastard_message m;
        assert_int_equal(dastard_message_decode(bytes + at + 4, header, bytes + at + 8 + header, payload, &m), DASTARD_GOOD);
        assert_int_equal(m.record.n_samples, 256);
        assert_int_equal(m.record.n_presamples, 64);
        assert_true(m.channel_index < 240);
        if (last[m.channel_index] != 0)
            assert_in_range(m.record.trigger_frame - last[m.channel_index], 1023, 1025);
        last[m.channel_index] = m.record.trigger_frame;
        at += 8 + header + payload;
        count++;
    }
    assert_int_equal(count, 20000);
    assert_int_equal(at, n);
    free(file.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(each_fault_has_its_name),
        cmocka_unit_test(any_bytes_end_in_an_answer),
        cmocka_unit_test(messages_of_a_real_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
