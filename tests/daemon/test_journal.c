/* What the journal said was written is what a reader of the bytes finds: whole, in order, once; and where the disk did not follow, it
 * says what is missing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/journal_reader.h"
#include "daemon/log.h"
#include "daemon/scan_event_json.h"
#include "daemon/sink/journal.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_rows.h"
#include "tests/dice.h"

struct found {
    uint64_t rows, next, seconds, events, gaps, gap_rows, sessions;
    bool in_order;
    struct journal_reader reader;
};

static void look_at_rows(struct found *f, const struct journal_block *b) {
    for (uint32_t i = 0; i < b->rows; i++) {
        const struct journal_row r = journal_block_row(b, i);
        const uint64_t k = made_row_number(r.time_ns);
        f->in_order &= k >= f->next;
        f->next = k + 1;
        f->rows++;
        assert_int_equal(r.frame, (int64_t)k * 7 + 3);
        assert_int_equal(r.pixel, k % MADE_ROW_PIXELS);
        assert_true(r.height == (float)(k % 1000) && r.residual == (float)(k % 13) && r.energy_eV == (float)(300 + k % 700));
        assert_int_equal(r.cuts, k % 10 == 9 ? 4 : 0);
        assert_int_equal(r.row_flags, k % 3 == 0);
    }
}

static void look_at(struct found *f, const struct journal_block *b) {
    json_error_t error;
    json_t *o = b->kind >= JOURNAL_EVENT || b->kind == JOURNAL_SESSION ? json_loadb((const char *)b->payload, b->payload_bytes, 0, &error) : NULL;
    if (b->kind == JOURNAL_ROWS)
        look_at_rows(f, b);
    else if (b->kind == JOURNAL_SECONDS)
        f->seconds += b->rows;
    else
        assert_non_null(o);
    f->events += b->kind == JOURNAL_EVENT;
    if (b->kind == JOURNAL_GAP) {
        f->gaps++;
        f->gap_rows += (uint64_t)json_integer_value(json_object_get(o, "lost"));
    }
    json_decref(o);
}

static struct found read_journal(const char *path) {
    struct found f = { .in_order = true };
    struct stat facts;
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    fstat(fd, &facts);
    const size_t n = (size_t)facts.st_size;
    const uint8_t *bytes = n > 0 ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    struct journal_block b;
    while (journal_reader_next(&f.reader, bytes, n, &b))
        look_at(&f, &b);
    f.sessions = f.reader.sessions;
    munmap((void *)(uintptr_t)bytes, n);
    close(fd);
    return f;
}

static struct live_channel channels[] = { { .name = "chan7", .number = 7 }, { .name = "err7", .number = -1, .pixel = BLOCK_NO_PIXEL }, { .name = "chan9", .number = 9, .pixel = 1 } };
static uint16_t index_of_pixel[] = { 0, 2 };
static const struct live_array array = { .n_channels = 3, .channels = channels, .n_pixels = 2, .index_of_pixel = index_of_pixel };

static struct journal *journal_with(const struct disk_engine *engine, unsigned n_blocks) {
    struct journal *j;
    assert_true(journal_new(&(struct journal_settings){ .engine = engine, .n_blocks = n_blocks, .flush_s = 0.01, .sync_s = 0.02, .retry_s = 0.02 }, &j));
    return j;
}

static void wait_ms(struct journal *j, int ms) {
    for (int k = 0; k < ms; k++) {
        journal_step(j);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
}

/* A slow machine is no fault. */
static void wait_synced(struct journal *j, uint64_t rows) {
    for (int k = 0; k < 500 && journal_counts(j).synced < rows; k++)
        wait_ms(j, 20);
}

static void rows_and_events_come_back(void **state) {
    (void)state;
    static const char *const engines[] = { "uring", "pwrite" };
    struct row_block *rows;
    struct dice d = dice_new();
    assert_true(row_block_new(3000, &rows));
    for (unsigned e = 0; e < 2; e++) {
        char base[16];
        uint64_t k = 0, events = 0, seconds = 0;
        snprintf(base, sizeof base, "run_%s", engines[e]);
        struct journal *j = journal_with(e == 0 ? NULL : disk_engine_find(engines[e]), 200);
        struct live_sink sink = journal_sink(j);
        char folder[200];
        snprintf(folder, sizeof folder, "%s/2026/0001", in_folder("archive"));
        const struct live_session session = { .array = &array, .calibration_path = "", .config_text = "x: 1\n", .folder = folder, .base_name = base, .sample_period_s = 1e-5 };
        sink.run(sink.context, &session, true);
        for (int round = 0; round < 60; round++) {
            const size_t n = (size_t)dice_below(&d, 3000);
            made_rows(rows, k, n);
            k += n;
            seconds += rows->n_seconds;
            sink.rows(sink.context, rows);
            if (dice_below(&d, 4) == 0) {
                sink.event(sink.context, &(struct scan_event){ .kind = SCAN_EVENT_POINT_END, .time_ns = 5, .number = round, .i0 = 2.5, .i0_sigma = 1, .incident_eV = 700 });
                events++;
            }
            wait_ms(j, 2);
        }
        wait_synced(j, k);
        const struct journal_counts c = journal_counts(j);
        assert_int_equal(c.given, k);
        assert_int_equal(c.acked, k);
        assert_int_equal(c.synced, k);
        assert_int_equal(c.lost, 0);
        sink.run(sink.context, &session, false);
        sink.done(sink.context);
        strcat(strcat(strcat(folder, "/"), base), ".journal");
        const struct found f = read_journal(folder);
        assert_true(f.in_order);
        assert_int_equal(f.rows, k);
        assert_int_equal(f.seconds, seconds);
        assert_int_equal(f.events, events);
        assert_int_equal(f.reader.missing + f.reader.damaged_bytes, 0);
    }
    row_block_free(rows);
}

static void wait_failing(struct journal *j) {
    for (int k = 0; k < 500 && journal_counts(j).error == 0; k++)
        wait_ms(j, 20);
}

/* No byte can be written for a while: rows beyond the blocks are refused, then the journal goes on and says what it lacks. */
static void a_full_disk_leaves_an_account(void **state) {
    (void)state;
    struct row_block *rows;
    struct rlimit before, tight;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 1 << 20;
    assert_true(row_block_new(5000, &rows));
    log_set_level(LOG_LEVEL_ERROR);
    struct journal *j = journal_with(NULL, 4);
    const struct live_session session = { .array = &array, .calibration_path = "", .config_text = "", .folder = made_folder()->path, .base_name = "full" };
    struct live_sink sink = journal_sink(j);
    sink.run(sink.context, &session, true);
    setrlimit(RLIMIT_FSIZE, &tight);
    uint64_t k = 0;
    for (int round = 0; round < 60; round++, k += 1000) {
        made_rows(rows, k, 1000);
        sink.rows(sink.context, rows);
        if (round == 50)
            sink.event(sink.context, &(struct scan_event){ .kind = SCAN_EVENT_SCAN_END, .number = 3 });
        journal_step(j);
    }
    struct sink_health health;
    wait_failing(j);
    sink.health(sink.context, &health);
    assert_true(health.failing && health.lost > 0 && health.trouble[0] != '\0');
    setrlimit(RLIMIT_FSIZE, &before);
    wait_synced(j, journal_counts(j).given);
    made_rows(rows, k, 1000);
    k += 1000;
    sink.rows(sink.context, rows);
    wait_synced(j, journal_counts(j).given);
    sink.health(sink.context, &health);
    assert_false(health.failing);
    assert_int_equal(health.accepted + health.lost, k);
    assert_int_equal(journal_counts(j).acked, health.accepted);
    sink.done(sink.context);
    const struct found f = read_journal(in_folder("full.journal"));
    assert_true(f.in_order);
    assert_int_equal(f.rows, health.accepted);
    assert_int_equal(f.gap_rows, health.lost);
    assert_true(f.gaps >= 1);
    assert_int_equal(f.events, 1);
    log_set_level(LOG_LEVEL_NOTE);
    row_block_free(rows);
}

static void a_folder_that_comes_late_is_waited_for(void **state) {
    (void)state;
    struct row_block *rows;
    assert_true(row_block_new(100, &rows));
    log_set_level(LOG_LEVEL_ERROR);
    FILE *obstacle = fopen(in_folder("late"), "w");
    fclose(obstacle);
    struct journal *j = journal_with(NULL, 4);
    const struct live_session session = { .array = &array, .calibration_path = "", .config_text = "", .folder = in_folder("late"), .base_name = "run" };
    struct live_sink sink = journal_sink(j);
    sink.run(sink.context, &session, true);
    made_rows(rows, 0, 100);
    sink.rows(sink.context, rows);
    wait_failing(j);
    assert_int_equal(journal_counts(j).acked, 0);
    assert_true(journal_counts(j).error != 0);
    assert_int_equal(unlink(in_folder("late")), 0);
    wait_synced(j, 100);
    assert_int_equal(journal_counts(j).acked, 100);
    assert_int_equal(journal_counts(j).error, 0);
    sink.done(sink.context);
    assert_int_equal(read_journal(in_folder("late/run.journal")).rows, 100);
    log_set_level(LOG_LEVEL_NOTE);
    row_block_free(rows);
}

static void a_restart_goes_on_in_the_same_file(void **state) {
    (void)state;
    struct row_block *rows;
    assert_true(row_block_new(100, &rows));
    for (unsigned k = 0; k < 3; k++) {
        struct journal *j = journal_with(NULL, 4);
        const struct live_session session = { .array = &array, .calibration_path = "", .config_text = "", .folder = made_folder()->path, .base_name = "again" };
        struct live_sink sink = journal_sink(j);
        sink.run(sink.context, &session, true);
        made_rows(rows, k * 100, 100);
        sink.rows(sink.context, rows);
        sink.done(sink.context);
        if (k == 1)
            assert_int_equal(truncate(in_folder("again.journal"), 24000), 0);   /* torn inside the second session's rows */
    }
    const struct found f = read_journal(in_folder("again.journal"));
    assert_int_equal(f.sessions, 3);
    assert_int_equal(f.rows, 200);
    assert_true(f.reader.damaged_bytes > 0);
    row_block_free(rows);
}

static void any_damage_costs_its_own_blocks_only(void **state) {
    (void)state;
    enum { BLOCKS = 200 };
    static uint8_t bytes[BLOCKS * 8192];
    struct dice d = dice_new();
    for (int round = 0; round < 200; round++) {
        size_t n = 0, at[BLOCKS + 1];
        for (unsigned k = 0; k < BLOCKS; k++) {
            const struct journal_block b = { .kind = JOURNAL_EVENT, .session = 9, .sequence = k, .payload_bytes = (size_t)dice_below(&d, 6000) };
            at[k] = n;
            memset(bytes + n + JOURNAL_HEADER_BYTES, (int)k, b.payload_bytes);
            n += journal_block_seal(&b, bytes + n);
        }
        at[BLOCKS] = n;
        bool hit[BLOCKS] = { false };
        uint64_t good = BLOCKS;
        for (int64_t hits = dice_below(&d, 20); hits > 0; hits--) {
            const size_t where = (size_t)dice_below(&d, (int64_t)n);
            unsigned k = 0;
            while (where >= at[k + 1])
                k++;
            uint32_t length;
            memcpy(&length, bytes + at[k] + 12, 4);
            if (hit[k] || where >= at[k] + JOURNAL_HEADER_BYTES + length)
                continue;   /* padding is nobody's */
            bytes[where] ^= (uint8_t)(1 + dice_below(&d, 255));
            hit[k] = true;
            good--;
        }
        struct journal_reader r = { 0 };
        struct journal_block b;
        uint64_t seen = 0;
        while (journal_reader_next(&r, bytes, n, &b)) {
            assert_false(hit[b.sequence]);
            seen++;
        }
        assert_int_equal(seen, good);
        unsigned last = BLOCKS;
        while (last > 0 && hit[last - 1])
            last--;
        assert_int_equal(r.missing, last - good);
    }
}

static void events_survive_json(void **state) {
    (void)state;
    struct scan_event e = { .kind = SCAN_EVENT_POINT_END, .time_ns = INT64_C(1764000000123456789), .number = 4, .incident_eV = 0.1 + 0.2, .i0 = 1e-9 / 3, .i0_sigma = 2, .sample = "Co\"\n", .label = "SCAN4" };
    struct scan_event back;
    json_t *o = scan_event_to_json(&e);
    char *text = json_dumps(o, JSON_REAL_PRECISION(17));
    json_t *again = json_loads(text, 0, NULL);
    assert_true(scan_event_from_json(again, &back));
    assert_true(back.kind == e.kind && back.time_ns == e.time_ns && back.number == 4 && back.incident_eV == e.incident_eV && back.i0 == e.i0);
    assert_string_equal(back.sample, e.sample);
    assert_string_equal(back.text, "");
    json_object_set_new(again, "event", json_string("dance"));
    assert_false(scan_event_from_json(again, &back));
    json_decref(o);
    json_decref(again);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_events_come_back),
        cmocka_unit_test(a_full_disk_leaves_an_account),
        cmocka_unit_test(a_folder_that_comes_late_is_waited_for),
        cmocka_unit_test(a_restart_goes_on_in_the_same_file),
        cmocka_unit_test(any_damage_costs_its_own_blocks_only),
        cmocka_unit_test(events_survive_json),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
