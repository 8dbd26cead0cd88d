/* Walking the records of LJH files: whole, cut, growing, torn, old, with odd clocks, and real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/pulse/ljh_sample.h"
#include "tests/shared_data.h"

static const unsigned torn_pieces[] = {
    PIECE_COUNT, PIECE_TIME, PIECE_SAMPLES, PIECE_COUNT | PIECE_TIME, PIECE_COUNT | PIECE_SAMPLES, PIECE_TIME | PIECE_SAMPLES,
};
enum { TORN_KINDS = sizeof torn_pieces / sizeof torn_pieces[0] };

/* A file with tears (never two in a row, which would be counted as one; the last record whole) and the records that a reader must find. */
struct torn_file {
    struct ljh_sample sample;
    size_t whole;
    size_t tears, first_tear;
    int64_t frames[400];
};

static struct torn_file random_torn_file(struct seeded *r, uint32_t records, uint32_t one_in) {
    const uint32_t divisions[] = { 1, 4, 33, 64, 240 };
    uint32_t d = divisions[seeded_below(r, 5)];
    struct ljh_header h = sample_header(8 + seeded_below(r, 120), d, seeded_below(r, d));
    struct torn_file f = { .sample = sample_new(h, 30 + seeded_below(r, seeded_below(r, 3) ? 65000 : 30)) };
    bool after_tear = records < 4;  /* then a torn first record can pass for whole */
    for (uint32_t i = 0; i < records; i++) {
        bool tear = one_in > 0 && !after_tear && i + 1 < records && seeded_below(r, one_in) == 0;
        unsigned pieces = tear ? torn_pieces[seeded_below(r, TORN_KINDS)] : PIECES_ALL;
        if (tear && f.tears++ == 0)
            f.first_tear = f.sample.n;
        sample_record(&f.sample, r, 1 + seeded_below(r, 5000), pieces);
        if (!tear)
            f.frames[f.whole++] = f.sample.frame;
        after_tear = tear;
    }
    return f;
}

static void expect(const struct torn_file *f, const struct ljh_walk *w) {
    assert_int_equal(w->n, f->whole);
    assert_int_equal(w->cursor.records, f->whole);
    assert_int_equal(w->cursor.torn, f->tears);
    assert_memory_equal(w->frames, f->frames, f->whole * sizeof f->frames[0]);
    if (f->tears > 0)
        assert_int_equal(w->cursor.first_torn_offset, f->first_tear);
    assert_int_equal(w->cursor.offset, f->sample.n);
}

static void finds_all_whole_records_of_a_torn_file(void **state) {
    (void)state;
    struct seeded r = seeded_start("finds_all_whole_records_of_a_torn_file");
    for (int i = 0; i < 400; i++) {
        struct torn_file f = random_torn_file(&r, 1 + seeded_below(&r, 60), seeded_below(&r, 8));
        static struct ljh_walk w;
        assert_true(walk_all(&w, f.sample.bytes, f.sample.n));
        expect(&f, &w);
        free(f.sample.bytes);
    }
}

/* One walk by single records, one by runs where there are any, over the same growing piece of the file. */
static void runs_are_what_single_records_are(void **state) {
    (void)state;
    struct seeded r = seeded_start("runs_are_what_single_records_are");
    size_t by_run = 0, all = 0;
    for (int i = 0; i < 400; i++) {
        struct torn_file f = random_torn_file(&r, 1 + seeded_below(&r, 200), seeded_below(&r, 3) ? 20 + seeded_below(&r, 100) : 0);
        static struct ljh_walk w, single;
        struct ljh_stamp stamps[7];
        struct pulse_record record;
        assert_true(walk_start(&w, f.sample.bytes, f.sample.n) && walk_start(&single, f.sample.bytes, f.sample.n));
        for (bool more = true; more;) {
            size_t known = w.cursor.offset + seeded_below(&r, 30) * w.cursor.header.record_bytes + seeded_below(&r, 40), most = 1 + seeded_below(&r, 7);
            bool complete = known >= f.sample.n;
            known = complete ? f.sample.n : known;
            const uint8_t *start = f.sample.bytes + w.cursor.offset;
            size_t n = ljh_cursor_run(&w.cursor, start, w.cursor.offset, known, stamps, most);
            assert_true(n <= most);
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(ljh_cursor_next(&single.cursor, f.sample.bytes, known, complete, 0, &record), LJH_RECORD);
                assert_ptr_equal(record.samples, start + k * w.cursor.header.record_bytes + 16);
                assert_true(record.trigger_time_ns == stamps[k].time_ns && record.trigger_frame == stamps[k].frame);
            }
            assert_memory_equal(&w.cursor, &single.cursor, sizeof w.cursor);
            by_run += n;
            all += n;
            if (n == 0) {
                enum ljh_step step = ljh_cursor_next(&w.cursor, f.sample.bytes, known, complete, 0, &record);
                assert_int_equal(ljh_cursor_next(&single.cursor, f.sample.bytes, known, complete, 0, &record), step);
                all += step == LJH_RECORD;
                more = step == LJH_RECORD || !complete;
            }
        }
        assert_int_equal(w.cursor.records, f.whole);
        assert_int_equal(w.cursor.torn, f.tears);
        free(f.sample.bytes);
    }
    print_message("%zu of %zu records by runs\n", by_run, all);
    assert_true(by_run > all / 2);
}

static void gives_exact_samples_and_times(void **state) {
    (void)state;
    struct seeded r = { .state = 1 };
    struct ljh_header h = sample_header(64, 64, 5);
    struct ljh_sample f = sample_new(h, 20000);
    sample_record(&f, &r, 10, PIECES_ALL);
    struct ljh_cursor c;
    ljh_cursor_init(&c, &f.header);
    struct pulse_record record;
    assert_int_equal(ljh_cursor_next(&c, f.bytes, f.n, true, 17, &record), LJH_RECORD);
    assert_ptr_equal(record.samples, f.bytes + f.header.header_bytes + 16);
    assert_int_equal(record.pixel, 17);
    assert_int_equal(record.n_samples, 64);
    assert_int_equal(record.n_presamples, 16);
    assert_int_equal(record.trigger_frame, 1010);
    assert_int_equal(record.trigger_time_ns, f.time_ns / 1000 * 1000);
    assert_int_equal(c.last_frame, 1010);
    assert_int_equal(ljh_cursor_next(&c, f.bytes, f.n, true, 17, &record), LJH_NEED_MORE);
    free(f.bytes);
}

static void floors_written_times(void **state) {
    (void)state;
    struct ljh_header h = sample_header(1, 1, 0);
    const sample_u16 sample = 7;
    uint8_t out[18];
    int64_t times_ns[] = { 1999, 2000, -1, -1000, -1001 }, want_us[] = { 1, 2, -1, -1, -2 }, got;
    for (size_t i = 0; i < 5; i++) {
        struct pulse_record p = { .samples = &sample, .n_samples = 1, .trigger_time_ns = times_ns[i] };
        ljh_record_format(&h, &p, out);
        memcpy(&got, out + 8, 8);
        assert_int_equal(got, want_us[i]);
    }
}

static void cut_anywhere_gives_a_prefix(void **state) {
    (void)state;
    struct seeded r = seeded_start("cut_anywhere_gives_a_prefix");
    static struct ljh_walk whole, cut;
    for (int i = 0; i < 12; i++) {
        struct torn_file f = random_torn_file(&r, 25, 4);
        assert_true(walk_all(&whole, f.sample.bytes, f.sample.n));
        for (size_t n = f.sample.header.header_bytes; n < f.sample.n; n++) {
            assert_true(walk_all(&cut, f.sample.bytes, n));
            assert_true(cut.n <= whole.n);
            assert_memory_equal(cut.frames, whole.frames, cut.n * sizeof cut.frames[0]);
            assert_true(cut.cursor.offset <= n);
        }
        free(f.sample.bytes);
    }
}

/* Hands out growing copies that end where the file ends so far, so that a read beyond is seen. */
static void grow(struct ljh_walk *w, const uint8_t *bytes, size_t n, struct seeded *r, uint32_t step) {
    for (size_t known = w->cursor.header.header_bytes; known < n; known += 1 + seeded_below(r, step)) {
        uint8_t *exact = malloc(known);
        memcpy(exact, bytes, known);
        walk_on(w, exact, known, false);
        free(exact);
    }
    walk_on(w, bytes, n, true);
}

static void growing_in_pieces_gives_the_same(void **state) {
    (void)state;
    struct seeded r = seeded_start("growing_in_pieces_gives_the_same");
    static struct ljh_walk whole, grown;
    for (int i = 0; i < 60; i++) {
        struct torn_file f = random_torn_file(&r, 30, 4);
        size_t n = f.sample.n - seeded_below(&r, 100);
        assert_true(walk_all(&whole, f.sample.bytes, n));
        assert_true(walk_start(&grown, f.sample.bytes, n));
        grow(&grown, f.sample.bytes, n, &r, 1 + seeded_below(&r, 300));
        assert_int_equal(grown.n, whole.n);
        assert_memory_equal(grown.frames, whole.frames, whole.n * sizeof whole.frames[0]);
        assert_int_equal(grown.cursor.offset, whole.cursor.offset);
        assert_int_equal(grown.cursor.torn, whole.cursor.torn);
        assert_int_equal(grown.cursor.torn_bytes, whole.cursor.torn_bytes);
        free(f.sample.bytes);
    }
}

static void counts_bare_headers_in_a_row(void **state) {
    (void)state;
    struct seeded r = { .state = 3 };
    struct ljh_sample f = sample_new(sample_header(50, 4, 0), 5000);
    const unsigned pieces[] = { 7, 7, 3, 3, 3, 7, 7, 3, 7 };
    for (size_t i = 0; i < 9; i++)
        sample_record(&f, &r, 100, pieces[i]);
    static struct ljh_walk w;
    assert_true(walk_all(&w, f.bytes, f.n));
    assert_int_equal(w.n, 5);
    assert_int_equal(w.cursor.torn, 4);
    assert_int_equal(w.cursor.torn_bytes, 4 * 16);
    free(f.bytes);
}

static void believes_a_clock_that_was_set(void **state) {
    (void)state;
    struct seeded r = { .state = 4 };
    const int64_t steps_s[] = { 30 * 86400, -30 * 86400, 86401, -5 };
    for (size_t k = 0; k < 4; k++) {
        struct ljh_sample f = sample_new(sample_header(50, 64, 3), 5000);
        for (int i = 0; i < 20; i++) {
            if (i == 10)
                f.time_ns += steps_s[k] * 1000000000;
            sample_record(&f, &r, 1000, PIECES_ALL);
        }
        static struct ljh_walk w;
        assert_true(walk_all(&w, f.bytes, f.n));
        assert_int_equal(w.n, 20);
        assert_int_equal(w.cursor.torn, 0);
        free(f.bytes);
    }
}

static void believes_a_pause_of_days(void **state) {
    (void)state;
    struct seeded r = { .state = 5 };
    struct ljh_sample f = sample_new(sample_header(50, 64, 3), 5000);
    for (int i = 0; i < 20; i++)
        sample_record(&f, &r, i == 19 ? INT64_C(90000000000) : 1000, PIECES_ALL);  /* 4 days before the last */
    static struct ljh_walk w;
    assert_true(walk_all(&w, f.bytes, f.n));
    assert_int_equal(w.n, 20);
    free(f.bytes);
}

static void believes_counters_of_another_phase(void **state) {
    (void)state;
    struct seeded r = { .state = 6 };
    struct ljh_sample f = sample_new(sample_header(50, 64, 3), 5000);
    f.header.subframe_offset = 11;  /* what the header does not say */
    for (int i = 0; i < 20; i++)
        sample_record(&f, &r, 1000, PIECES_ALL);
    static struct ljh_walk w;
    assert_true(walk_all(&w, f.bytes, f.n));
    assert_int_equal(w.n, 20);
    assert_int_equal(w.frames[19], 21000);
    free(f.bytes);
}

static void reads_out_of_order_neighbours(void **state) {
    (void)state;
    struct seeded r = { .state = 7 };
    struct ljh_sample f = sample_new(sample_header(50, 64, 3), 5000);
    for (int i = 0; i < 20; i++)
        sample_record(&f, &r, i % 2 ? -300 : 1000, PIECES_ALL);
    static struct ljh_walk w;
    assert_true(walk_all(&w, f.bytes, f.n));
    assert_int_equal(w.n, 20);
    assert_int_equal(w.cursor.torn, 0);
    free(f.bytes);
}

/* A crash may leave a file's last blocks zero; megabytes of anything must not take quadratic time. */
static void stops_at_junk_behind_the_records(void **state) {
    (void)state;
    struct seeded r = seeded_start("stops_at_junk_behind_the_records");
    for (int zero = 0; zero < 2; zero++) {
        struct ljh_sample f = sample_new(sample_header(1000, 64, 3), 5000);
        for (int i = 0; i < 10; i++)
            sample_record(&f, &r, 1000, PIECES_ALL);
        size_t good = f.n, junk_bytes = 4 << 20;
        uint64_t *junk = calloc(junk_bytes, 1);
        for (size_t i = 0; !zero && i < junk_bytes / 8; i++)
            junk[i] = seeded_next(&r);
        sample_put(&f, junk, junk_bytes);
        static struct ljh_walk w;
        assert_true(walk_all(&w, f.bytes, f.n));
        assert_int_equal(w.n, 10);
        assert_int_equal(w.cursor.torn, 0);
        assert_int_equal(w.cursor.offset, good);
        free(junk);
        free(f.bytes);
    }
}

/* Records behind a long stretch of junk are found again. */
static void finds_records_behind_junk(void **state) {
    (void)state;
    struct seeded r = { .state = 8 };
    struct ljh_sample f = sample_new(sample_header(50, 64, 3), 5000);
    uint8_t zeros[4096] = { 0 };
    for (int i = 0; i < 20; i++) {
        if (i == 10)
            sample_put(&f, zeros, sizeof zeros);
        sample_record(&f, &r, 1000, PIECES_ALL);
    }
    static struct ljh_walk w;
    assert_true(walk_all(&w, f.bytes, f.n));
    assert_int_equal(w.n, 20);
    assert_int_equal(w.cursor.torn, 1);
    assert_int_equal(w.cursor.torn_bytes, sizeof zeros);
    free(f.bytes);
}

/* ---- 2.0 and 2.1: no count, and good files must never be called torn ---- */

struct old_file {
    struct ljh_header header;
    uint8_t bytes[200 * (6 + 2 * 20)];
    size_t n;
};

static void old_record(struct old_file *f, uint8_t ticks, uint32_t ms, struct seeded *r) {
    uint8_t *p = f->bytes + f->n;
    p[0] = ticks;
    p[1] = 0;
    memcpy(p + 2, &ms, 4);
    for (size_t i = 6; i < f->header.record_bytes; i++)
        p[i] = (uint8_t)(i % 2 ? 0 : seeded_below(r, 256));  /* low baseline: every byte pair could be a 2.1 header's begin */
    f->n += f->header.record_bytes;
}

static struct old_file old_file(int version) {
    return (struct old_file){ .header = { .version = version, .n_samples = 20, .n_presamples = 5, .sample_period_s = 5.12e-6,
                                          .subframe_divisions = 16, .subframe_offset = 2, .timestamp_offset_s = 1439485224.407454,
                                          .record_bytes = 46 } };
}

static size_t walk_old(const struct old_file *f, struct ljh_walk *w, size_t n) {
    w->n = 0;
    ljh_cursor_init(&w->cursor, &f->header);
    walk_on(w, f->bytes, n, true);
    return w->n;
}

static void reads_times_of_old_records(void **state) {
    (void)state;
    struct seeded r = { .state = 9 };
    static struct ljh_walk w;
    for (int version = 20; version <= 21; version++) {
        struct old_file f = old_file(version);
        old_record(&f, 92, 10476435, &r);
        assert_int_equal(walk_old(&f, &w, f.n), 1);
        int64_t ticks_us = version == 21 ? 4 * 92 : 0;
        assert_int_equal(w.times_ns[0], INT64_C(1439485224407454000) + 1000 * (INT64_C(10476435000) + ticks_us));
        assert_int_equal(w.frames[0], 4 + (INT64_C(10476435000000) + 1000 * ticks_us - 1) / 5120);
    }
}

static void never_calls_good_old_files_torn(void **state) {
    (void)state;
    struct seeded r = seeded_start("never_calls_good_old_files_torn");
    static struct ljh_walk w;
    for (int i = 0; i < 100; i++) {
        struct old_file f = old_file(20 + i % 2);
        uint32_t ms = (uint32_t)seeded_next(&r);
        for (int k = 0; k < 100; k++) {
            ms += seeded_below(&r, 40) ? seeded_below(&r, 5000) : (uint32_t)seeded_next(&r);  /* now and then anything, wraps too */
            old_record(&f, (uint8_t)seeded_next(&r), ms, &r);
        }
        size_t n = f.n - seeded_below(&r, 50);
        assert_int_equal(walk_old(&f, &w, n), n / f.header.record_bytes);
        assert_int_equal(w.cursor.torn, 0);
    }
}

static void finds_a_sure_tear_in_an_old_file(void **state) {
    (void)state;
    struct seeded r = { .state = 10 };
    struct old_file f = old_file(21);
    static struct ljh_walk w;
    for (uint32_t k = 0; k < 20; k++) {
        old_record(&f, 5, 4000000000u + 100 * k, &r);
        if (k == 10)
            f.n -= 24;
    }
    assert_int_equal(walk_old(&f, &w, f.n), 19);
    assert_int_equal(w.cursor.torn, 1);
    assert_int_equal(w.cursor.torn_bytes, 22);
}

/* ---- real files ---- */

static void reads_the_torn_file_that_dastard_wrote(void **state) {
    (void)state;
    struct shared_file f = shared_read("dastard_simpulse/torn/torn_chan0.ljh");
    if (f.bytes == NULL)
        skip();
    static struct ljh_walk w;
    assert_true(walk_all(&w, f.bytes, f.n));
    assert_int_equal(w.n, 1034);
    assert_int_equal(w.cursor.torn, 2);
    assert_int_equal(w.cursor.torn_bytes, 32);
    assert_int_equal(w.cursor.first_torn_offset, w.cursor.header.header_bytes + 77256);
    assert_int_equal(f.n - w.cursor.offset, 24);
    for (size_t i = 1; i < w.n; i++)
        assert_true(w.frames[i] > w.frames[i - 1]);
    free(f.bytes);
}

static const struct real_file {
    const char *name;
    int version;
    size_t records;
    uint32_t n_samples, n_presamples, divisions;
    int32_t channel;
    size_t tail;
} real_files[] = {
    { "real/bessy_4219/20240727_run0001_chan4219.ljh", 22, 151, 500, 250, 64, 4219, 0 },
    { "real/bessy_4219/noise/20240727_run0000_chan4219.ljh", 22, 3352, 500, 250, 64, 4219, 0 },
    { "real/noise_20181018_c13/20181018_144325_chan13.noi", 22, 1361, 500, 128, 128, 13, 0 },
    { "real/noise_20230626_4102/20230626_run0000_chan4102.ljh", 22, 610, 1000, 250, 33, 4102, 0 },
    { "real/noise_20241005_c2/20241005_run0000_chan2.ljh", 22, 1024, 1500, 150, 64, 2, 0 },
    { "real/regress_c1/regress_chan1.ljh", 21, 300, 1024, 515, 16, 101, 0 },
    { "real/regress_c1/regress_noise_chan1.ljh", 21, 300, 1024, 515, 16, 101, 0 },
    { "real/regress_c1/regress_dastard_chan1.ljh", 21, 10, 1024, 515, 24, 1, 0 },
    { "dastard_simpulse/20261122/0000/20261122_run0000_chan17.ljh", 22, 246, 256, 64, 240, 17, 0 },
};

static void reads_real_files_whole(void **state) {
    (void)state;
    static struct ljh_walk w;
    for (size_t i = 0; i < sizeof real_files / sizeof real_files[0]; i++) {
        const struct real_file *real = &real_files[i];
        struct shared_file f = shared_read(real->name);
        if (f.bytes == NULL)
            skip();
        assert_true(walk_all(&w, f.bytes, f.n));
        assert_int_equal(w.cursor.header.version, real->version);
        assert_int_equal(w.n, real->records);
        assert_int_equal(w.cursor.torn, 0);
        assert_int_equal(w.cursor.header.n_samples, real->n_samples);
        assert_int_equal(w.cursor.header.n_presamples, real->n_presamples);
        assert_int_equal(w.cursor.header.subframe_divisions, real->divisions);
        assert_int_equal(w.cursor.header.channel, real->channel);
        assert_int_equal(f.n - w.cursor.offset, real->tail);
        free(f.bytes);
    }
}

/* Touching records of a continuous noise run are a record's length apart: the divisor is the number of rows (doc/methods.md, Records). */
static void divides_old_abaco_counts_by_the_rows(void **state) {
    (void)state;
    struct shared_file f = shared_read("real/noise_20230626_4102/20230626_run0000_chan4102.ljh");
    if (f.bytes == NULL)
        skip();
    static struct ljh_walk w;
    assert_true(walk_all(&w, f.bytes, f.n));
    size_t touching = 0;
    for (size_t i = 1; i < w.n; i++)
        touching += w.frames[i] - w.frames[i - 1] == 1000;
    assert_true(touching > w.n * 9 / 10);
    free(f.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_all_whole_records_of_a_torn_file),
        cmocka_unit_test(runs_are_what_single_records_are), cmocka_unit_test(gives_exact_samples_and_times),
        cmocka_unit_test(floors_written_times),
        cmocka_unit_test(cut_anywhere_gives_a_prefix),
        cmocka_unit_test(growing_in_pieces_gives_the_same),
        cmocka_unit_test(counts_bare_headers_in_a_row),
        cmocka_unit_test(believes_a_clock_that_was_set),
        cmocka_unit_test(believes_a_pause_of_days),
        cmocka_unit_test(believes_counters_of_another_phase),
        cmocka_unit_test(reads_out_of_order_neighbours),
        cmocka_unit_test(stops_at_junk_behind_the_records),
        cmocka_unit_test(finds_records_behind_junk),
        cmocka_unit_test(reads_times_of_old_records),
        cmocka_unit_test(never_calls_good_old_files_torn),
        cmocka_unit_test(finds_a_sure_tear_in_an_old_file),
        cmocka_unit_test(reads_the_torn_file_that_dastard_wrote),
        cmocka_unit_test(reads_real_files_whole),
        cmocka_unit_test(divides_old_abaco_counts_by_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
