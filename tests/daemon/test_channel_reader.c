#include "tests/daemon/made_channel.h"
#include "tests/dice.h"

static void expect_records(struct channel_reader *r, const struct truth *t, size_t n) {
    struct channel_record record;
    assert_true(channel_reader_sort(r));
    assert_true(channel_reader_most(r) >= n);
    for (size_t i = 0; i < n; i++) {
        assert_true(channel_reader_next(r, &record));
        assert_int_equal(record.frame, t[i].frame);
        assert_int_equal(record.time_ns, t[i].time_ns);
        assert_int_equal(record.samples.samples[0], t[i].first);
    }
    assert_false(channel_reader_next(r, &record));
    assert_int_equal(channel_reader_counts(r).records, n);
}

static void order_of_files_and_cuts_do_not_matter(void **state) {
    (void)state;
    struct truth t[RECORDS];
    make_epoch(t, RECORDS, INT64_C(1700000000000000000), 1);
    const size_t cuts[][3] = { { 100, 200, 300 }, { 1, 2, 399 }, { 133, 134, 250 } };
    const size_t orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 } };
    for (size_t c = 0; c < 3; c++) {
        struct folder f;
        folder_new(&f);
        size_t from = 0;
        for (size_t k = 0; k < 4; k++) {
            char name[32];
            size_t to = k < 3 ? cuts[c][k] : RECORDS;
            snprintf(name, sizeof name, "%c_chan7.ljh", (int)('d' - k));
            write_file(&f, name, t + from, to - from, k == 3 ? 5 : 0);
            from = to;
        }
        for (size_t o = 0; o < 3; o++) {
            struct run_input input;
            struct channel_reader *r = read_in_order(&f, orders[o], &input);
            expect_records(r, t, RECORDS);
            assert_int_equal(channel_reader_counts(r).tail_bytes, 5);
            assert_int_equal(channel_reader_counts(r).disagreements, 0);
            assert_int_equal(channel_reader_counts(r).restarts, 0);
            channel_reader_close(r);
            run_input_done(&input);
        }
        folder_done(&f);
    }
}

static void a_copy_counts_once(void **state) {
    (void)state;
    struct truth t[RECORDS];
    struct folder f;
    struct run_input input;
    make_epoch(t, RECORDS, INT64_C(1700000000000000000), 2);
    folder_new(&f);
    write_file(&f, "a_chan7.ljh", t, 300, 0);
    write_file(&f, "b_chan7.ljh", t + 200, RECORDS - 200, 0);
    struct channel_reader *r = read_in_order(&f, NULL, &input);
    expect_records(r, t, RECORDS);
    assert_int_equal(channel_reader_counts(r).duplicates, 100);
    channel_reader_close(r);
    run_input_done(&input);
    folder_done(&f);
}

static void a_restart_begins_an_epoch_and_disorder_is_sorted(void **state) {
    (void)state;
    struct truth t[2 * RECORDS], swapped[2 * RECORDS];
    struct folder f;
    struct run_input input;
    make_epoch(t, RECORDS, INT64_C(1700000000000000000), 3);
    make_epoch(t + RECORDS, RECORDS, INT64_C(1700000100000000000), 4);
    swap_some(t, 2 * RECORDS, RECORDS, swapped);
    folder_new(&f);
    write_file(&f, "a_chan7.ljh", swapped, 2 * RECORDS, 0);
    struct channel_reader *r = read_in_order(&f, NULL, &input);
    expect_records(r, t, 2 * RECORDS);
    assert_int_equal(channel_reader_counts(r).restarts, 1);
    channel_reader_close(r);
    run_input_done(&input);
    folder_done(&f);
}

static void a_stamp_that_disagrees_is_counted_not_corrected(void **state) {
    (void)state;
    struct truth t[RECORDS];
    struct folder f;
    struct run_input input;
    make_epoch(t, RECORDS, INT64_C(1700000000000000000), 5);
    t[50].time_ns += 5000000;
    t[90].time_ns -= 3000000;
    folder_new(&f);
    write_file(&f, "a_chan7.ljh", t, RECORDS, 0);
    struct channel_reader *r = read_in_order(&f, NULL, &input);
    expect_records(r, t, RECORDS);
    assert_int_equal(channel_reader_counts(r).disagreements, 4);   /* each is off against both neighbours */
    channel_reader_close(r);
    run_input_done(&input);
    folder_done(&f);
}

static void folders_and_refusals(void **state) {
    (void)state;
    struct truth t[RECORDS];
    struct folder f;
    struct run_input input;
    make_epoch(t, RECORDS, INT64_C(1700000000000000000), 6);
    folder_new(&f);
    write_file(&f, "a_chan7.ljh", t, RECORDS, 0);
    assert_true(asprintf(&f.args[1], "%s/a_chan9.ljh", f.path) > 0);
    f.n = 2;
    FILE *empty = fopen(f.args[1], "wb");
    fclose(empty);
    char *twice[] = { f.path, f.args[0], "/nowhere/a_chan1.ljh" };
    assert_true(run_input_collect(twice, 3, false, NULL, &input));
    assert_int_equal(input.n_channels, 1);
    assert_int_equal(input.channels[0].channel, 7);
    assert_int_equal(input.channels[0].n_files, 1);
    assert_int_equal(input.n_folders, 1);
    assert_int_equal(input.refused, 2);   /* the empty file and the missing one */
    assert_int_equal(input.first_ns, t[0].time_ns);
    assert_int_equal(input.last_ns, t[RECORDS - 1].time_ns);
    struct run_input without;
    assert_true(run_input_collect(twice, 1, false, &input, &without));   /* noise never counts as pulses */
    assert_int_equal(without.n_channels, 0);
    run_input_done(&without);
    run_input_done(&input);
    folder_done(&f);
}

/* The next n records of one walk by runs and of another one by one. */
static void expect_run(const struct channel_run *run, struct channel_reader *one) {
    struct channel_record want;
    for (size_t i = 0; i < run->n; i++) {
        assert_true(channel_reader_next(one, &want));
        const struct channel_place place = channel_reader_place(one);
        const sample_u16 *samples = (const sample_u16 *)((const uint8_t *)run->record.samples.samples + i * run->record_bytes);
        assert_int_equal(run->stamps[i].time_ns, want.time_ns);
        assert_int_equal(run->stamps[i].frame, want.frame);
        assert_int_equal(run->gap_before[i], want.gap_before);
        assert_int_equal(run->place.where + i * run->record_bytes, place.where);
        assert_int_equal(run->place.file, place.file);
        assert_int_equal(samples[0], want.samples.samples[0]);
        assert_int_equal(run->record.samples.n_samples, want.samples.n_samples);
    }
    if (run->n > 0)
        assert_int_equal(run->record.gap_before, run->gap_before[0]);
}

static void walk_both(struct dice *d, struct channel_reader *many, struct channel_reader *one, size_t records) {
    struct channel_run run;
    struct channel_record got, want;
    size_t n = 0, in_runs = 0;
    for (bool more = true; more;) {
        channel_reader_run(many, 1 + (size_t)dice_below(d, 100), &run);
        expect_run(&run, one);
        n += run.n;
        in_runs += run.n;
        if (run.n > 0 && dice_below(d, 3) > 0)
            continue;
        more = channel_reader_next(many, &got);
        assert_int_equal(more, channel_reader_next(one, &want));
        if (more) {
            assert_int_equal(got.frame, want.frame);
            assert_int_equal(got.gap_before, want.gap_before);
            assert_int_equal(channel_reader_place(many).where, channel_reader_place(one).where);
            n++;
        }
    }
    assert_true(n == records && in_runs > n / 2);
    const struct channel_counts a = channel_reader_counts(many), b = channel_reader_counts(one);
    assert_true(a.records == b.records && a.restarts == b.restarts && a.disagreements == b.disagreements && a.torn == b.torn);
    assert_int_equal(channel_reader_ordered(many), channel_reader_ordered(one));
}

/* Two epochs in two files, in order or not. */
static void runs_are_their_records(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct truth t[2 * RECORDS], swapped[2 * RECORDS];
    make_epoch(t, RECORDS, INT64_C(1700000000000000000), 7);
    make_epoch(t + RECORDS, RECORDS, INT64_C(1700000100000000000), 8);
    t[50].time_ns += 5000000;
    swap_some(t, 2 * RECORDS, RECORDS, swapped);
    for (int k = 0; k < 20; k++) {
        const struct truth *of = k % 2 ? t : swapped;
        struct folder f;
        struct run_input input, again;
        folder_new(&f);
        write_file(&f, "a_chan7.ljh", of, 700, 3);
        write_file(&f, "b_chan7.ljh", of + 700, 2 * RECORDS - 700, 0);
        struct channel_reader *many = read_in_order(&f, NULL, &input), *one = read_in_order(&f, NULL, &again);
        walk_both(&d, many, one, 2 * RECORDS);
        channel_reader_close(many);
        channel_reader_close(one);
        run_input_done(&input);
        run_input_done(&again);
        folder_done(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_files_and_cuts_do_not_matter),
        cmocka_unit_test(a_copy_counts_once),
        cmocka_unit_test(a_restart_begins_an_epoch_and_disorder_is_sorted),
        cmocka_unit_test(a_stamp_that_disagrees_is_counted_not_corrected),
        cmocka_unit_test(folders_and_refusals),
        cmocka_unit_test(runs_are_their_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
