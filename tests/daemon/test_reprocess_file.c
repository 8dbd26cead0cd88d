/* What a reprocessing's file holds beside its photons: totals of every pixel as they were counted, the groups of scans, sums and calibrations, what changed, and the sums over pixels. */
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/reprocess_file.h"
#include "tests/daemon/made_rows_work.h"

struct made_file {
    struct made_work m;
    struct reprocessed result;
    struct reprocess_file file;
};

static double resolution_at(const void *context, int64_t time_ns) {
    (void)context;
    (void)time_ns;
    return 2.0;
}

/* Totals that say of which pixel they are, as none that was counted would. */
static void make_totals(struct reprocessed *r) {
    r->n_pixels = MADE_PIXELS;
    r->pixels = calloc(MADE_PIXELS, sizeof *r->pixels);
    assert_non_null(r->pixels);
    for (uint64_t p = 0; p < MADE_PIXELS; p++) {
        r->pixels[p] = (struct pixel_totals){ .records = 1000 + p, .photons = 900 + p, .jumped_ns = p == 2 ? 77 : 0, .torn = p, .duplicates = 2 * p, .restarts = 3 * p, .disagreements = 4 * p,
                                              .tail_bytes = 5 * p, .unreadable = 6 * p };
        for (uint64_t k = 0; k < N_CUTS; k++)
            r->pixels[p].cut_counts[k] = 100 * p + k;
    }
}

/* Photons graded and binned, products made: what reprocess.c has when it writes. */
static struct made_file *begin(const struct made_work_world *w, const char *path_of) {
    struct made_file *f = calloc(1, sizeof *f);
    assert_non_null(f);
    made_work_begin(&f->m, w, true, NULL, NULL);
    if (path_of != NULL) {   /* another version of that file */
        archive_abandon(f->m.archive);
        memcpy(f->m.path, path_of, sizeof f->m.path);
        assert_true(archive_create(f->m.path, false, &f->m.archive));
    }
    for (size_t p = 0; p < MADE_PIXELS; p++) {
        struct channel_rows rows = { 0 };
        channel_rows_make(&f->m.work, p, &rows);
        assert_non_null(rows.block);
        bin_stage_add(f->m.bins, rows.block);
        assert_true(archive_photons(f->m.archive, rows.block) && grading_take(f->m.work.grading, p, rows.block));
        channel_rows_free(&f->m.work, &rows);
    }
    assert_true(archive_photons_end(f->m.archive) && grading_finish(f->m.work.grading, f->m.archive));
    make_totals(&f->result);
    f->result.bins = f->m.bins;
    assert_int_equal(scan_sums_make(f->m.bins->products, f->m.bins->n_products, &f->result.sums, &f->result.n_sums), STATUS_OK);
    assert_true(scan_elastics_find(f->m.bins->products, f->m.bins->n_products, f->result.sums, f->result.n_sums, resolution_at, NULL, &f->result.elastics));
    f->m.settings.process = (struct archive_process){ .command_line = "test", .config_text = "", .state = "final" };
    f->m.settings.title = "a test";
    f->m.settings.calibration_state = "loaded";
    f->file = (struct reprocess_file){ .archive = f->m.archive, .work = &f->m.work, .settings = &f->m.settings, .result = &f->result };
    return f;
}

static void end(struct made_file *f) {
    f->result.bins = NULL;   /* made_work's */
    reprocessed_done(&f->result);
    made_work_end(&f->m);
    free(f);
}

/* The archive is gone with it. */
static hid_t finish(struct made_file *f) {
    assert_true(reprocess_file_history(&f->file, f->m.path));
    f->m.archive = NULL;
    assert_true(reprocess_file_finish(&f->file));
    hid_t h = H5Fopen(f->m.path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(h >= 0);
    return h;
}

static void read_u8(hid_t file, const char *name, uint64_t *out, size_t n) {
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(d);
    assert_true(d >= 0);
    assert_int_equal(H5Sget_simple_extent_npoints(space), n);
    assert_true(H5Dread(d, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Sclose(space);
    H5Dclose(d);
}

static uint64_t number(hid_t file, const char *name) {
    uint64_t value;
    read_u8(file, name, &value, 1);
    return value;
}

static void first_text(hid_t file, const char *name, char *out, size_t size) {
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), type = H5Dget_type(d), space = H5Dget_space(d);
    assert_true(d >= 0);
    const size_t n = (size_t)H5Sget_simple_extent_npoints(space), each = H5Tget_size(type);
    char *all = calloc(n + 1, each + 1);
    assert_non_null(all);
    assert_true(n > 0 && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0);
    snprintf(out, size, "%.*s", (int)each, all);
    free(all);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(d);
}

static bool has(hid_t file, const char *name) { return H5Lexists(file, name, H5P_DEFAULT) > 0; }

/* Row by row; what never came is what the file lacks and what a live session knows of the store's pixel. */
static void pixels_as_counted(void **state) {
    static const uint16_t pixel_of[MADE_PIXELS] = { 3, 2, 1, 0 };
    static const uint64_t lost[MADE_PIXELS] = { 10, 20, 30, 40 };
    static const struct reprocess_stored stored = { .pixel_of = pixel_of, .lost = lost }, unknown = { .pixel_of = pixel_of };
    const struct made_work_world *w = *state;
    for (int kind = 0; kind < 3; kind++) {
        struct made_file *f = begin(w, NULL);
        f->m.work.stored = kind == 0 ? NULL : kind == 1 ? &stored : &unknown;
        assert_true(reprocess_file_pixels(&f->file));
        hid_t h = finish(f);
        uint64_t records[MADE_PIXELS], photons[MADE_PIXELS], channel[MADE_PIXELS], upstream[MADE_PIXELS], jumped[MADE_PIXELS], cuts[MADE_PIXELS * N_CUTS];
        read_u8(h, "entry/pixels/records", records, MADE_PIXELS);
        read_u8(h, "entry/pixels/photons", photons, MADE_PIXELS);
        read_u8(h, "entry/pixels/channel", channel, MADE_PIXELS);
        read_u8(h, "entry/pixels/lost_upstream", upstream, MADE_PIXELS);
        read_u8(h, "entry/pixels/jumped_ns", jumped, MADE_PIXELS);
        read_u8(h, "entry/pixels/cut_counts", cuts, MADE_PIXELS * N_CUTS);
        for (uint64_t p = 0; p < MADE_PIXELS; p++) {
            assert_int_equal(records[p], 1000 + p);
            assert_int_equal(photons[p], 900 + p);
            assert_int_equal(channel[p], w->model->channels[p].channel);
            assert_int_equal(upstream[p], p + (kind == 1 ? lost[3 - p] : 0));
            assert_int_equal(jumped[p], p == 2 ? 77 : 0);
            for (uint64_t k = 0; k < N_CUTS; k++)
                assert_int_equal(cuts[p * N_CUTS + k], 100 * p + k);
        }
        H5Fclose(h);
        end(f);
    }
}

/* Every scan with its maps, its sum, every calibration with the pulses it was learnt from; then the sums of the totals and the times of the input. */
static void groups_and_sums(void **state) {
    const struct made_work_world *w = *state;
    struct made_file *f = begin(w, NULL);
    char name[200], text[64];
    assert_true(f->m.bins->n_products > 0 && f->result.n_sums > 0 && w->model->n_tables > 0);
    assert_true(reprocess_file_pixels(&f->file) && reprocess_file_products(&f->file));
    hid_t h = finish(f);
    for (size_t k = 0; k < f->m.bins->n_products; k++) {
        const int32_t scan = f->m.bins->products[k]->scan->number;
        snprintf(name, sizeof name, "entry/scan_%04d", scan);
        assert_true(has(h, name));
        snprintf(name, sizeof name, "entry/rixs_%04d", scan);
        assert_true(has(h, name));
    }
    for (size_t k = 0; k < f->result.n_sums; k++) {
        snprintf(name, sizeof name, "entry/sum_%s_rixs", f->result.sums[k].group);
        assert_true(has(h, name));
    }
    for (size_t k = 0; k < w->model->n_tables; k++) {
        snprintf(name, sizeof name, "entry/calibration_%04d", w->model->tables[k]->number);
        assert_true(has(h, name));
    }
    assert_int_equal(number(h, "entry/process/counters/records"), 4 * 1000 + 6);
    assert_int_equal(number(h, "entry/process/counters/photons"), 4 * 900 + 6);
    assert_int_equal(number(h, "entry/process/counters/torn_records"), 6);
    assert_int_equal(number(h, "entry/process/counters/duplicate_records"), 12);
    assert_int_equal(number(h, "entry/process/counters/frame_restarts"), 18);
    assert_int_equal(number(h, "entry/process/counters/stamp_disagreements"), 24);
    assert_int_equal(number(h, "entry/process/counters/tail_bytes"), 30);
    assert_int_equal(number(h, "entry/process/counters/unreadable_files"), 36);
    assert_int_equal(number(h, "entry/process/counters/pixel_deaths"), grading_died(f->m.work.grading));
    first_text(h, "entry/start_time", text, sizeof text);
    assert_non_null(strstr(text, "2026-03-02T09:00:"));
    first_text(h, "entry/title", text, sizeof text);
    assert_string_equal(text, "a test");
    H5Fclose(h);
    end(f);
}

/* The same again changes nothing; another state is another version, and says against what. */
static void versions_follow(void **state) {
    const struct made_work_world *w = *state;
    char path[sizeof ((struct made_work *)0)->path] = "", text[300];
    for (uint64_t turn = 0; turn < 3; turn++) {
        struct made_file *f = begin(w, turn > 0 ? path : NULL);
        memcpy(path, f->m.path, sizeof path);
        if (turn == 2)
            f->m.settings.process.state = "prelim";
        assert_true(reprocess_file_pixels(&f->file) && reprocess_file_products(&f->file));
        hid_t h = finish(f);
        assert_int_equal(number(h, "entry/process/product_version"), turn == 2 ? 2 : 1);
        assert_true(has(h, "entry/process/changes") == (turn == 2));
        if (turn == 2) {
            first_text(h, "entry/process/changes", text, sizeof text);
            assert_string_equal(text, "state: final -> prelim");
        }
        H5Fclose(h);
        end(f);
    }
}

/* Nothing was read: the file says so by the beginning of time rather than by its end. */
static void no_records_no_times(void **state) {
    struct made_work_world nothing = *(struct made_work_world *)*state;
    struct made_file *f = begin(*state, NULL);
    char text[64];
    nothing.made.b.pulses.first_ns = INT64_MAX;
    nothing.made.b.pulses.last_ns = INT64_MIN;
    f->m.work.beamtime = &nothing.made.b;
    hid_t h = finish(f);
    first_text(h, "entry/start_time", text, sizeof text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    first_text(h, "entry/end_time", text, sizeof text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    H5Fclose(h);
    end(f);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(pixels_as_counted), cmocka_unit_test(groups_and_sums), cmocka_unit_test(versions_follow), cmocka_unit_test(no_records_no_times) };
    return cmocka_run_group_tests(tests, made_work_open, made_work_close);
}
