/* A scan's file while it grows, after its end and after its writer was killed: the rows and products of every flushed point are those of the
 * scan, readers see them without a pause, and what could not be written is accounted for. */
#include <errno.h>
#include <hdf5.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "daemon/rebuild.h"
#include "daemon/sink/live_archive.h"
#include "tests/daemon/made_child.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_scan.h"
#include "tests/daemon/small_disk.h"

enum { PIXELS = 4, POINTS = 20, ROWS = 8000 };

static struct live_channel channels[PIXELS] = { { .name = "chan1", .number = 1 }, { .name = "chan3", .number = 3, .pixel = 1 }, { .name = "chan5", .number = 5, .pixel = 2 },
                                                { .name = "chan7", .number = 7, .pixel = 3 } };
static uint16_t index_of_pixel[PIXELS] = { 0, 1, 2, 3 };
static const struct live_array array = { .n_channels = PIXELS, .channels = channels, .n_pixels = PIXELS, .index_of_pixel = index_of_pixel };

static struct live_session session_in(const char *folder) {
    return (struct live_session){ .array = &array, .calibration_path = "", .config_text = "a: 1\n", .folder = folder, .base_name = "20260302_run0007" };
}

static struct made_scan *make_scan(bool in_order) {
    struct made_scan *m = made_scan_new((struct made_plan){ .number = 3, .n_points = POINTS, .n_pixels = PIXELS, .n_photons = ROWS, .i0 = true, .incident = true, .seed = 11 });
    for (size_t i = 0; i < ROWS && in_order; i++)   /* a pixel's rows of a point follow one another */
        if (m->photons->point[i] >= 0)
            m->photons->time_ns[i] = m->scan.points[m->photons->point[i]].start_ns + (int64_t)i * 1000;
        else
            m->photons->time_ns[i] += (int64_t)i * 1000;
    return m;
}

static int32_t after_of(const struct made_scan *m, size_t i) {
    int32_t k = 0;
    while (k + 1 < POINTS && m->scan.points[k + 1].start_ns <= m->photons->time_ns[i])
        k++;
    return k;
}

/* Rows of point k and of the motion behind it; half of them first. */
static void give_point(struct live_archive *a, const struct made_scan *m, int32_t k, struct photon_block *room) {
    for (int half = 0; half < 2; half++) {
        room->n = 0;
        for (size_t i = 0; i < m->photons->n; i++)
            if (after_of(m, i) == k && (i < ROWS / 2) == (half == 0))
                photon_block_copy_row(room, m->photons, i);
        live_archive_rows(a, room, false);
    }
}

static struct live_archive *archive_with(size_t rows) {
    struct live_archive *a;
    assert_true(live_archive_new(&(struct live_archive_settings){ .rows_waiting = rows, .retry_s = 0.01 }, &a));
    return a;
}

/* ---- reading ---- */

static hid_t open_any(const char *path) {
    const hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (f < 0)
        fail_msg("%s cannot be opened", path);
    return f;
}

static void *numbers(hid_t f, const char *name, hid_t type, size_t size, size_t *n) {
    const hid_t d = H5Dopen2(f, name, H5P_DEFAULT), space = d >= 0 ? H5Dget_space(d) : -1;
    if (d < 0)
        fail_msg("no %s", name);
    *n = (size_t)H5Sget_simple_extent_npoints(space);
    void *data = calloc(*n + 1, size);
    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Sclose(space);
    H5Dclose(d);
    return data;
}

static int64_t sum_of(hid_t f, const char *name, size_t *n) {
    int64_t *x = numbers(f, name, H5T_NATIVE_INT64, sizeof *x, n), sum = 0;
    for (size_t i = 0; i < *n; i++)
        sum += x[i];
    free(x);
    return sum;
}

/* The file holds exactly the first n points: rows, counts and maps. */
static void holds_points(const char *path, const struct made_scan *m, uint32_t n) {
    const hid_t f = open_any(path);
    size_t length, rows = 0;
    int64_t photons = 0, map = 0, co = 0;
    for (size_t i = 0; i < m->photons->n; i++)
        rows += after_of(m, i) < (int32_t)n;
    for (uint32_t k = 0; k < n; k++) {
        photons += m->products->photons[k];
        co += m->products->yields[2]->counts[k];
        for (uint32_t b = 0; b < m->products->emission->n_bins; b++)
            map += m->products->emission->counts[(size_t)k * m->products->emission->n_bins + b];
    }
    sum_of(f, "entry/photons/frame", &length);
    assert_int_equal(length, rows);
    assert_int_equal(sum_of(f, "entry/scan_0003/photons", &length), photons);
    assert_int_equal(length, n);
    assert_int_equal(sum_of(f, "entry/rixs_0003/counts", &length), map);
    assert_int_equal(length, n * (size_t)m->products->emission->n_bins);
    assert_int_equal(sum_of(f, "entry/pfy_0003_Co/counts", &length), co);
    assert_int_equal(sum_of(f, "entry/pixels/records", &length), rows);
    H5Fclose(f);
}

static bool accepted(const char *path) {
    const char *shared = getenv("TESD_SHARED") ? getenv("TESD_SHARED") : "../shared";
    char tool[300], command[900];
    snprintf(tool, sizeof tool, "%s/tools/check_nexus.py", shared);
    snprintf(command, sizeof command, "LD_PRELOAD= /usr/bin/python3 '%s' '%s'", tool, path);
    if (access(tool, R_OK) == 0)
        return system(command) == 0;
    print_message("skipped: no independent checker\n");
    return true;
}

static void is_accepted(const char *path) { assert_true(accepted(path)); }

/* ---- */

static void a_file_grows_and_ends_whole(void **state) {
    (void)state;
    for (int in_order = 0; in_order < 2; in_order++) {
        char folder[200];
        struct photon_block *room;
        struct made_scan *m = make_scan(in_order);
        assert_int_equal(photon_block_new(ROWS, &room), STATUS_OK);
        snprintf(folder, sizeof folder, "%s/%d/0007", in_folder("grow"), in_order);
        const struct live_session session = session_in(folder);
        struct live_archive *a = archive_with(ROWS);
        live_archive_run(a, &session, true);
        live_archive_scan(a, m->products, 0, false);
        for (uint32_t k = 0; k < POINTS; k++) {
            give_point(a, m, (int32_t)k, room);
            live_archive_scan(a, m->products, k + 1, false);
        }
        live_archive_scan(a, m->products, POINTS, true);
        strcat(folder, "/20260302_run0007_scan0003.nxs");
        assert_string_equal(live_archive_path(a), folder);
        assert_int_equal(live_archive_counts(a).files, 1);
        assert_int_equal(live_archive_counts(a).lost, 0);
        live_archive_free(a);
        holds_points(folder, m, POINTS);
        is_accepted(folder);
        photon_block_free(room);
        made_scan_free(m);
    }
}

/* h5py opens the file once and follows it, as a viewer would. */
static void a_reader_follows(void **state) {
    (void)state;
    if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) {
        print_message("skipped: no h5py\n");
        return;
    }
    static const char script[] =
        "import sys, time, h5py\n"
        "f = h5py.File(sys.argv[1], 'r', libver='latest', swmr=True)\n"
        "seen, rows = set(), 0\n"
        "for k in range(3000):\n"
        "    flushed = f['entry/process/flushed_rows']; flushed.refresh(); sure = int(flushed[()])\n"
        "    points = f['entry/scan_0003/photons']; points.refresh()\n"
        "    t = f['entry/photons/time_ns']; t.refresh()\n"
        "    c = f['entry/rixs_0003/counts']; c.refresh()\n"
        "    assert t.shape[0] >= sure >= rows and c.shape[1] == 3600\n"
        "    assert (t[:sure] > 0).all()\n"
        "    rows = sure; seen.add(points.shape[0])\n"
        "    if points.shape[0] == 20: break\n"
        "    time.sleep(0.005)\n"
        "assert points.shape[0] == 20 and len(seen) > 3, seen\n"
        "assert points[()].sum() > 0\n";
    FILE *f = fopen(in_folder("follow.py"), "w");
    fputs(script, f);
    fclose(f);
    struct photon_block *room;
    struct made_scan *m = make_scan(true);
    assert_int_equal(photon_block_new(ROWS, &room), STATUS_OK);
    const struct live_session session = session_in(in_folder("follow"));
    struct live_archive *a = archive_with(ROWS);
    live_archive_run(a, &session, true);
    pid_t reader = 0;
    int ended = 0;
    for (uint32_t k = 0; k < POINTS; k++) {
        give_point(a, m, (int32_t)k, room);
        live_archive_scan(a, m->products, k + 1, false);
        if (k == 0 && (reader = made_child()) == 0) {
            execl("/usr/bin/python3", "/usr/bin/python3", in_folder("follow.py"), live_archive_path(a), (char *)NULL);
            _exit(127);
        }
        nanosleep(&(struct timespec){ .tv_nsec = k == 0 ? 500000000 : 60000000 }, NULL);
    }
    waitpid(reader, &ended, 0);
    assert_int_equal(ended, 0);
    live_archive_free(a);
    photon_block_free(room);
    made_scan_free(m);
}

/* Killed behind point k, with rows of the next one on their way. */
static void a_killed_writer_leaves_what_was_flushed(void **state) {
    (void)state;
    struct photon_block *room;
    struct made_scan *m = make_scan(false);
    assert_int_equal(photon_block_new(ROWS, &room), STATUS_OK);
    for (uint32_t k = 1; k < POINTS; k += 6) {
        char folder[200], path[300];
        snprintf(folder, sizeof folder, "%s/%u", in_folder("kill"), k);
        const struct live_session session = session_in(folder);
        const pid_t writer = made_child();
        if (writer == 0) {
            struct live_archive *a = archive_with(1000);
            live_archive_run(a, &session, true);
            for (uint32_t i = 0; i < k; i++) {
                give_point(a, m, (int32_t)i, room);
                live_archive_scan(a, m->products, i + 1, false);
            }
            give_point(a, m, (int32_t)k, room);
            kill(getpid(), SIGKILL);
        }
        int ended;
        waitpid(writer, &ended, 0);
        assert_true(WIFSIGNALED(ended));
        snprintf(path, sizeof path, "%s/20260302_run0007_scan0003.nxs", folder);
        const char *const inputs[] = { path };
        assert_true(rebuild_file(&(struct rebuild){ .n_inputs = 1, .inputs = inputs, .state = "recovered", .command_line = "" }, in_folder("fixed.nxs")));
        holds_points(in_folder("fixed.nxs"), m, k);
        is_accepted(in_folder("fixed.nxs"));
    }
    photon_block_free(room);
    made_scan_free(m);
}

static int fill_while_scanning(const char *folder) {
    struct photon_block *room;
    enum { MANY = 60000 };
    struct made_scan *m = made_scan_new((struct made_plan){ .number = 3, .n_points = POINTS, .n_pixels = PIXELS, .n_photons = MANY, .i0 = true, .incident = true, .seed = 12 });
    SMALL_DISK_CHECK(photon_block_new(MANY, &room) == STATUS_OK);
    log_set_level(LOG_LEVEL_ERROR);
    const struct live_session session = session_in(folder);
    struct live_archive *a = archive_with(500);
    live_archive_run(a, &session, true);
    for (uint32_t k = 0; k < POINTS; k++) {
        if (k == 5)
            small_disk_fill(folder);
        if (k == 15) {
            SMALL_DISK_CHECK(live_archive_counts(a).error == ENOSPC);
            small_disk_free(folder);
        }
        give_point(a, m, (int32_t)k, room);
        live_archive_scan(a, m->products, k + 1, k + 1 == POINTS);
        nanosleep(&(struct timespec){ .tv_nsec = 15000000 }, NULL);
    }
    const struct live_archive_counts c = live_archive_counts(a);
    const char *path = live_archive_path(a);
    SMALL_DISK_CHECK(c.error == 0);
    SMALL_DISK_CHECK(c.files == 1);
    printf("lost %llu in %llu gaps\n", (unsigned long long)c.lost, (unsigned long long)c.gaps);
    SMALL_DISK_CHECK(c.lost > 0 && c.gaps >= 1);
    const hid_t f = open_any(path);
    size_t rows, n;
    sum_of(f, "entry/photons/frame", &rows);
    SMALL_DISK_CHECK(rows + c.lost == MANY);
    SMALL_DISK_CHECK((uint64_t)sum_of(f, "entry/process/counters/rows_in_gaps", &n) == c.lost);
    sum_of(f, "entry/scan_0003/photons", &n);
    SMALL_DISK_CHECK(n == POINTS);
    H5Fclose(f);
    SMALL_DISK_CHECK(accepted(path));
    live_archive_free(a);
    photon_block_free(room);
    made_scan_free(m);
    return 0;
}

static void a_full_disk_leaves_a_gap_and_a_file_that_agrees(void **state) {
    (void)state;
    const int result = small_disk_run(in_folder("full"), 16, fill_while_scanning);
    if (result == SMALL_DISK_SKIPPED)
        skip();
    assert_int_equal(result, 0);
}

/* What HDF5 itself runs into, in spite of all care: another file goes on. */
static void a_file_that_fails_is_followed_by_another(void **state) {
    (void)state;
    struct rlimit before, tight;
    struct photon_block *room;
    struct made_scan *m = make_scan(true);
    assert_int_equal(photon_block_new(ROWS, &room), STATUS_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 700000;
    log_set_level(LOG_LEVEL_ERROR);
    const struct live_session session = session_in(in_folder("failing"));
    struct live_archive *a = archive_with(2000);
    live_archive_run(a, &session, true);
    for (uint32_t k = 0; k < POINTS; k++) {
        if (k == 3)
            setrlimit(RLIMIT_FSIZE, &tight);
        if (k == 17)
            setrlimit(RLIMIT_FSIZE, &before);
        give_point(a, m, (int32_t)k, room);
        live_archive_scan(a, m->products, k + 1, k + 1 == POINTS);
        nanosleep(&(struct timespec){ .tv_nsec = 15000000 }, NULL);
    }
    const struct live_archive_counts c = live_archive_counts(a);
    assert_int_equal(c.error, 0);
    assert_true(c.files > 1 && c.lost > 0);
    const hid_t f = open_any(live_archive_path(a));
    size_t rows;
    sum_of(f, "entry/photons/frame", &rows);
    assert_int_equal(rows + c.lost, ROWS);
    H5Fclose(f);
    is_accepted(live_archive_path(a));
    live_archive_free(a);
    log_set_level(LOG_LEVEL_NOTE);
    photon_block_free(room);
    made_scan_free(m);
}

/* The disk heals after the scan's end: its last points are written from what was kept of them. */
static void a_scan_that_ended_is_written_when_it_can_be(void **state) {
    (void)state;
    struct photon_block *room;
    struct made_scan *m = make_scan(true);
    assert_int_equal(photon_block_new(ROWS, &room), STATUS_OK);
    log_set_level(LOG_LEVEL_ERROR);
    char folder[200];
    snprintf(folder, sizeof folder, "%s", in_folder("obstacle"));
    FILE *obstacle = fopen(folder, "w");
    fclose(obstacle);
    const struct live_session session = session_in(folder);
    struct live_archive *a = archive_with(ROWS);
    live_archive_run(a, &session, true);
    for (uint32_t k = 0; k < POINTS; k++) {
        give_point(a, m, (int32_t)k, room);
        live_archive_scan(a, m->products, k + 1, k + 1 == POINTS);
    }
    assert_int_equal(live_archive_counts(a).files, 0);
    assert_true(live_archive_counts(a).error != 0);
    unlink(folder);
    for (int k = 0; k < 100 && live_archive_counts(a).error != 0; k++) {
        live_archive_step(a);
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    assert_int_equal(live_archive_counts(a).error, 0);
    assert_int_equal(live_archive_counts(a).lost, 0);
    char path[400];
    snprintf(path, sizeof path, "%s", live_archive_path(a));
    live_archive_free(a);
    holds_points(path, m, POINTS);
    is_accepted(path);
    log_set_level(LOG_LEVEL_NOTE);
    photon_block_free(room);
    made_scan_free(m);
}

/* Re-binned with another calibration in the middle: rows begin anew, none stands twice. */
static void rows_may_begin_anew(void **state) {
    (void)state;
    struct photon_block *room;
    struct made_scan *m = make_scan(true);
    assert_int_equal(photon_block_new(ROWS, &room), STATUS_OK);
    const struct live_session session = session_in(in_folder("anew"));
    struct live_archive *a = archive_with(ROWS);
    live_archive_run(a, &session, true);
    for (uint32_t k = 0; k < POINTS / 2; k++) {
        give_point(a, m, (int32_t)k, room);
        live_archive_scan(a, m->products, k + 1, false);
    }
    room->n = 0;
    live_archive_rows(a, room, true);
    for (uint32_t k = 0; k < POINTS; k++) {
        give_point(a, m, (int32_t)k, room);
        live_archive_scan(a, m->products, k + 1 > POINTS / 2 ? k + 1 : POINTS / 2, k + 1 == POINTS);
    }
    holds_points(live_archive_path(a), m, POINTS);
    is_accepted(live_archive_path(a));
    live_archive_free(a);
    photon_block_free(room);
    made_scan_free(m);
}

/* Two shards of one scan, each with two of the pixels, make the scan again. */
static void shards_join_by_channel(void **state) {
    (void)state;
    struct photon_block *room;
    struct made_scan *m = make_scan(true);
    char paths[2][300];
    assert_int_equal(photon_block_new(ROWS, &room), STATUS_OK);
    for (uint16_t half = 0; half < 2; half++) {
        struct made_scan *part = make_scan(true);
        for (size_t i = 0; i < ROWS; i++)
            if (part->photons->pixel[i] / 2 != half && part->photons->cuts[i] == 0)
                scan_products_remove(part->products, part->photons, i, after_of(part, i));
        static uint16_t indices[2][2] = { { 0, 1 }, { 2, 3 } };
        const struct live_array two = { .n_channels = PIXELS, .channels = channels, .n_pixels = 2, .index_of_pixel = indices[half] };
        char folder[200];
        snprintf(folder, sizeof folder, "%s/%u", in_folder("shards"), half);
        struct live_session session = session_in(folder);
        session.array = &two;
        struct made_scan *own = made_scan_new((struct made_plan){ .number = 3, .n_points = POINTS, .n_pixels = 2, .i0 = true, .incident = true, .seed = 1 });
        own->products->pixels_used[1] = half == 1;   /* as in the whole scan: all but pixel 1 */
        own->products->pixels_used[0] = 1;
        for (uint32_t k = 0; k < own->products->n_yields; k++)
            memcpy(own->products->yields[k]->pixels_used, own->products->pixels_used, 2);
        memcpy(own->products->emission->pixels_used, own->products->pixels_used, 2);
        memcpy(own->products->loss->pixels_used, own->products->pixels_used, 2);
        struct live_archive *a = archive_with(ROWS);
        live_archive_run(a, &session, true);
        room->n = 0;
        for (size_t i = 0; i < ROWS; i++)
            if (m->photons->pixel[i] / 2 == half) {
                photon_block_copy_row(room, m->photons, i);
                room->pixel[room->n - 1] = (uint16_t)(room->pixel[room->n - 1] - 2 * half);
            }
        live_archive_rows(a, room, false);
        live_archive_scan(a, own->products, POINTS, false);
        snprintf(paths[half], sizeof paths[half], "%s", live_archive_path(a));
        live_archive_free(a);
        made_scan_free(own);
        made_scan_free(part);
    }
    const char *const inputs[] = { paths[1], paths[0] };
    assert_true(rebuild_file(&(struct rebuild){ .n_inputs = 2, .inputs = inputs, .state = "final", .command_line = "" }, in_folder("joined.nxs")));
    holds_points(in_folder("joined.nxs"), m, POINTS);
    is_accepted(in_folder("joined.nxs"));
    photon_block_free(room);
    made_scan_free(m);
}

int main(void) {
    H5dont_atexit();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_grows_and_ends_whole),
        cmocka_unit_test(a_reader_follows),
        cmocka_unit_test(a_killed_writer_leaves_what_was_flushed),
        cmocka_unit_test(a_full_disk_leaves_a_gap_and_a_file_that_agrees),
        cmocka_unit_test(a_file_that_fails_is_followed_by_another),
        cmocka_unit_test(a_scan_that_ended_is_written_when_it_can_be),
        cmocka_unit_test(rows_may_begin_anew),
        cmocka_unit_test(shards_join_by_channel),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
