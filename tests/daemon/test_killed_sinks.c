/* Kill -9 at random moments under load: every acknowledged raw record, every acknowledged row of the journal and every flushed point is there
 * afterwards, and nothing is there twice. The writer says in shared memory what was acknowledged, as late as it can; whoever comes after
 * its death finds at least that. TESD_KILLS=50 is the long form (make soak). */
#include <fcntl.h>
#include <hdf5.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "calib/scan_live_time.h"
#include "daemon/h5_input.h"
#include "daemon/journal_reader.h"
#include "daemon/log.h"
#include "daemon/photon_file.h"
#include "daemon/rebuild.h"
#include "daemon/sink/journal.h"
#include "daemon/sink/live_archive.h"
#include "daemon/sink/raw_recorder.h"
#include "pulse/record_ljh.h"
#include "tests/daemon/made_child.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_rows.h"
#include "tests/dice.h"

enum { CHANNELS = MADE_ROW_PIXELS, SAMPLES = 256, BATCH = 240, POINTS = 400, POINT_ROWS = 2000 };

static struct live_channel channels[CHANNELS];
static uint16_t index_of_pixel[CHANNELS];
static const struct live_array array = { .n_channels = CHANNELS, .channels = channels, .n_pixels = CHANNELS, .index_of_pixel = index_of_pixel };

struct acknowledged {                /* shared with the writer */
    atomic_ullong raw[CHANNELS], journal, points, given;
    atomic_ullong raw_lost[CHANNELS], journal_lost;   /* refused and counted, because the disk did not follow */
};

static void name_channels(void) {
    for (int k = 0; k < CHANNELS; k++) {
        snprintf(channels[k].name, sizeof channels[k].name, "chan%d", 2 * k + 1);
        channels[k].number = 2 * k + 1;
        channels[k].pixel = index_of_pixel[k] = (uint16_t)k;
    }
}

static int64_t row_time(uint64_t k) { return made_rows_start_ns + (int64_t)k * made_rows_step_ns; }

static uint16_t sample_of(uint64_t k, uint32_t i) { return (uint16_t)(k * 2654435761u + i * 97); }

/* ---- the writer ---- */

struct writer {
    struct acknowledged *acked;
    struct raw_recorder *raw;
    struct journal *journal;
    struct live_archive *archive;
    struct record_block *records;
    struct row_block *rows;
    struct scan scan;
    struct scan_products *products;
    uint64_t k;
    uint32_t point;
};

static void make_scan(struct writer *w) {
    static const struct yield_region regions[] = { { "all", 0, 2000 } };
    static const struct product_settings settings = { .emission = { 200, 1100, 1 }, .loss = { -20, 80, 1 }, .n_regions = 1, .regions = regions };
    uint8_t used[CHANNELS];
    memset(used, 1, sizeof used);
    w->scan = (struct scan){ .number = 5, .log_number = 5, .sample = "kill", .var_unit = "eV", .n_points = POINTS, .points = calloc(POINTS, sizeof *w->scan.points) };
    for (uint32_t p = 0; p < POINTS; p++)
        w->scan.points[p] = (struct scan_point){ .start_ns = row_time(p * (uint64_t)POINT_ROWS), .end_ns = row_time((p + (uint64_t)1) * POINT_ROWS), .incident_eV = 700 + p, .i0 = 1 };
    w->scan.start_ns = w->scan.points[0].start_ns;
    w->scan.end_ns = w->scan.points[POINTS - 1].end_ns;
    if (scan_products_new(&w->scan, CHANNELS, used, &settings, &w->products) != STATUS_OK)
        _exit(3);
    scan_live_time_settle(w->products);
}

static void make_batch(struct writer *w) {
    uint16_t samples[SAMPLES];
    made_rows(w->rows, w->k, BATCH);
    record_block_clear(w->records);
    for (uint64_t k = w->k; k < w->k + BATCH; k++) {
        for (uint32_t i = 0; i < SAMPLES; i++)
            samples[i] = sample_of(k, i);
        const struct block_record row = { .time_ns = row_time(k), .frame = (int64_t)k, .n_samples = SAMPLES, .n_presamples = 50, .sample_period_s = 5e-5f, .channel_index = (uint16_t)(k % CHANNELS) };
        record_block_add(w->records, &row, samples);
    }
    w->k += BATCH;
}

/* Rows of a batch, placed; points that are over are flushed. */
static void tell_archive(struct writer *w) {
    struct photon_block *b = w->rows->photons;
    for (size_t i = 0; i < b->n; i++) {
        const uint64_t k = made_row_number(b->time_ns[i]);
        b->scan[i] = 5;
        b->point[i] = (int32_t)(k / POINT_ROWS);
        b->incident_eV[i] = (float)(700 + b->point[i]);
        scan_products_add(w->products, b, i, b->point[i]);
    }
    live_archive_rows(w->archive, b, false);
    while (w->point < w->k / POINT_ROWS) {
        w->point++;
        live_archive_scan(w->archive, w->products, w->point, false);
        journal_event(w->journal, &(struct scan_event){ .kind = SCAN_EVENT_POINT_END, .number = (int32_t)w->point, .time_ns = row_time(w->k) });
        if (live_archive_counts(w->archive).error == 0)
            atomic_store(&w->acked->points, w->point);
    }
}

static void acknowledge(struct writer *w) {
    for (uint32_t c = 0; c < CHANNELS; c++) {
        const struct raw_counts counts = raw_recorder_counts(w->raw, c);
        atomic_store(&w->acked->raw_lost[c], counts.lost);
        atomic_store(&w->acked->raw[c], counts.acked);
    }
    atomic_store(&w->acked->journal_lost, journal_counts(w->journal).lost);
    atomic_store(&w->acked->journal, journal_counts(w->journal).acked);
    atomic_store(&w->acked->given, w->k);
}

static void write_until_killed(const char *folder, struct acknowledged *acked, const struct disk_engine *engine) {
    struct writer w = { .acked = acked };
    const struct live_session session = { .array = &array, .calibration_path = "", .config_text = "", .folder = folder, .base_name = "run", .sample_period_s = 5e-5 };
    make_scan(&w);
    if (!raw_recorder_new(&(struct raw_settings){ .engine = engine, .memory_bytes = 64 << 20, .block_bytes = 65536, .flush_s = 0.05, .retry_s = 0.1 }, &w.raw) ||
        !journal_new(&(struct journal_settings){ .engine = engine, .n_blocks = 128, .flush_s = 0.02, .sync_s = 0.2, .retry_s = 0.1 }, &w.journal) ||
        !live_archive_new(&(struct live_archive_settings){ .rows_waiting = 100000, .retry_s = 0.1 }, &w.archive) ||
        !record_block_new(BATCH, BATCH * SAMPLES, &w.records) || !row_block_new(BATCH, &w.rows))
        _exit(3);
    struct record_sink raw = raw_recorder_sink(w.raw);
    struct live_sink journal = journal_sink(w.journal), archive = live_archive_sink(w.archive);
    raw.run(raw.context, &session, true);
    journal.run(journal.context, &session, true);
    archive.run(archive.context, &session, true);
    while (w.k + BATCH < POINTS * (uint64_t)POINT_ROWS) {
        make_batch(&w);
        raw.records(raw.context, w.records);
        journal.rows(journal.context, w.rows);
        tell_archive(&w);
        raw.step(raw.context);
        journal.step(journal.context);
        acknowledge(&w);
        nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
    }
    pause();
}

/* ---- what is found ---- */

struct bytes { const uint8_t *at; size_t n; };

static struct bytes map_file(const char *path) {
    struct stat facts;
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_size == 0)
        return (struct bytes){ 0 };
    const struct bytes b = { .at = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0), .n = (size_t)facts.st_size };
    close(fd);
    return b;
}

static void unmap(struct bytes b) {
    if (b.n > 0)
        munmap((void *)(uintptr_t)b.at, b.n);
}

static void raw_is_there(const char *folder, const struct acknowledged *acked) {
    for (uint32_t c = 0; c < CHANNELS; c++) {
        char path[400];
        struct ljh_header header;
        struct complaint why;
        struct ljh_cursor cursor = { 0 };
        struct pulse_record r;
        snprintf(path, sizeof path, "%s/run_%.20s.ljh", folder, channels[c].name);
        const struct bytes b = map_file(path);
        uint64_t k = c, missing = 0;
        if (b.n > 0 && ljh_header_parse(b.at, b.n, &header, &why) == STATUS_OK) {
            ljh_cursor_init(&cursor, &header);
            for (; ljh_cursor_next(&cursor, b.at, b.n, true, c, &r) == LJH_RECORD; k += CHANNELS) {
                assert_true(r.trigger_frame >= (int64_t)k && ((uint64_t)r.trigger_frame - k) % CHANNELS == 0);   /* in order, once */
                missing += ((uint64_t)r.trigger_frame - k) / CHANNELS;
                k = (uint64_t)r.trigger_frame;
                for (uint32_t i = 0; i < SAMPLES; i++)
                    assert_int_equal(r.samples[i], sample_of(k, i));
            }
        }
        assert_true(cursor.records >= atomic_load(&acked->raw[c]));
        assert_true(missing == 0 || missing <= atomic_load(&acked->raw_lost[c]) + BATCH / CHANNELS);   /* the last batch may not be counted yet */
        assert_int_equal(cursor.torn, 0);
        unmap(b);
    }
}

static uint64_t journal_is_there(const char *folder, const struct acknowledged *acked) {
    char path[400];
    snprintf(path, sizeof path, "%s/run.journal", folder);
    const struct bytes b = map_file(path);
    struct journal_reader reader = { 0 };
    struct journal_block block;
    uint64_t next = 0, found = 0, missing = 0;
    while (b.n > 0 && journal_reader_next(&reader, b.at, b.n, &block))
        for (uint32_t i = 0; block.kind == JOURNAL_ROWS && i < block.rows; i++) {
            const struct journal_row row = journal_block_row(&block, i);
            const uint64_t k = made_row_number(row.time_ns);
            assert_true(k >= next && row.time_ns == row_time(k) && row.frame == (int64_t)k * 7 + 3);
            missing += k - next;
            next = k + 1;
            found++;
        }
    assert_int_equal(reader.missing, 0);
    assert_true(found >= atomic_load(&acked->journal));
    assert_true(missing == 0 || missing <= atomic_load(&acked->journal_lost) + BATCH);
    unmap(b);
    return found;
}

/* Every row of every flushed point, once. */
static uint64_t points_are_there(const char *folder, const struct acknowledged *acked) {
    static uint8_t seen[POINTS * POINT_ROWS];
    char path[400], fixed[400];
    const uint64_t points = atomic_load(&acked->points);
    uint64_t rows = 0;
    snprintf(path, sizeof path, "%s/run_scan0005.nxs", folder);
    snprintf(fixed, sizeof fixed, "%s/fixed.nxs", folder);
    if (points == 0)
        return 0;
    const char *const inputs[] = { path };
    assert_true(rebuild_file(&(struct rebuild){ .n_inputs = 1, .inputs = inputs, .state = "recovered", .command_line = "" }, fixed));
    struct h5_input in;
    struct photon_block *b = NULL;
    memset(seen, 0, sizeof seen);
    assert_true(h5_input_open(fixed, &in) && photon_block_new(10000, &b) == STATUS_OK);
    const hid_t entry = h5_input_group(&in, in.id, "entry");
    struct photon_file *f = photon_file_open(&in, entry);
    while (b != NULL && photon_file_next(f, b) && b->n > 0)
        for (size_t i = 0; i < b->n; i++) {
            const uint64_t k = made_row_number(b->time_ns[i]);
            assert_int_equal(seen[k]++, 0);
            rows++;
        }
    for (uint64_t k = 0; k < points * POINT_ROWS; k++)
        assert_int_equal(seen[k], 1);
    photon_file_close(f);
    photon_block_free(b);
    H5Gclose(entry);
    h5_input_close(&in);
    return rows;
}

static void kill_one(struct dice *d, int number, const struct disk_engine *engine) {
    char folder[200], command[300];
    snprintf(folder, sizeof folder, "%s", in_folder("killed"));
    struct acknowledged *acked = mmap(NULL, sizeof *acked, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(NULL);
    const pid_t writer = made_child();
    if (writer == 0) {
        write_until_killed(folder, acked, engine);
        _exit(0);
    }
    const int64_t wait_us = 20000 + dice_below(d, 700000);
    nanosleep(&(struct timespec){ .tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000 }, NULL);
    kill(writer, SIGKILL);
    int status;
    waitpid(writer, &status, 0);
    assert_true(WIFSIGNALED(status));
    raw_is_there(folder, acked);
    const uint64_t rows = journal_is_there(folder, acked), photons = points_are_there(folder, acked);
    uint64_t raw = 0;
    for (uint32_t c = 0; c < CHANNELS; c++)
        raw += atomic_load(&acked->raw[c]);
    printf("%2d after %3lld ms, %s: %llu rows given; raw %llu acknowledged, journal %llu (found %llu), %llu points (%llu rows): all there, none twice\n", number,
           (long long)wait_us / 1000, engine != NULL ? engine->name : "best", (unsigned long long)atomic_load(&acked->given), (unsigned long long)raw,
           (unsigned long long)atomic_load(&acked->journal), (unsigned long long)rows, (unsigned long long)atomic_load(&acked->points), (unsigned long long)photons);
    munmap(acked, sizeof *acked);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void killed_at_random_moments(void **state) {
    (void)state;
    const char *asked = getenv("TESD_KILLS");
    const int kills = asked != NULL ? atoi(asked) : 4;
    struct dice d = dice_new();
    for (int k = 0; k < kills; k++)
        kill_one(&d, k + 1, k % 4 == 3 ? &disk_engine_pwrite : NULL);
}

int main(void) {
    H5dont_atexit();
    name_channels();
    log_set_level(LOG_LEVEL_WARNING);
    const struct CMUnitTest tests[] = { cmocka_unit_test(killed_at_random_moments) };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
