/* OFF files that grow: late, in pieces that end anywhere, in the header as well, cut for good in a record; as blocks the records are those of the files.
 * Of LJH and OFF of one channel one is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon/sink/dastard_off.h"
#include "daemon/source/follow_block.h"
#include "pulse/record_ljh.h"
#include "tests/dice.h"

enum { CHANNELS = 6, RECORDS_MAX = 400, SAMPLES = 64, PRESAMPLES = 16, BASES = 3, PATH = 256 };
static const int64_t start_ns = INT64_C(1790000100000000000);

struct growing { char name[64]; uint8_t *bytes; size_t n, written; uint32_t records; };

struct bench {
    char folder[32];
    struct dastard_array *array;
    struct live_array *channels;
    struct off_projection projection;
    struct growing files[CHANNELS];
    uint32_t got[CHANNELS], coefficients, samples;
};

static struct off_record record_of(uint32_t channel, uint32_t i) {
    return (struct off_record){ .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .frame = 100 + 50 * (int64_t)i, .time_ns = start_ns + 1000 * (int64_t)(i * 17 + channel) + 999,
                                .pretrigger_mean = (float)channel, .pretrigger_delta = 1, .residual_sd = 2, .coefficients = { (float)i, -1, 500 } };
}

static void make_file(struct bench *b, struct dice *d, uint32_t channel) {
    const struct dastard_channel *c = &b->array->channels[channel];
    const struct off_header h = { .version = 30, .n_bases = BASES, .record_bytes = 36 + 4 * BASES };
    struct growing *g = &b->files[channel];
    size_t head = 0;
    uint8_t *header = dastard_off_header(b->array, c, &b->projection, start_ns, &head);
    g->records = 1 + (uint32_t)dice_below(d, RECORDS_MAX);
    g->bytes = malloc(head + (g->records + 1) * h.record_bytes);
    assert_non_null(header);
    assert_non_null(g->bytes);
    memcpy(g->bytes, header, head);
    free(header);
    for (uint32_t i = 0; i <= g->records; i++)
        off_record_encode(&h, &(struct off_record){ 0 }, g->bytes + head + i * h.record_bytes);
    for (uint32_t i = 0; i < g->records; i++) {
        const struct off_record r = record_of(channel, i);
        off_record_encode(&h, &r, g->bytes + head + i * h.record_bytes);
    }
    g->n = head + g->records * h.record_bytes + (channel % 2 == 1 ? (size_t)dice_below(d, (int)h.record_bytes) : 0);
    snprintf(g->name, sizeof g->name, "20261122_run0000_%s.off", c->name);
}

static void append(const char *folder, struct growing *g, size_t n) {
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, g->name);
    n = n < g->n - g->written ? n : g->n - g->written;
    FILE *f = fopen(path, g->written == 0 ? "wb" : "ab");
    assert_non_null(f);
    assert_int_equal(fwrite(g->bytes + g->written, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    g->written += n;
}

static void open_bench(struct bench *b) {
    const struct dastard_array_settings s = { .n_pixels = CHANNELS, .first_number = 11, .number_step = 2, .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .period_s = 1e-5 };
    double basis[SAMPLES * BASES];
    *b = (struct bench){ .folder = "/tmp/tesd_off_XXXXXX" };
    for (int k = 0; k < SAMPLES; k++) {
        basis[k * BASES] = 1;
        basis[k * BASES + 1] = k;
        basis[k * BASES + 2] = k > PRESAMPLES ? 30.0 / k : 0;
    }
    assert_non_null(mkdtemp(b->folder));
    assert_true(dastard_array_new(&s, &b->array));
    assert_int_equal(off_projection_fit(basis, SAMPLES, PRESAMPLES, BASES, &b->projection), STATUS_OK);
    json_t *names = json_array();
    for (uint32_t i = 0; i < CHANNELS; i++)
        json_array_append_new(names, json_string(b->array->channels[i].name));
    assert_true(live_array_make(names, &b->channels));
    json_decref(names);
}

static void close_bench(struct bench *b) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", b->folder);
    assert_int_equal(system(command), 0);
    for (uint32_t i = 0; i < CHANNELS; i++)
        free(b->files[i].bytes);
    off_projection_done(&b->projection);
    live_array_free(b->channels);
    dastard_array_free(b->array);
}

/* The next record of its channel, as it was written, its stamp floored to 1 us. */
static void check_row(struct bench *b, const struct record_block *block, size_t i) {
    const struct block_record *row = &block->rows[i];
    const struct channel_record r = record_block_at(block, i);
    assert_true(row->channel_index < CHANNELS && (row->flags & BLOCK_FROM_FILE) != 0);
    if (!r.coefficients) {
        b->samples++;
        return;
    }
    const struct off_record want = record_of(row->channel_index, b->got[row->channel_index]++);
    assert_memory_equal(&r.off, &want, offsetof(struct off_record, coefficients) + sizeof want.coefficients);
    assert_true(r.frame == want.frame && r.time_ns == want.time_ns - 999 && row->n_samples == SAMPLES && row->n_presamples == PRESAMPLES);
    b->coefficients++;
}

/* Until nothing comes; then lets ns pass. Blocks are small: what does not fit comes with the next. */
static enum follow_state settle(struct bench *b, struct follow *f, int64_t *now_ns, int64_t ns) {
    struct follow_block walk = { 0 };
    struct record_block *block;
    enum follow_state s;
    int idle = 0;
    assert_true(record_block_new(7, 2048, &block));
    *now_ns += ns;
    do {
        record_block_clear(block);
        s = follow_block_step(&walk, f, *now_ns, b->channels, block);
        for (size_t i = 0; i < block->n; i++)
            check_row(b, block, i);
        idle = s == FOLLOW_WAITING && block->n == 0 ? idle + 1 : 0;
        if (idle > 0)
            follow_wait(f, 1);
    } while (s == FOLLOW_READING || s == FOLLOW_BLOCKED || (s == FOLLOW_WAITING && idle < 3));
    assert_int_equal(walk.unknown_channel, 0);
    record_block_free(block);
    return s;
}

static const struct follow_settings settings = { .notice = NOTICE_BEST, .means = READ_PLAIN, .poll_s = 0.05, .rest_s = 3 };

static void test_pieces(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct bench b;
    struct follow *f;
    int64_t now_ns = 1000;
    size_t left = 0;
    open_bench(&b);
    assert_true(follow_new(&settings, &f) && follow_folder(f, b.folder));
    for (uint32_t i = 0; i < CHANNELS; i++) {
        make_file(&b, &d, i);
        left += b.files[i].n;
    }
    for (uint32_t step = 0; left > 0; step++) {
        struct growing *g = &b.files[dice_below(&d, CHANNELS)];
        const size_t before = g->written;
        append(b.folder, g, 1 + (size_t)(dice_below(&d, 4) ? dice_below(&d, 1500) : dice_below(&d, 40)));
        left -= g->written - before;
        if (step % 6 == 0)
            settle(&b, f, &now_ns, 40000000);
    }
    follow_end(f);
    assert_int_equal(settle(&b, f, &now_ns, 1000000000), FOLLOW_ENDED);
    uint64_t records = 0;
    for (uint32_t i = 0; i < CHANNELS; i++) {
        assert_int_equal(b.got[i], b.files[i].records);
        records += b.files[i].records;
    }
    const struct follow_counts n = follow_count(f);
    assert_true(n.records == records && n.files == CHANNELS && n.refused + n.read_errors + n.shrunk + n.torn == 0);
    follow_free(f);
    close_bench(&b);
}

/* Three records of channel 0 as LJH. */
static void write_ljh(const struct bench *b) {
    char path[PATH];
    uint8_t bytes[LJH_HEADER_LIMIT];
    const struct ljh_header h = { .version = 22, .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .sample_period_s = 1e-5, .channel = 11, .subframe_divisions = 1, .dastard = true,
                                  .software = "DASTARD test", .timestamp_offset_s = 1.79e9 };
    const uint16_t samples[SAMPLES] = { 0 };
    snprintf(path, sizeof path, "%s/20261122_run0000_%s.ljh", b->folder, b->array->channels[0].name);
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    fwrite(bytes, 1, ljh_header_format(&h, bytes, sizeof bytes), to);
    for (int i = 0; i < 3; i++) {
        const struct pulse_record r = { .samples = samples, .n_samples = SAMPLES, .n_presamples = PRESAMPLES, .trigger_frame = 100 + 50 * i, .trigger_time_ns = start_ns + 500000 * i };
        ljh_record_format(&h, &r, bytes);
        fwrite(bytes, 1, 16 + 2 * SAMPLES, to);
    }
    assert_int_equal(fclose(to), 0);
}

static void check_preference(bool off) {
    struct dice d = dice_new();
    struct bench b;
    struct follow *f;
    struct follow_settings s = settings;
    int64_t now_ns = 1000;
    s.prefer_off = off;
    open_bench(&b);
    make_file(&b, &d, 0);
    append(b.folder, &b.files[0], SIZE_MAX);
    write_ljh(&b);
    assert_true(follow_new(&s, &f) && follow_folder(f, b.folder));
    follow_end(f);
    assert_int_equal(settle(&b, f, &now_ns, 1000000000), FOLLOW_ENDED);
    assert_int_equal(b.coefficients, off ? b.files[0].records : 0);
    assert_int_equal(b.samples, off ? 0 : 3);
    follow_free(f);
    close_bench(&b);
}

static void test_one_of_two(void **state) {
    (void)state;
    check_preference(false);
    check_preference(true);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_pieces), cmocka_unit_test(test_one_of_two) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
