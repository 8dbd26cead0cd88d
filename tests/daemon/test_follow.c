/* Following a folder gives what reading its files at the end gives, however the writer cut what it wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/source/follow.h"
#include "pulse/record_ljh.h"
#include "tests/dice.h"

enum { SAMPLES = 40, RECORDS_MAX = 300, CHANNELS_MAX = 12, PATH = 256 };

struct content { uint8_t *bytes; size_t n, written; uint32_t records, torn; };

struct got { uint32_t records, wrong; int64_t last_frame; };
struct taken {
    struct got of[CHANNELS_MAX];
    uint32_t refuse_every, offered;    /* a consumer without room, now and then; 0: never */
};

static int64_t frame_of(uint32_t i) { return 1000 + 500 * (int64_t)i; }
static uint16_t sample_of(uint32_t channel, uint32_t i, uint32_t k) { return (uint16_t)(30000 + channel * 1000 + (i * 7 + k * 13) % 900); }

/* A file of n records; about one in `torn_in` (0: none) loses its samples, or time and samples. Whole records around a tear are what
 * the decoder finds in the whole file; frames tell them apart. */
static struct content make_content(struct dice *d, uint32_t channel, uint32_t n, int torn_in) {
    struct ljh_header h = { .version = 22, .n_samples = SAMPLES, .n_presamples = 10, .sample_period_s = 1e-5, .channel = (int32_t)(1 + 2 * channel),
                            .channel_index = (int32_t)channel, .subframe_divisions = 8, .subframe_offset = channel % 8, .dastard = true, .software = "DASTARD test",
                            .timestamp_offset_s = 1.79e9 };
    snprintf(h.channel_name, sizeof h.channel_name, "chan%d", h.channel);
    size_t head = ljh_header_format(&h, NULL, 0), record = 16 + 2 * SAMPLES;
    struct content c = { .bytes = malloc(head + n * record) };
    assert_non_null(c.bytes);
    c.n = ljh_header_format(&h, c.bytes, head);
    for (uint32_t i = 0; i < n; i++) {
        uint16_t samples[SAMPLES];
        for (uint32_t k = 0; k < SAMPLES; k++)
            samples[k] = sample_of(channel, i, k);
        struct pulse_record r = { .samples = samples, .n_samples = SAMPLES, .n_presamples = 10, .sample_period_s = 1e-5f, .trigger_frame = frame_of(i),
                                  .trigger_time_ns = INT64_C(1790000100000000000) + frame_of(i) * 10000 };
        ljh_record_format(&h, &r, c.bytes + c.n);
        bool torn = torn_in > 0 && i > 0 && dice_below(d, torn_in) == 0;
        c.n += torn ? (dice_below(d, 2) ? 16 : 8) : record;
        c.records++;
        c.torn += torn;
    }
    return c;
}

/* What the decoder makes of the whole file: the reference. */
static uint32_t whole_records(const struct content *c, uint32_t *torn) {
    struct ljh_header h;
    struct complaint why;
    struct ljh_cursor cursor;
    struct pulse_record r;
    assert_int_equal(ljh_header_parse(c->bytes, c->n, &h, &why), STATUS_OK);
    ljh_cursor_init(&cursor, &h);
    while (ljh_cursor_next(&cursor, c->bytes, c->n, true, 0, &r) == LJH_RECORD)
        continue;
    *torn = (uint32_t)cursor.torn;
    return (uint32_t)cursor.records;
}

static void append(const char *folder, uint32_t channel, struct content *c, size_t n) {
    char path[PATH];
    n = n < c->n - c->written ? n : c->n - c->written;
    snprintf(path, sizeof path, "%s/20261122_run0000_chan%u.ljh", folder, 1 + 2 * channel);
    FILE *f = fopen(path, c->written == 0 ? "wb" : "ab");
    assert_non_null(f);
    assert_int_equal(fwrite(c->bytes + c->written, 1, n, f), n);
    fclose(f);
    c->written += n;
}

static bool take(void *context, const struct followed_record *r) {
    struct taken *t = context;
    if (t->refuse_every > 0 && ++t->offered % t->refuse_every == 0)
        return false;
    assert_true(r->channel >= 1 && r->channel % 2 == 1 && r->channel < 2 * CHANNELS_MAX);
    uint32_t channel = (uint32_t)(r->channel - 1) / 2, i = (uint32_t)((r->record.frame - 1000) / 500);
    struct got *g = &t->of[channel];
    assert_int_equal(r->channel_index, channel);
    assert_int_equal(r->shape->n_samples, SAMPLES);
    for (uint32_t k = 0; k < SAMPLES; k++)
        g->wrong += r->record.samples.samples[k] != sample_of(channel, i, k);
    g->wrong += g->records > 0 && r->record.frame <= g->last_frame;
    g->wrong += r->record.time_ns != INT64_C(1790000100000000000) + r->record.frame * 10000;
    g->last_frame = r->record.frame;
    g->records++;
    return true;
}

static struct follow *follow_new_or_skip(struct follow_settings s) {
    struct follow *f;
    if (!follow_new(&s, &f)) {
        assert_int_equal(s.means, READ_URING);
        print_message("io_uring is not allowed on this machine\n");
        skip();
    }
    return f;
}

static void remove_folder(const char *folder) {
    char command[PATH + 16];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* Steps until nothing comes, without letting time pass; then lets `ns` pass. */
static enum follow_state settle(struct follow *f, struct taken *t, int64_t *now_ns, int64_t ns) {
    enum follow_state s;
    int idle = 0;
    *now_ns += ns;
    do {
        s = follow_step(f, *now_ns, take, t);
        idle = s == FOLLOW_WAITING ? idle + 1 : 0;
        if (s == FOLLOW_WAITING)
            follow_wait(f, 1);
    } while (s == FOLLOW_READING || s == FOLLOW_BLOCKED || (s == FOLLOW_WAITING && idle < 3));
    return s;
}

static void check_grown(struct follow_settings s, int torn_in, uint32_t refuse_every) {
    struct dice d = dice_new();
    char folder[] = "/tmp/tesd_follow_XXXXXX";
    struct content c[CHANNELS_MAX];
    static struct taken t;
    int64_t now_ns = 1000;
    t = (struct taken){ .refuse_every = refuse_every };
    struct follow *f = follow_new_or_skip(s);
    assert_non_null(mkdtemp(folder));
    assert_true(follow_folder(f, folder));
    rmdir(folder);   /* it may appear later */
    follow_step(f, now_ns, take, &t);
    mkdir(folder, 0777);
    size_t left = 0;
    for (uint32_t i = 0; i < CHANNELS_MAX; i++) {
        c[i] = make_content(&d, i, 1 + (uint32_t)dice_below(&d, RECORDS_MAX), torn_in);
        left += c[i].n;
    }
    char run[PATH];
    snprintf(run, sizeof run, "%s/20261122", folder);
    mkdir(run, 0777);
    snprintf(run, sizeof run, "%s/20261122/0000", folder);
    mkdir(run, 0777);
    for (uint32_t step = 0; left > 0; step++) {
        uint32_t i = (uint32_t)dice_below(&d, CHANNELS_MAX);
        size_t before = c[i].written, n = (size_t)(dice_below(&d, 3) ? dice_below(&d, 9000) : dice_below(&d, 30)) + 1;
        if (before == c[i].n)
            continue;
        append(run, i, &c[i], n);
        left -= c[i].written - before;
        if (step % 5 == 0)
            settle(f, &t, &now_ns, 40000000);
    }
    follow_end(f);
    assert_int_equal(settle(f, &t, &now_ns, 1000000000), FOLLOW_ENDED);
    uint64_t records = 0, torn = 0;
    for (uint32_t i = 0; i < CHANNELS_MAX; i++) {
        uint32_t tears, whole = whole_records(&c[i], &tears);
        assert_int_equal(t.of[i].records, whole);
        assert_int_equal(t.of[i].wrong, 0);
        records += whole;
        torn += tears;
        free(c[i].bytes);
    }
    struct follow_counts n = follow_count(f);
    assert_int_equal(n.records, records);
    assert_int_equal(n.torn, torn);
    assert_int_equal(n.files, CHANNELS_MAX);
    assert_int_equal(n.refused + n.read_errors + n.shrunk, 0);
    assert_int_equal(follow_is_uring(f), s.means != READ_PLAIN);
    follow_free(f);
    remove_folder(folder);
}

static const struct follow_settings told = { .notice = NOTICE_INOTIFY, .means = READ_PLAIN, .depth = 5, .poll_s = 0.05, .rest_s = 3 };

static void test_pieces_plain(void **state) { (void)state; check_grown(told, 0, 0); }
static void test_pieces_torn(void **state) { (void)state; check_grown(told, 9, 0); }
static void test_pieces_blocked(void **state) { (void)state; check_grown(told, 20, 7); }

static void test_pieces_uring(void **state) {
    (void)state;
    struct follow_settings s = told;
    s.means = READ_URING;
    check_grown(s, 9, 5);
}

static void test_pieces_polled(void **state) {
    (void)state;
    struct follow_settings s = told;
    s.notice = NOTICE_POLL;
    check_grown(s, 9, 0);
}

static struct got *one_channel(struct taken *t) { return &t->of[0]; }

/* The last record of a file has no successor: it comes when the file has rested, or at the end. */
static void test_rest(void **state) {
    (void)state;
    struct dice d = dice_new();
    char folder[] = "/tmp/tesd_follow_XXXXXX";
    struct content c = make_content(&d, 0, 10, 0);
    static struct taken t;
    int64_t now_ns = 0;
    t = (struct taken){ 0 };
    struct follow *f = follow_new_or_skip(told);
    assert_non_null(mkdtemp(folder));
    size_t half = (16 + 2 * SAMPLES) / 2;
    append(folder, 0, &c, c.n - half);
    assert_true(follow_folder(f, folder));
    settle(f, &t, &now_ns, 0);
    assert_int_equal(one_channel(&t)->records, 9);   /* half of the 10th is there, so the 9th is whole */
    settle(f, &t, &now_ns, 4000000000);
    assert_int_equal(one_channel(&t)->records, 9);   /* half a record rests, and is none */
    append(folder, 0, &c, half);
    settle(f, &t, &now_ns, 100000000);
    assert_int_equal(one_channel(&t)->records, 9);
    settle(f, &t, &now_ns, 4000000000);
    assert_int_equal(one_channel(&t)->records, 10);
    assert_int_equal(one_channel(&t)->wrong, 0);
    follow_free(f);
    free(c.bytes);
    remove_folder(folder);
}

static void make_run(const char *base, uint32_t number, struct content *c, char run[PATH]) {
    snprintf(run, PATH, "%s/20261122", base);
    mkdir(run, 0777);
    snprintf(run, PATH, "%s/20261122/%04u", base, number);
    mkdir(run, 0777);
    append(run, 0, c, c->n - 100);
}

/* Of a base folder the newest run is read, but only when the one before has been read to its end. */
static void test_runs(void **state) {
    (void)state;
    struct dice d = dice_new();
    char base[] = "/tmp/tesd_follow_XXXXXX", run[2][PATH];
    struct content c[2] = { make_content(&d, 0, 20, 0), make_content(&d, 0, 20, 0) };
    static struct taken t;
    int64_t now_ns = 0;
    t = (struct taken){ 0 };
    struct follow *f = follow_new_or_skip(told);
    assert_non_null(mkdtemp(base));
    assert_true(follow_folder(f, base));
    settle(f, &t, &now_ns, 0);
    assert_string_equal(follow_path(f), "");
    make_run(base, 0, &c[0], run[0]);
    settle(f, &t, &now_ns, 100000000);
    assert_string_equal(follow_path(f), run[0]);
    assert_int_equal(one_channel(&t)->records, 18);   /* the 19th waits for what follows it */
    append(run[0], 0, &c[0], 100);
    make_run(base, 1, &c[1], run[1]);
    one_channel(&t)->last_frame = 0;
    settle(f, &t, &now_ns, 100000000);
    assert_string_equal(follow_path(f), run[1]);
    one_channel(&t)->wrong = 0;   /* frames began anew */
    append(run[1], 0, &c[1], 100);
    follow_end(f);
    assert_int_equal(settle(f, &t, &now_ns, 100000000), FOLLOW_ENDED);
    assert_int_equal(one_channel(&t)->records, 40);
    assert_int_equal(one_channel(&t)->wrong, 0);
    assert_int_equal(follow_count(f).runs, 2);
    follow_free(f);
    free(c[0].bytes);
    free(c[1].bytes);
    remove_folder(base);
}

static void write_text(const char *folder, const char *name, const char *text) {
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static bool count_coefficients(void *context, const struct followed_record *r) {
    assert_true(r->record.coefficients && r->channel == 3);
    ++*(int *)context;
    return true;
}

/* An OFF file whose projectors are not those of its basis: refused with its first record, once; one that fits is followed. */
static void test_projectors_that_do_not_fit(void **state) {
    (void)state;
    static const char header[] = "{\n \"FileFormatVersion\": \"0.3.0\", \"NumberOfBases\": 1, \"FramePeriodSeconds\": 1e-5,\n"
                                 " \"ModelInfo\": {\"Projectors\": {\"Rows\": 1, \"Cols\": 2}, \"Basis\": {\"Rows\": 2, \"Cols\": 1}}\n}\n";
    char folder[] = "/tmp/tesd_follow_XXXXXX", path[PATH];
    int taken = 0;
    int64_t now_ns = 0;
    struct follow *f = follow_new_or_skip(told);
    assert_non_null(mkdtemp(folder));
    for (int k = 0; k < 2; k++) {
        const double matrices[4] = { k == 0 ? 0.6 : 0.5, 0.5, 1, 1 };
        const uint8_t records[3 * 40] = { 0 };
        snprintf(path, sizeof path, "%s/20261122_run0000_chan%d.off", folder, 2 * k + 1);
        FILE *to = fopen(path, "wb");
        assert_non_null(to);
        assert_int_equal(fwrite(header, 1, sizeof header - 1, to) + fwrite(matrices, 1, sizeof matrices, to) + fwrite(records, 1, sizeof records, to), sizeof header - 1 + sizeof matrices + sizeof records);
        fclose(to);
    }
    assert_true(follow_folder(f, folder));
    follow_end(f);
    while (follow_step(f, now_ns += 100000000, count_coefficients, &taken) != FOLLOW_ENDED)
        follow_wait(f, 1);
    assert_int_equal(follow_count(f).refused, 1);
    assert_int_equal(taken, 3);
    follow_free(f);
    remove_folder(folder);
}

/* Rubbish is refused once, error channels and other files are nobody's, a file cut short is given up; the good one goes on. */
static void test_bad_files(void **state) {
    (void)state;
    struct dice d = dice_new();
    char folder[] = "/tmp/tesd_follow_XXXXXX", path[PATH];
    struct content c[2] = { make_content(&d, 0, 50, 0), make_content(&d, 1, 50, 0) };
    static struct taken t;
    int64_t now_ns = 0;
    t = (struct taken){ 0 };
    struct follow *f = follow_new_or_skip(told);
    assert_non_null(mkdtemp(folder));
    append(folder, 0, &c[0], c[0].n / 2);
    append(folder, 1, &c[1], c[1].n / 2);
    write_text(folder, "20261122_run0000_chan9.ljh", "GET / HTTP/1.0\r\n");
    write_text(folder, "20261122_run0000_err1.ljh", "not looked at");
    write_text(folder, "20261122_run0000_experiment_state.txt", "# not looked at\n");
    snprintf(path, sizeof path, "%s/x_chan11.ljh", folder);
    mkdir(path, 0777);
    assert_true(follow_folder(f, folder));
    settle(f, &t, &now_ns, 0);
    assert_int_equal(follow_count(f).refused, 2);
    snprintf(path, sizeof path, "%s/20261122_run0000_chan3.ljh", folder);
    assert_int_equal(truncate(path, 10), 0);
    append(folder, 0, &c[0], c[0].n);
    follow_end(f);
    assert_int_equal(settle(f, &t, &now_ns, 100000000), FOLLOW_ENDED);
    struct follow_counts n = follow_count(f);
    assert_int_equal(n.refused, 2);
    assert_int_equal(n.shrunk, 1);
    assert_int_equal(t.of[0].records, 50);
    assert_int_equal(t.of[0].wrong + t.of[1].wrong, 0);
    assert_in_range(t.of[1].records, 20, 25);
    follow_free(f);
    free(c[0].bytes);
    free(c[1].bytes);
    remove_folder(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_plain), cmocka_unit_test(test_pieces_torn), cmocka_unit_test(test_pieces_blocked), cmocka_unit_test(test_pieces_uring),
        cmocka_unit_test(test_pieces_polled), cmocka_unit_test(test_rest), cmocka_unit_test(test_runs), cmocka_unit_test(test_bad_files), cmocka_unit_test(test_projectors_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
