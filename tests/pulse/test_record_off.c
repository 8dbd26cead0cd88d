/* The binary records; headers are in tests/daemon/test_off_header.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/record_off.h"
#include "tests/seeded.h"

static struct off_header header(int version, uint32_t n_bases, size_t header_bytes) {
    return (struct off_header){ .version = version, .n_bases = n_bases, .header_bytes = header_bytes,
                                .record_bytes = (version >= 30 ? 36 : 32) + 4 * n_bases };
}

static uint8_t *put(uint8_t *to, const void *from, size_t n) {
    memcpy(to, from, n);
    return to + n;
}

static void encode(const struct off_header *h, const struct off_record *r, uint8_t *to) {
    to = put(to, &r->n_samples, 4);
    to = put(to, &r->n_presamples, 4);
    to = put(to, &r->frame, 8);
    to = put(to, &r->time_ns, 8);
    to = put(to, &r->pretrigger_mean, 4);
    if (h->version == 30)
        to = put(to, &r->pretrigger_delta, 4);
    to = put(to, &r->residual_sd, 4);
    put(to, r->coefficients, 4 * h->n_bases);
}

static struct off_record random_record(struct seeded *r, uint32_t n_bases) {
    struct off_record record = { .n_samples = seeded_below(r, 2000), .n_presamples = seeded_below(r, 500), .frame = (int64_t)seeded_next(r),
                                 .time_ns = (int64_t)seeded_next(r), .pretrigger_mean = (float)seeded_below(r, 60000),
                                 .pretrigger_delta = (float)seeded_below(r, 99), .residual_sd = (float)seeded_below(r, 999) };
    for (uint32_t k = 0; k < n_bases; k++)
        record.coefficients[k] = (float)seeded_below(r, 100000) / 7;
    return record;
}

static void same_record(const struct off_header *h, const struct off_record *want, const struct off_record *got) {
    assert_int_equal(got->n_samples, want->n_samples);
    assert_int_equal(got->n_presamples, want->n_presamples);
    assert_int_equal(got->frame, want->frame);
    assert_int_equal(got->time_ns, want->time_ns);
    assert_true(got->pretrigger_mean == want->pretrigger_mean);
    assert_true(h->version == 30 ? got->pretrigger_delta == want->pretrigger_delta : isnan(got->pretrigger_delta));
    assert_true(got->residual_sd == want->residual_sd);
    assert_memory_equal(got->coefficients, want->coefficients, sizeof got->coefficients);
}

static void reads_back_records_anywhere(void **state) {
    (void)state;
    struct seeded r = seeded_start("reads_back_records_anywhere");
    const int versions[] = { 10, 20, 30 };
    for (int i = 0; i < 300; i++) {
        struct off_header h = header(versions[i % 3], 1 + seeded_below(&r, OFF_MAX_BASES), seeded_below(&r, 30));
        struct off_record want[5];
        size_t n = h.header_bytes + 5 * h.record_bytes;
        uint8_t *bytes = calloc(n, 1);
        for (size_t k = 0; k < 5; k++) {
            want[k] = random_record(&r, h.n_bases);
            encode(&h, &want[k], bytes + h.header_bytes + k * h.record_bytes);
        }
        for (size_t k = 0; k < 5; k++) {
            struct off_record got;
            off_record_decode(&h, bytes, k, &got);
            same_record(&h, &want[k], &got);
        }
        free(bytes);
    }
}

static void counts_whole_records_and_the_tail(void **state) {
    (void)state;
    struct off_header h = header(30, 5, 101);
    assert_int_equal(h.record_bytes, 56);
    const struct { size_t n; uint64_t count; size_t tail; } cases[] = {
        { 0, 0, 0 }, { 100, 0, 0 }, { 101, 0, 0 }, { 102, 0, 1 }, { 156, 0, 55 }, { 157, 1, 0 }, { 158, 1, 1 }, { 101 + 56 * 7 + 3, 7, 3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(off_record_count(&h, cases[i].n), cases[i].count);
        assert_int_equal(off_tail_bytes(&h, cases[i].n), cases[i].tail);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_records_anywhere),
        cmocka_unit_test(counts_whole_records_and_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
