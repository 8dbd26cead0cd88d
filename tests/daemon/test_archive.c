#include <hdf5.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/photon_columns.h"
#include "daemon/sink/archive.h"
#include "tests/daemon/made_child.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_scan.h"

/* The rows of /entry/pixels as the photons give them. */
static void count_pixels(struct archive_pixel *pixels, uint32_t n, struct made_scan *const *scans, size_t n_scans) {
    for (uint32_t p = 0; p < n; p++) {
        pixels[p] = (struct archive_pixel){ .channel = 2 * p + 1, .sensitivity = 1, .verdict = "good", .reason = p == 1 ? "made up" : NULL, .resolution_eV = NAN };
        snprintf(pixels[p].name, sizeof pixels[p].name, "chan%u", 2 * p + 1);
    }
    for (size_t s = 0; s < n_scans; s++)
        for (size_t i = 0; i < scans[s]->photons->n; i++) {
            struct archive_pixel *p = &pixels[scans[s]->photons->pixel[i]];
            uint32_t cuts = scans[s]->photons->cuts[i];
            p->records++;
            p->photons += cuts == 0;
            if (cuts)
                p->cut_counts[cut_reason(cuts)]++;
        }
}

static bool finish(struct archive *a) {
    static const char *const inputs[] = { "run/chan1.ljh", "run/chan3.ljh" };
    static const struct archive_counter counters[] = { { "records", 12 }, { "torn", 0 } };
    struct archive_process process = { .command_line = "tesd replay", .config_text = "", .inputs = inputs, .n_inputs = 2, .state = "final",
                                       .counters = counters, .n_counters = 2 };
    return archive_finish(a, "a test", made_start_ns, made_start_ns + 1500, &process);
}

static void write_file(const char *path, struct made_scan *const *scans, size_t n_scans, uint32_t n_pixels, bool compress) {
    struct archive *a;
    struct archive_pixel *pixels = calloc(n_pixels + (size_t)1, sizeof *pixels);
    assert_true(archive_create(path, compress, &a));
    count_pixels(pixels, n_pixels, scans, n_scans);
    for (size_t s = 0; s < n_scans; s++)
        assert_true(archive_photons(a, scans[s]->photons));
    assert_true(archive_pixels(a, pixels, n_pixels));
    for (size_t s = 0; s < n_scans; s++)
        assert_true(archive_scan(a, scans[s]->products));
    assert_true(finish(a));
    free(pixels);
}

static hid_t open_file(const char *path) {
    hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(f >= 0);
    return f;
}

/* All elements of a dataset as raw bytes in the file's own type; caller frees. */
static void *raw(hid_t file, const char *name, size_t *bytes) {
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), type = H5Dget_type(d), space = H5Dget_space(d);
    assert_true(d >= 0);
    *bytes = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    void *data = calloc(*bytes + 1, 1);
    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(d);
    return data;
}

static void text_is(hid_t file, const char *name, const char *want) {
    size_t bytes;
    char *got = raw(file, name, &bytes);
    assert_string_equal(got, want);
    free(got);
}

static void attribute_is(hid_t file, const char *object, const char *name, const char *want) {
    char got[200] = "";
    hid_t a = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT), type = H5Aget_type(a);
    assert_true(a >= 0 && H5Tget_size(type) < sizeof got);
    H5Aread(a, type, got);
    assert_string_equal(got, want);
    H5Tclose(type);
    H5Aclose(a);
}

static void bytes_are(hid_t file, const char *name, const void *want, size_t n) {
    size_t bytes;
    void *got = raw(file, name, &bytes);
    assert_int_equal(bytes, n);
    assert_memory_equal(got, want, n);
    free(got);
}

static void columns_and_products_come_back(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .number = 3, .n_points = 20, .n_pixels = 4, .n_photons = 40000, .i0 = true, .incident = true, .seed = 7 });
    write_file(in_folder("a.nxs"), &m, 1, 4, false);
    assert_int_equal(access(in_folder("a.nxs.part"), F_OK), -1);
    hid_t f = open_file(in_folder("a.nxs"));
    bytes_are(f, "entry/photons/time_ns", m->photons->time_ns, 40000 * 8);
    bytes_are(f, "entry/photons/energy_eV", m->photons->energy_eV, 40000 * 4);
    bytes_are(f, "entry/photons/pixel", m->photons->pixel, 40000 * 2);
    bytes_are(f, "entry/photons/grade", m->photons->grade, 40000);
    bytes_are(f, "entry/rixs_0003/counts", m->products->emission->counts, 20 * 3600 * 4);
    bytes_are(f, "entry/rixs_0003/emission_energy_edges", m->products->emission->edges_eV, 3601 * 8);
    bytes_are(f, "entry/loss_0003/outside", m->products->loss->outside, 20 * 5 * 4);
    bytes_are(f, "entry/pfy_0003_Co/counts", m->products->yields[2]->counts, 20 * 4);
    bytes_are(f, "entry/scan_0003/moving", m->products->moving, 20 * 4);
    attribute_is(f, "/", "default", "entry");
    attribute_is(f, "entry", "default", "rixs_0003");
    attribute_is(f, "entry/pfy_0003_Co", "normalised_by", "i0 x live_time");
    text_is(f, "entry/start_time", "2020-10-22T12:11:11.000000Z");
    text_is(f, "entry/end_time", "2020-10-22T12:11:11.000001Z");
    text_is(f, "entry/scan_0003/sample", "LiCoO2 \xc2\xb5");
    assert_true(H5Lexists(f, "entry/scan_0003/temp_K", H5P_DEFAULT) > 0);
    H5Fclose(f);
    made_scan_free(m);
}

/* Before and after their chunk went to the file; and the grade times of every pixel and point. */
static void rows_can_be_regraded_and_times_come_back(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .number = 3, .n_points = 5, .n_pixels = 4, .n_photons = 40000, .i0 = true, .incident = true, .seed = 9 });
    for (int k = 0; k < 4 * 5 * 6; k++)
        m->products->grade_time_ns[k] = 1000 + k;
    struct archive *a;
    assert_true(archive_create(in_folder("grades.nxs"), false, &a));
    assert_true(archive_photons(a, m->photons));
    static const uint64_t rows[] = { 0, 16383, 16384, 39999 };
    for (int k = 0; k < 4; k++) {
        m->photons->grade[rows[k]] = GRADE_NONE;
        m->photons->flags[rows[k]] |= FLAG_LAST_OF_DEAD;
        assert_true(archive_photon_regrade(a, rows[k], m->photons->grade[rows[k]], m->photons->flags[rows[k]]));
    }
    assert_true(archive_scan(a, m->products));
    assert_true(finish(a));
    hid_t f = open_file(in_folder("grades.nxs"));
    bytes_are(f, "entry/photons/grade", m->photons->grade, 40000);
    bytes_are(f, "entry/photons/flags", m->photons->flags, 40000);
    bytes_are(f, "entry/scan_0003/grade_time_ns", m->products->grade_time_ns, 4 * 5 * 6 * sizeof(int64_t));
    assert_true(H5Aexists_by_name(f, "entry/scan_0003", "chi2_grades", H5P_DEFAULT) > 0);
    H5Fclose(f);
    made_scan_free(m);
}

static void yields_are_counts_over_i0_and_live_time(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 9, .n_pixels = 2, .n_photons = 3000, .i0 = true, .incident = true, .seed = 8 });
    m->scan.points[4].i0 = 0;
    write_file(in_folder("y.nxs"), &m, 1, 2, false);
    hid_t f = open_file(in_folder("y.nxs"));
    size_t bytes;
    double *yield = raw(f, "entry/pfy_0000_tfy/yield", &bytes);
    for (uint32_t k = 0; k < 9; k++) {
        double want = m->products->yields[3]->counts[k] / (m->scan.points[k].i0 * m->products->live_time_s[k]);
        if (k == 4)
            assert_true(isnan(yield[k]));
        else
            assert_true(fabs(yield[k] - want) <= 1e-12 * want);
    }
    free(yield);
    H5Fclose(f);
    made_scan_free(m);
}

/* ---- the same calls give the same datasets ---- */

struct comparison { hid_t other; int datasets; };

static herr_t compare_object(hid_t file, const char *name, const H5O_info_t *info, void *context) {
    struct comparison *c = context;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    size_t n, m;
    void *a = raw(file, name, &n), *b = raw(c->other, name, &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    c->datasets++;
    free(a);
    free(b);
    return 0;
}

static int compare_files(const char *first, const char *second) {
    hid_t f = open_file(first);
    struct comparison c = { .other = open_file(second) };
    assert_true(H5Ovisit2(f, H5_INDEX_NAME, H5_ITER_INC, compare_object, &c, H5O_INFO_BASIC) >= 0);
    H5Fclose(f);
    H5Fclose(c.other);
    return c.datasets;
}

static void same_calls_give_the_same_datasets(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .number = 1, .n_points = 30, .n_pixels = 3, .n_photons = 20000, .i0 = true, .incident = true, .seed = 9 });
    write_file(in_folder("one.nxs"), &m, 1, 3, false);
    write_file(in_folder("two.nxs"), &m, 1, 3, false);
    write_file(in_folder("small.nxs"), &m, 1, 3, true);
    assert_true(compare_files(in_folder("one.nxs"), in_folder("two.nxs")) > 60);
    compare_files(in_folder("one.nxs"), in_folder("small.nxs"));
    char command[400];
    snprintf(command, sizeof command, "cmp '%s' '%s'", in_folder("one.nxs"), in_folder("two.nxs"));
    assert_int_equal(system(command), 0);
    struct stat plain, compressed;
    assert_int_equal(stat(in_folder("one.nxs"), &plain) | stat(in_folder("small.nxs"), &compressed), 0);
    assert_true(compressed.st_size < plain.st_size);
    made_scan_free(m);
}

static void block_sizes_do_not_matter(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 5, .n_pixels = 3, .n_photons = 40000, .incident = true, .seed = 10 });
    write_file(in_folder("whole.nxs"), &m, 1, 3, false);
    struct archive *a;
    assert_true(archive_create(in_folder("pieces.nxs"), false, &a));
    for (size_t done = 0, n; done < 40000; done += n) {
        struct photon_block piece = *m->photons;
        n = 1 + done / 7 < 40000 - done ? 1 + done / 7 : 40000 - done;
        piece.n = n;
        piece.time_ns += done, piece.frame += done, piece.pixel += done, piece.height += done, piece.energy_eV += done;
        piece.energy_sigma_eV += done, piece.arrival += done, piece.pretrigger_mean += done, piece.cuts += done, piece.grade += done;
        piece.flags += done, piece.scan += done, piece.point += done, piece.incident_eV += done;
        assert_true(archive_photons(a, &piece));
    }
    struct archive_pixel pixels[3];
    count_pixels(pixels, 3, &m, 1);
    assert_true(archive_pixels(a, pixels, 3) && archive_scan(a, m->products) && finish(a));
    compare_files(in_folder("whole.nxs"), in_folder("pieces.nxs"));
    made_scan_free(m);
}

/* Whole chunks are written into rows and space made ahead, of which nothing stays: neither behind a chunk nor behind a whole one. */
static void nothing_stays_of_what_was_made_ahead(void **state) {
    (void)state;
    static const uint32_t rows[] = { 32768, 40000 };
    for (size_t k = 0; k < 2; k++) {
        struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 5, .n_pixels = 3, .n_photons = rows[k], .incident = true, .seed = 13 });
        write_file(in_folder("ahead.nxs"), &m, 1, 3, false);
        struct stat facts;
        assert_int_equal(stat(in_folder("ahead.nxs"), &facts), 0);
        assert_in_range(facts.st_blocks * 512, 1, facts.st_size + 65536);
        hid_t f = open_file(in_folder("ahead.nxs"));
        for (int c = 0; c < N_PHOTON_COLUMNS; c++) {
            char name[80];
            snprintf(name, sizeof name, "entry/photons/%s", photon_columns[c].name);
            hid_t d = H5Dopen2(f, name, H5P_DEFAULT), space = H5Dget_space(d);
            assert_int_equal(H5Sget_simple_extent_npoints(space), rows[k]);
            H5Sclose(space);
            H5Dclose(d);
        }
        H5Fclose(f);
        assert_int_equal(unlink(in_folder("ahead.nxs")), 0);
        made_scan_free(m);
    }
}

/* Both that went to the file whole: elsewhere they take a sixth longer to write. Little is left empty between them. */
static void wide_chunks_begin_at_64_kB(void **state) {
    (void)state;
    struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 5, .n_pixels = 3, .n_photons = 40000, .incident = true, .seed = 12 });
    write_file(in_folder("wide.nxs"), &m, 1, 3, false);
    hid_t f = open_file(in_folder("wide.nxs"));
    haddr_t least = HADDR_UNDEF, end = 0;
    for (int k = 0; k < N_PHOTON_COLUMNS; k++) {
        char name[80];
        snprintf(name, sizeof name, "entry/photons/%s", photon_columns[k].name);
        hid_t d = H5Dopen2(f, name, H5P_DEFAULT);
        for (hsize_t row = 0; row < 32768; row += 16384) {
            unsigned filters;
            haddr_t at;
            hsize_t bytes;
            assert_true(H5Dget_chunk_info_by_coord(d, &row, &filters, &at, &bytes) >= 0);
            if (bytes < 65536)
                continue;
            assert_int_equal(at % 65536, 0);
            least = at < least ? at : least;
            end = at + bytes > end ? at + bytes : end;
        }
        H5Dclose(d);
    }
    assert_in_range(end - least, 2 * 16384 * 52, 2 * 16384 * 56 + 3 * 65536);
    H5Fclose(f);
    made_scan_free(m);
}

/* ---- odd files are valid files ---- */

/* The checker that stands outside the program, where it is there. */
static void checker_is_silent(const char *path) {
    const char *shared = getenv("TESD_SHARED") ? getenv("TESD_SHARED") : "../shared";
    char tool[300], command[700];
    snprintf(tool, sizeof tool, "%s/tools/check_nexus.py", shared);
    if (access(tool, R_OK) != 0 || system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") != 0) {
        print_message("skipped: no shared data\n");
        return;
    }
    snprintf(command, sizeof command, "LD_PRELOAD= /usr/bin/python3 '%s' '%s'", tool, path);
    assert_int_equal(system(command), 0);
}

static void degenerate_files_are_valid(void **state) {
    (void)state;
    static const struct made_plan plans[] = {
        { .n_points = 1, .n_pixels = 1, .n_photons = 50, .incident = true },
        { .n_points = 2, .n_pixels = 1, .n_photons = 0, .incident = true },
        { .number = 12, .n_points = 7, .n_pixels = 5, .n_photons = 100, .i0 = true },
        { .n_points = 3, .n_pixels = 2, .n_photons = 1, .i0 = true, .incident = true },
        { .number = 4, .n_points = 60, .n_pixels = 4, .n_photons = 20000, .i0 = true, .incident = true },
    };
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        struct made_scan *m = made_scan_new(plans[k]);
        write_file(in_folder("odd.nxs"), &m, 1, plans[k].n_pixels, false);
        checker_is_silent(in_folder("odd.nxs"));
        made_scan_free(m);
    }
    write_file(in_folder("nothing.nxs"), NULL, 0, 0, false);
    checker_is_silent(in_folder("nothing.nxs"));
    hid_t f = open_file(in_folder("nothing.nxs"));
    attribute_is(f, "entry", "default", "heights");
    H5Fclose(f);
}

static void sums_come_first_to_the_viewer(void **state) {
    (void)state;
    struct made_scan *m[2];
    for (int k = 0; k < 2; k++)
        m[k] = made_scan_new((struct made_plan){ .number = k + 1, .n_points = 10, .n_pixels = 2, .n_photons = 4000, .i0 = true, .incident = true, .seed = (uint64_t)k });
    struct scan_products *products[] = { m[0]->products, m[1]->products };
    struct scan_sum *sums;
    size_t n;
    assert_int_equal(scan_sums_make(products, 2, &sums, &n), STATUS_OK);
    assert_int_equal(n, 1);
    struct archive *a;
    assert_true(archive_create(in_folder("sum.nxs"), false, &a));
    struct archive_pixel pixels[2];
    count_pixels(pixels, 2, m, 2);
    for (int k = 0; k < 2; k++)
        assert_true(archive_photons(a, m[k]->photons) && archive_scan(a, m[k]->products));
    assert_true(archive_pixels(a, pixels, 2) && archive_sum(a, &sums[0]) && finish(a));
    hid_t f = open_file(in_folder("sum.nxs"));
    char name[200];
    snprintf(name, sizeof name, "sum_%s_rixs", sums[0].group);
    attribute_is(f, "entry", "default", name);
    snprintf(name, sizeof name, "entry/sum_%s_pfy_Co/counts", sums[0].group);
    bytes_are(f, name, sums[0].sum->yields[2]->counts, sums[0].sum->n_points * sizeof(uint32_t));
    H5Fclose(f);
    scan_sums_free(sums, n);
    made_scan_free(m[0]);
    made_scan_free(m[1]);
}

/* ---- trouble ---- */

static void a_folder_that_is_not_there_is_an_error(void **state) {
    (void)state;
    struct archive *a;
    assert_false(archive_create("/nowhere/at/all/out.nxs", false, &a));
    archive_abandon(NULL);
}

static void an_abandoned_file_is_removed(void **state) {
    (void)state;
    struct archive *a;
    assert_true(archive_create(in_folder("left.nxs"), false, &a));
    assert_int_equal(access(in_folder("left.nxs.part"), F_OK), 0);
    archive_abandon(a);
    assert_int_equal(access(in_folder("left.nxs.part"), F_OK), -1);
    assert_int_equal(access(in_folder("left.nxs"), F_OK), -1);
}

/* In a child, because a limit on file size cannot be lifted and HDF5 keeps what it could not write until the process ends. */
static void a_full_disk_is_an_error_and_leaves_nothing(void **state) {
    (void)state;
    pid_t child = made_child();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 200000, 200000 });
        struct made_scan *m = made_scan_new((struct made_plan){ .n_points = 5, .n_pixels = 3, .n_photons = 50000, .incident = true, .seed = 11 });
        struct archive *a;
        bool begun = archive_create(in_folder("full.nxs"), false, &a);
        bool wrote = begun && archive_photons(a, m->photons);
        bool done = begun && finish(a);
        made_scan_free(m);
        _exit(begun && !wrote && !done ? 0 : 1);
    }
    int ended;
    waitpid(child, &ended, 0);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    assert_int_equal(access(in_folder("full.nxs.part"), F_OK), -1);
    assert_int_equal(access(in_folder("full.nxs"), F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_and_products_come_back),
        cmocka_unit_test(rows_can_be_regraded_and_times_come_back),
        cmocka_unit_test(yields_are_counts_over_i0_and_live_time),
        cmocka_unit_test(same_calls_give_the_same_datasets),
        cmocka_unit_test(block_sizes_do_not_matter),
        cmocka_unit_test(wide_chunks_begin_at_64_kB),
        cmocka_unit_test(nothing_stays_of_what_was_made_ahead),
        cmocka_unit_test(degenerate_files_are_valid),
        cmocka_unit_test(sums_come_first_to_the_viewer),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
        cmocka_unit_test(an_abandoned_file_is_removed),
        cmocka_unit_test(a_full_disk_is_an_error_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
