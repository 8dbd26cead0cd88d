#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/record_block.h"
#include "daemon/row_block.h"
#include "tests/dice.h"

/* Records of any length come back as they went in, until one of the two kinds of room is used up; what is refused changes nothing. */
static void what_goes_in_comes_out(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct record_block *b;
    assert_true(record_block_new(50, 4000, &b));
    static uint16_t sent[60][1 << 10];
    for (int turn = 0; turn < 30; turn++) {
        record_block_clear(b);
        size_t n = 0;
        struct block_record rows[60];
        for (; n < 60; n++) {
            rows[n] = (struct block_record){ .time_ns = dice_below(&d, 1000000), .frame = (int64_t)n, .n_samples = (uint32_t)dice_below(&d, turn < 10 ? 100 : 400),
                                             .pixel = (uint16_t)n, .channel_index = 7, .flags = BLOCK_SIGNED };
            for (uint32_t i = 0; i < rows[n].n_samples; i++)
                sent[n][i] = (uint16_t)dice_next(&d);
            size_t before = b->n_samples;
            if (!record_block_add(b, &rows[n], sent[n])) {
                assert_int_equal(b->n, n);
                assert_int_equal(b->n_samples, before);
                break;
            }
        }
        assert_int_equal(b->n, n);
        for (size_t i = 0; i < n; i++) {
            struct channel_record r = record_block_at(b, i);
            assert_int_equal(r.samples.n_samples, rows[i].n_samples);
            assert_int_equal(r.frame, rows[i].frame);
            assert_int_equal(r.samples.trigger_time_ns, rows[i].time_ns);
            assert_int_equal((uintptr_t)r.samples.samples % 64, 0);
            assert_memory_equal(r.samples.samples, sent[i], 2 * rows[i].n_samples);
            assert_ptr_equal(r.samples.next, b->rows[i + 1 < n ? i + 1 : i].samples);
        }
    }
    record_block_free(b);
}

/* Coefficients stand between records of samples, and are copied as such. */
static void coefficients_too(void **state) {
    (void)state;
    struct record_block *b = NULL, *other = NULL;
    const uint16_t samples[10] = { 1, 2, 3 };
    const struct off_record off = { .n_samples = 1024, .n_presamples = 256, .frame = 5, .time_ns = 7000, .pretrigger_mean = 3, .coefficients = { 1, 2, 300 } };
    const struct block_record row = { .time_ns = 7000, .frame = 5, .n_samples = 1024, .n_presamples = 256, .flags = BLOCK_FROM_FILE | BLOCK_GAP_BEFORE };
    assert_true(record_block_new(4, 32 + sizeof off / 2, &b));
    assert_true(record_block_new(4, 200, &other));
    assert_true(record_block_add(b, &(struct block_record){ .n_samples = 10 }, samples));
    assert_true(record_block_add_off(b, &row, &off));
    assert_false(record_block_add_off(b, &row, &off));   /* no room for another */
    assert_int_equal(b->n, 2);
    assert_true(record_block_copy(other, b, 1));
    struct channel_record r = record_block_at(other, 0);
    assert_true(r.coefficients && r.gap_before && r.frame == 5 && r.time_ns == 7000 && other->rows[0].n_samples == 1024);
    assert_memory_equal(&r.off, &off, offsetof(struct off_record, coefficients) + sizeof off.coefficients);
    r = record_block_at(b, 0);
    assert_true(!r.coefficients && r.samples.n_samples == 10);
    assert_memory_equal(r.samples.samples, samples, sizeof samples);
    assert_ptr_equal(r.samples.next, b->rows[0].samples);   /* the next has none */
    record_block_free(b);
    record_block_free(other);
}

static void one_record_of_the_full_length_fits(void **state) {
    (void)state;
    uint16_t samples[100] = { 3 };
    struct record_block *b;
    assert_true(record_block_new(1, 100, &b));
    assert_true(record_block_add(b, &(struct block_record){ .n_samples = 100 }, samples));
    assert_false(record_block_add(b, &(struct block_record){ .n_samples = 0 }, samples));
    record_block_clear(b);
    assert_false(record_block_add(b, &(struct block_record){ .n_samples = 200 }, samples));
    record_block_free(b);
}

static void rows_carry_their_inner_events(void **state) {
    (void)state;
    struct row_block *from = NULL, *to = NULL;
    if (!row_block_new(4, &from) || !row_block_new(1, &to)) {
        row_block_free(from);
        fail();
        return;
    }
    from->n = from->photons->n = 3;
    for (size_t i = 0; i < 3; i++)
        from->photons->time_ns[i] = from->pulses[i].time_ns = (int64_t)i * 10;
    from->flags[2] = ROW_GAP_BEFORE;
    from->seconds[0] = (struct inner_event){ 1, 12 };
    from->seconds[1] = (struct inner_event){ 2, 23 };
    from->seconds[2] = (struct inner_event){ 2, 24 };
    from->n_seconds = 3;
    assert_true(row_block_copy(to, from, 2));
    assert_int_equal(to->n, 1);
    assert_int_equal(to->photons->n, 1);
    assert_int_equal(to->photons->time_ns[0], 20);
    assert_int_equal(to->flags[0], ROW_GAP_BEFORE);
    assert_int_equal(to->n_seconds, 2);
    assert_int_equal(to->seconds[1].time_ns, 24);
    assert_int_equal(to->seconds[1].row, 0);
    assert_false(row_block_copy(to, from, 0));
    row_block_free(from);
    row_block_free(to);
}

/* Lent samples stay where they are, odd addresses and all; a copy of such a row has its own. */
static void lent_records_are_borrowed(void **state) {
    (void)state;
    uint8_t bytes[2 * 40 + 1];
    struct record_block *lent, *kept;
    assert_true(record_block_new(2, 0, &lent));
    assert_true(record_block_new(2, 64, &kept));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(3 * i);
    const struct block_record row = { .n_samples = 40, .frame = 7 };
    assert_true(record_block_lend(lent, &row, bytes + 1));
    assert_ptr_equal(record_block_at(lent, 0).samples.samples, bytes + 1);
    assert_false(record_block_add(lent, &row, bytes));
    assert_true(record_block_lend(lent, &row, bytes + 1));
    assert_false(record_block_lend(lent, &row, bytes));
    assert_true(record_block_copy(kept, lent, 1));
    memset(bytes + 1, 0, 2 * 40);
    const struct channel_record r = record_block_at(kept, 0);
    assert_int_equal(r.frame, 7);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(r.samples.samples[i], (uint8_t)(3 * (2 * i + 1)) | (uint8_t)(3 * (2 * i + 2)) << 8);
    record_block_free(lent);
    record_block_free(kept);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_goes_in_comes_out), cmocka_unit_test(lent_records_are_borrowed), cmocka_unit_test(one_record_of_the_full_length_fits), cmocka_unit_test(coefficients_too), cmocka_unit_test(rows_carry_their_inner_events) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
