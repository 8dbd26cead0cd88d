/* All records of a channel become rows in their true order, whether pulses are kept or not. */
#include <math.h>

#include "daemon/measured_channel.h"
#include "pulse/cut.h"
#include "tests/daemon/made_channel.h"

static void expect_rows(const struct truth *t, size_t n, const struct measured_channel *m, const struct photon_block *b) {
    assert_int_equal(m->n, n);
    assert_int_equal(b->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(b->time_ns[i], t[i].time_ns);
        assert_int_equal(b->frame[i], t[i].frame);
        assert_int_equal(b->pixel[i], 5);
        assert_int_equal(b->cuts[i], CUT_BIT(CUT_NO_MODEL) | CUT_BIT(CUT_NO_CURVE));
        assert_int_equal(m->gap_before[i], i == RECORDS);
        assert_true(isnan(m->residual[i]));
    }
}

static void read_and_expect(const struct folder *f, const struct truth *t, size_t n, bool causal) {
    struct run_input input;
    struct channel_reader *r = read_in_order(f, NULL, &input);
    const size_t most = channel_reader_most(r) + 1;
    void *memory = malloc(measured_channel_bytes(most, causal));
    struct photon_block *block;
    assert_non_null(memory);
    assert_int_equal(photon_block_new(most, &block), STATUS_OK);
    const struct analyse_settings settings = { .pixel = 5, .causal = causal };
    struct measured_channel m = measured_channel_in(memory, most, causal);
    assert_true(measured_channel_read(&m, &settings, r, block));
    expect_rows(t, n, &m, block);
    for (size_t i = 0; i < n && !causal; i += 37) {   /* places lead back to their records */
        struct channel_record record;
        assert_true(channel_reader_again(r, m.places[i], &record));
        assert_int_equal(record.samples.samples[0], t[i].first);
        m.pulses[i].residual = 3;
    }
    measured_channel_residuals(&m);
    assert_true(isnan(m.residual[37]) == causal);
    photon_block_free(block);
    free(memory);
    channel_reader_close(r);
    run_input_done(&input);
}

static void rows_come_in_their_true_order(void **state) {
    (void)state;
    struct truth t[2 * RECORDS], swapped[2 * RECORDS];
    make_epoch(t, RECORDS, INT64_C(1700000000000000000), 3);
    make_epoch(t + RECORDS, RECORDS, INT64_C(1700000100000000000), 4);
    swap_some(t, 2 * RECORDS, RECORDS, swapped);
    for (int k = 0; k < 4; k++) {
        struct folder f;
        folder_new(&f);
        write_file(&f, "a_chan7.ljh", k % 2 ? t : swapped, 2 * RECORDS, 0);
        read_and_expect(&f, t, 2 * RECORDS, k < 2);
        folder_done(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows_come_in_their_true_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
