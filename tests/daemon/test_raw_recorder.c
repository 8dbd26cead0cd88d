/* Recorded files against what was recorded: at every moment all acknowledged records and nothing else, in the end all of them once. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "daemon/sink/raw_recorder.h"
#include "pulse/record_ljh.h"
#include "tests/daemon/made_folder.h"
#include "tests/dice.h"

enum { CHANNELS = 7, SAMPLES = 301, PATH_ROOM = 800 };

static struct live_channel channels[CHANNELS];
static uint16_t index_of_pixel[CHANNELS];
static const struct live_array array = { .n_channels = CHANNELS, .channels = channels, .n_pixels = CHANNELS, .index_of_pixel = index_of_pixel };

static void name_channels(void) {
    for (int k = 0; k < CHANNELS; k++) {
        snprintf(channels[k].name, sizeof channels[k].name, "chan%d", 3 * k + 1);
        channels[k].number = 3 * k + 1;
        channels[k].pixel = index_of_pixel[k] = (uint16_t)k;
    }
}

static uint16_t sample_of(uint32_t channel, int64_t frame, uint32_t i) { return (uint16_t)(frame * 31 + channel * 1000 + i * 7); }

static int64_t time_of(int64_t frame) { return INT64_C(1764000000000000000) + frame * 10000; }

static void add_record(struct record_block *b, uint32_t channel, int64_t frame, uint32_t n_samples) {
    uint16_t samples[SAMPLES + 10];
    for (uint32_t i = 0; i < n_samples; i++)
        samples[i] = sample_of(channel, frame, i);
    const struct block_record row = { .time_ns = time_of(frame), .frame = frame, .n_samples = n_samples, .n_presamples = 60, .sample_period_s = 1e-5f, .channel_index = (uint16_t)channel,
                                      .pixel = (uint16_t)channel };
    assert_true(record_block_add(b, &row, samples));
}

static void path_of(char path[PATH_ROOM], const char *folder, const char *base, uint32_t channel) {
    snprintf(path, PATH_ROOM, "%s/%s_%s.ljh", folder, base, channels[channel].name);
}

/* All records of the file, checked; the number of them. `missing`: how many frames were left out. */
static uint64_t read_back(const char *path, uint32_t channel, uint64_t *missing, size_t *tail) {
    static uint8_t bytes[8 << 20];
    const int fd = open(path, O_RDONLY);
    struct ljh_header header;
    struct complaint why;
    struct pulse_record r;
    *missing = *tail = 0;
    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    if (n <= 0 || ljh_header_parse(bytes, (size_t)n, &header, &why) != STATUS_OK)
        return 0;
    assert_int_equal(header.channel, channels[channel].number);
    assert_int_equal(header.channel_index, channel);
    assert_int_equal(header.n_presamples, 60);
    struct ljh_cursor c;
    ljh_cursor_init(&c, &header);
    int64_t next = 0;
    while (ljh_cursor_next(&c, bytes, (size_t)n, true, channel, &r) == LJH_RECORD) {
        assert_true(r.trigger_frame >= next);
        *missing += (uint64_t)(r.trigger_frame - next);
        next = r.trigger_frame + 1;
        assert_true(r.trigger_time_ns == time_of(r.trigger_frame));
        for (uint32_t i = 0; i < SAMPLES; i++)
            assert_true(r.samples[i] == sample_of(channel, r.trigger_frame, i));
    }
    assert_int_equal(c.torn, 0);
    *tail = (size_t)n - c.offset;
    return c.records;
}

static struct raw_recorder *recorder_with(const struct disk_engine *engine, size_t memory) {
    struct raw_recorder *r;
    assert_true(raw_recorder_new(&(struct raw_settings){ .engine = engine, .memory_bytes = memory, .block_bytes = 32768, .flush_s = 0.003, .retry_s = 0.02 }, &r));
    return r;
}

static void step(struct raw_recorder *r, int ms) {
    for (int k = 0; k < ms; k++) {
        raw_recorder_step(r);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
}

/* A slow disk is no fault. */
static void wait_until(struct raw_recorder *r, struct sink_health *health, bool failing) {
    const struct record_sink sink = raw_recorder_sink(r);
    sink.health(sink.context, health);
    for (int k = 0; k < 1000 && health->failing != failing; k++) {
        step(r, 10);
        sink.health(sink.context, health);
    }
}

/* frames[k]: the next frame of channel k. Channel 2 is fifty times slower than the rest. */
static void record_some(struct raw_recorder *r, struct record_block *b, struct dice *d, int64_t *frames, int rounds) {
    for (int k = 0; k < rounds; k++) {
        record_block_clear(b);
        for (int i = 0; i < 40; i++) {
            const uint32_t c = (uint32_t)dice_below(d, CHANNELS);
            if (c != 2 || dice_below(d, 50) == 0)
                add_record(b, c, frames[c]++, SAMPLES);
        }
        raw_recorder_add(r, b);
        step(r, 1);
    }
}

static void files_hold_what_is_acknowledged(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct record_block *b;
    assert_true(record_block_new(64, 64 * 1024, &b));
    for (unsigned e = 0; e < 2; e++) {
        int64_t frames[CHANNELS] = { 0 };
        char folder[200], base[16], path[PATH_ROOM];
        uint64_t missing;
        size_t tail;
        snprintf(folder, sizeof folder, "%s/deep/er", in_folder("raw"));
        snprintf(base, sizeof base, "run%u", e);
        struct raw_recorder *r = recorder_with(e == 0 ? NULL : &disk_engine_pwrite, 64 << 20);
        const struct live_session session = { .array = &array, .folder = folder, .base_name = base };
        raw_recorder_begin(r, &session);
        for (int round = 0; round < 12; round++) {
            record_some(r, b, &d, frames, 20);
            for (uint32_t c = 0; c < CHANNELS; c++) {
                const uint64_t acked = raw_recorder_counts(r, c).acked;
                path_of(path, folder, base, c);
                assert_true(read_back(path, c, &missing, &tail) >= acked);
                assert_int_equal(raw_recorder_counts(r, c).accepted, frames[c]);
            }
        }
        record_block_clear(b);
        add_record(b, 0, frames[0], SAMPLES + 5);
        raw_recorder_add(r, b);
        assert_int_equal(raw_recorder_counts(r, 0).other_length, 1);
        struct record_sink sink = raw_recorder_sink(r);
        sink.run(sink.context, &session, false);
        sink.done(sink.context);
        for (uint32_t c = 0; c < CHANNELS; c++) {
            path_of(path, folder, base, c);
            assert_int_equal(read_back(path, c, &missing, &tail), frames[c]);
            assert_int_equal(missing + tail, 0);
        }
    }
    record_block_free(b);
}

static bool disk_answers(void *answers) { return *(const bool *)answers; }

/* While the disk is silent a block whose channels have no file is to come again; one whose channels have theirs is taken into memory. */
static void files_are_made_when_the_disk_answers(void **state) {
    (void)state;
    struct raw_recorder *r = NULL;
    struct record_block *b;
    bool answers = false;
    char path[PATH_ROOM];
    uint64_t missing;
    size_t tail;
    const struct raw_settings s = { .memory_bytes = 1 << 20, .block_bytes = 1 << 16, .flush_s = 0.001, .retry_s = 0.01, .answers = disk_answers, .answers_context = &answers };
    const struct live_session session = { .array = &array, .folder = made_folder()->path, .base_name = "silent" };
    assert_true(record_block_new(64, 64 * 1024, &b) && raw_recorder_new(&s, &r));
    struct record_sink sink = raw_recorder_sink(r);
    raw_recorder_begin(r, &session);
    add_record(b, 3, 0, SAMPLES);
    path_of(path, made_folder()->path, "silent", 3);
    assert_false(sink.ready(sink.context, b));
    assert_int_not_equal(access(path, F_OK), 0);
    answers = true;
    assert_true(sink.ready(sink.context, b));
    sink.records(sink.context, b);
    answers = false;
    record_block_clear(b);
    add_record(b, 3, 1, SAMPLES);
    assert_true(sink.ready(sink.context, b));
    sink.records(sink.context, b);
    add_record(b, 4, 0, SAMPLES);
    assert_false(sink.ready(sink.context, b));
    sink.run(sink.context, &session, false);
    assert_true(sink.ready(sink.context, b));   /* outside a run nothing is asked */
    sink.done(sink.context);
    assert_int_equal(read_back(path, 3, &missing, &tail), 2);
    record_block_free(b);
}

/* The run ends on a full disk: what it lacks is said when there is room again. */
static void an_account_waits_for_room(void **state) {
    (void)state;
    struct record_block *b;
    struct rlimit before, none;
    assert_true(record_block_new(64, 64 * 1024, &b));
    struct raw_recorder *r = recorder_with(NULL, 64 << 20);
    const struct live_session session = { .array = &array, .folder = made_folder()->path, .base_name = "late" };
    struct record_sink sink = raw_recorder_sink(r);
    raw_recorder_begin(r, &session);
    add_record(b, 4, 0, SAMPLES);
    raw_recorder_add(r, b);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 10;
    setrlimit(RLIMIT_FSIZE, &none);
    sink.run(sink.context, &session, false);
    step(r, 30);
    assert_int_not_equal(access(in_folder("late_recorded.txt"), F_OK), 0);
    setrlimit(RLIMIT_FSIZE, &before);
    for (int k = 0; k < 5000 && access(in_folder("late_recorded.txt"), F_OK) != 0; k++)
        step(r, 1);
    assert_int_equal(access(in_folder("late_recorded.txt"), F_OK), 0);
    sink.done(sink.context);
    record_block_free(b);
}

/* What is in the file after flush_s although no buffer is full. */
static void few_records_do_not_wait_for_many(void **state) {
    (void)state;
    struct record_block *b;
    uint64_t missing;
    size_t tail;
    char path[PATH_ROOM];
    assert_true(record_block_new(64, 64 * 1024, &b));
    struct raw_recorder *r = recorder_with(NULL, 64 << 20);
    const struct live_session session = { .array = &array, .folder = made_folder()->path, .base_name = "few" };
    raw_recorder_begin(r, &session);
    path_of(path, made_folder()->path, "few", 4);
    for (int64_t k = 0; k < 30; k++) {
        record_block_clear(b);
        add_record(b, 4, k, SAMPLES);
        raw_recorder_add(r, b);
        for (int tries = 0; tries < 2000 && raw_recorder_counts(r, 4).acked < (uint64_t)k + 1; tries++)
            step(r, 1);
        assert_int_equal(read_back(path, 4, &missing, &tail), k + 1);
        assert_int_equal(tail, 0);
    }
    raw_recorder_free(r);
    record_block_free(b);
}

static uint64_t lost_of_account(const char *path, uint64_t *in_gaps) {
    char line[200], name[64];
    unsigned long long records, lost, other, gap;
    long long from, to;
    int channel;
    uint64_t all = 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    *in_gaps = 0;
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "gap %d %lld %lld %llu", &channel, &from, &to, &gap) == 4) {
            assert_true(from <= to);
            *in_gaps += gap;
        } else if (sscanf(line, "%d %63s %llu %llu %llu", &channel, name, &records, &lost, &other) == 5)
            all += lost;
    fclose(f);
    return all;
}

static void a_full_disk_costs_records_that_are_counted(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct record_block *b;
    struct rlimit before, tight;
    int64_t frames[CHANNELS] = { 0 };
    char path[PATH_ROOM];
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 100000;
    assert_true(record_block_new(64, 64 * 1024, &b));
    log_set_level(LOG_LEVEL_ERROR);
    struct raw_recorder *r = recorder_with(NULL, 600000);
    struct record_sink sink = raw_recorder_sink(r);
    const struct live_session session = { .array = &array, .folder = made_folder()->path, .base_name = "full" };
    struct sink_health health;
    sink.run(sink.context, &session, true);
    setrlimit(RLIMIT_FSIZE, &tight);
    record_some(r, b, &d, frames, 150);
    wait_until(r, &health, true);
    assert_true(health.failing && health.lost > 0);
    setrlimit(RLIMIT_FSIZE, &before);
    wait_until(r, &health, false);
    assert_false(health.failing);
    record_some(r, b, &d, frames, 30);
    uint64_t lost = 0, missing, in_gaps;
    size_t tail;
    raw_recorder_end(r);
    for (int k = 0; k < 1000 && !raw_recorder_settled(r); k++)
        step(r, 1);
    for (uint32_t c = 0; c < CHANNELS; c++) {
        const struct raw_counts counts = raw_recorder_counts(r, c);
        path_of(path, made_folder()->path, "full", c);
        assert_int_equal(counts.accepted + counts.lost, frames[c]);
        assert_int_equal(read_back(path, c, &missing, &tail), counts.accepted);
        assert_true(tail == 0 && missing <= counts.lost);
        lost += counts.lost;
    }
    sink.health(sink.context, &health);
    assert_int_equal(health.lost, lost);
    assert_int_equal(lost_of_account(in_folder("full_recorded.txt"), &in_gaps), lost);
    assert_int_equal(in_gaps, lost);
    sink.done(sink.context);
    log_set_level(LOG_LEVEL_NOTE);
    record_block_free(b);
}

/* Records that found no block on their way here are in the account: a gap of their channel, closed by its next record. */
static void what_was_never_given_is_in_the_account(void **state) {
    (void)state;
    struct record_block *b;
    uint64_t in_gaps;
    assert_true(record_block_new(4, 4 * 1024, &b));
    struct raw_recorder *r = recorder_with(NULL, 64 << 20);
    const struct live_session session = { .array = &array, .folder = made_folder()->path, .base_name = "given" };
    raw_recorder_begin(r, &session);
    for (int64_t k = 0; k < 3; k++) {
        record_block_clear(b);
        assert_true(record_block_leave_out(b, (struct left_out){ .from_ns = 1000 * k, .to_ns = 1000 * k + 500, .n = 7, .channel_index = 2 }));
        if (k > 0)
            add_record(b, 2, k, SAMPLES);
        raw_recorder_add(r, b);
    }
    for (uint16_t k = 0; b->n_left_out < 4; k++)
        assert_true(record_block_leave_out(b, (struct left_out){ .n = 1, .channel_index = k }));
    assert_false(record_block_leave_out(b, (struct left_out){ .n = 1 }));
    assert_int_equal(raw_recorder_counts(r, 2).accepted, 2);
    assert_int_equal(raw_recorder_counts(r, 2).lost, 21);
    assert_int_equal(raw_recorder_counts(r, 2).gaps, 2);   /* the first two touch each other */
    raw_recorder_end(r);
    assert_int_equal(lost_of_account(in_folder("given_recorded.txt"), &in_gaps), 21);
    assert_int_equal(in_gaps, 21);
    raw_recorder_free(r);
    record_block_free(b);
}

static void a_thousand_channels_keep_to_the_memory(void **state) {
    (void)state;
    enum { MANY = 1000 };
    static struct live_channel many[MANY];
    static uint16_t pixels[MANY];
    struct record_block *b;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 2000 ? files.rlim_max : 2000;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int k = 0; k < MANY; k++)
        snprintf(many[k].name, sizeof many[k].name, "chan%d", many[k].number = k);
    const struct live_array wide = { .n_channels = MANY, .channels = many, .n_pixels = MANY, .index_of_pixel = pixels };
    assert_true(record_block_new(MANY, MANY * 400, &b));
    struct raw_recorder *r = recorder_with(NULL, 24 << 20);
    raw_recorder_begin(r, &(struct live_session){ .array = &wide, .folder = made_folder()->path, .base_name = "wide" });
    for (int64_t round = 0; round < 3; round++) {
        record_block_clear(b);
        for (uint32_t c = 0; c < MANY; c++)
            add_record(b, c, round, SAMPLES);
        raw_recorder_add(r, b);
        step(r, 5);
    }
    uint64_t accepted = 0;
    for (uint32_t c = 0; c < MANY; c++)
        accepted += raw_recorder_counts(r, c).accepted;
    assert_int_equal(accepted, 3 * MANY);
    raw_recorder_free(r);
    struct stat facts;
    assert_int_equal(stat(in_folder("wide_chan999.ljh"), &facts), 0);
    assert_true(facts.st_size > 3 * (16 + 2 * SAMPLES));
    record_block_free(b);
}

int main(void) {
    name_channels();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_hold_what_is_acknowledged),
        cmocka_unit_test(files_are_made_when_the_disk_answers), cmocka_unit_test(an_account_waits_for_room), cmocka_unit_test(few_records_do_not_wait_for_many),
        cmocka_unit_test(a_full_disk_costs_records_that_are_counted),
        cmocka_unit_test(what_was_never_given_is_in_the_account), cmocka_unit_test(a_thousand_channels_keep_to_the_memory),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
