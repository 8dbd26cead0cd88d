#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/source/channel_reader.h"
#include "pulse/record_ljh.h"

enum { SAMPLES = 8, RECORDS = 400, FILES_MAX = 4 };

struct truth { int64_t frame, time_ns; uint16_t first; };

struct folder {
    char path[64];
    char *args[FILES_MAX];
    size_t n;
};

static struct ljh_header header(void) {
    return (struct ljh_header){ .version = 22, .version_text = "2.2.1", .n_samples = SAMPLES, .n_presamples = 2, .sample_period_s = 1e-5,
                                .channel = 7, .channel_index = 3, .channel_name = "chan7", .subframe_divisions = 4, .dastard = true,
                                .software = "DASTARD version 0.3.10" };
}

static void folder_new(struct folder *f) {
    *f = (struct folder){ .path = "/tmp/tesd_reader_XXXXXX" };
    assert_non_null(mkdtemp(f->path));
}

static void folder_done(struct folder *f) {
    for (size_t i = 0; i < f->n; i++) {
        unlink(f->args[i]);
        free(f->args[i]);
    }
    rmdir(f->path);
}

static void write_file(struct folder *f, const char *name, const struct truth *t, size_t n, size_t tail) {
    struct ljh_header h = header();
    size_t head = ljh_header_format(&h, NULL, 0);
    uint8_t *text = malloc(head), one[16 + 2 * SAMPLES];
    assert_true(asprintf(&f->args[f->n], "%s/%s", f->path, name) > 0);
    FILE *file = fopen(f->args[f->n++], "wb");
    assert_non_null(file);
    ljh_header_format(&h, text, head);
    fwrite(text, 1, head, file);
    for (size_t i = 0; i < n; i++) {
        uint16_t samples[SAMPLES] = { t[i].first, 1, 2, 3, 4, 5, 6, 7 };
        struct pulse_record r = { .samples = samples, .n_samples = SAMPLES, .n_presamples = 2, .trigger_time_ns = t[i].time_ns, .trigger_frame = t[i].frame };
        ljh_record_format(&h, &r, one);
        fwrite(one, 1, sizeof one, file);
    }
    fwrite("half a record", 1, tail, file);
    fclose(file);
    free(text);
}

/* Records of one epoch, 10 ms apart on the frame counter, stamps jittered by up to 60 us. */
static void make_epoch(struct truth *t, size_t n, int64_t start_ns, unsigned seed) {
    srand(seed);
    for (size_t i = 0; i < n; i++) {
        t[i].frame = 1000 + (int64_t)i * 1000;
        t[i].time_ns = start_ns + (int64_t)i * 10000000 + rand() % 60 * 1000;
        t[i].first = (uint16_t)i;
    }
}

static struct channel_reader *read_in_order(const struct folder *f, const size_t *order, struct run_input *input) {
    char *args[FILES_MAX];
    struct channel_reader *r;
    for (size_t i = 0; i < f->n; i++)
        args[i] = f->args[order ? order[i] : i];
    assert_true(run_input_collect(args, f->n, false, NULL, input));
    assert_int_equal(input->n_channels, 1);
    assert_int_equal(input->refused, 0);
    assert_true(channel_reader_open(&input->channels[0], 0, &r));
    return r;
}

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
    memcpy(swapped, t, sizeof t);
    for (size_t i = 0; i + 1 < 2 * RECORDS; i += 7)   /* neighbours the wrong way round, as primaries and secondaries come */
        if (i + 1 != RECORDS) {
            struct truth k = swapped[i];
            swapped[i] = swapped[i + 1];
            swapped[i + 1] = k;
        }
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_files_and_cuts_do_not_matter),
        cmocka_unit_test(a_copy_counts_once),
        cmocka_unit_test(a_restart_begins_an_epoch_and_disorder_is_sorted),
        cmocka_unit_test(a_stamp_that_disagrees_is_counted_not_corrected),
        cmocka_unit_test(folders_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
