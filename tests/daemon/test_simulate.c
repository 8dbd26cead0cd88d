/* The command as a user calls it, into a temporary folder: the same bytes twice and with any number of workers, files that our readers
 * and the plan agree on, a truth that adds up, and clear refusals. */
#include <dirent.h>
#include <hdf5.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/exit_code.h"
#include "pulse/record_ljh.h"

static const char quick[] = "--pixels 4 --samples 256 --presamples 64 --rate 15 --calibration-s 40 --edges o --scans 1 --points 11 --dwell 0.5 --noise-records 40 --seed 7";
enum { PIXELS = 4, SAMPLES = 256, NOISE = 40 };

struct folder { char path[64]; };

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *format, ...) {
    char command[1024], arguments[768];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    const char *tesd = getenv("TESD");
    snprintf(command, sizeof command, "%s %s", tesd != NULL ? tesd : "build/tesd", arguments);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int set_up(void **state) {
    struct folder *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->path, "/tmp/tesd-simulate-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    assert_int_equal(run("simulate -o %s/a %s --bad-fraction 0 >/dev/null", f->path, quick), EXIT_GOOD);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", ((struct folder *)*state)->path);
    const int status = system(command);
    free(*state);
    return status;
}

static uint8_t *read_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s cannot be opened", path);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*n + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, f), *n);
    bytes[*n] = '\0';
    fclose(f);
    return bytes;
}

static void test_same_bytes(void **state) {
    const struct folder *f = *state;
    char command[256];
    assert_int_equal(run("simulate -o %s/b %s --bad-fraction 0 --workers 3 >/dev/null", f->path, quick), EXIT_GOOD);
    snprintf(command, sizeof command, "diff -rq %s/a %s/b", f->path, f->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(run("simulate -o %s/b --force %s --bad-fraction 0 --seed 8 >/dev/null", f->path, quick), EXIT_GOOD);
    snprintf(command, sizeof command, "cmp -s %s/a/20260302/0001/20260302_run0001_chan1.ljh %s/b/20260302/0001/20260302_run0001_chan1.ljh", f->path, f->path);
    assert_int_not_equal(system(command), 0);
}

static void *column(const char *folder, const char *name, hid_t type, size_t size, hsize_t *n) {
    char path[128];
    snprintf(path, sizeof path, "%s/a/truth.h5", folder);
    const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(file >= 0 && set >= 0);
    const hid_t space = H5Dget_space(set);
    *n = (hsize_t)H5Sget_simple_extent_npoints(space);
    void *data = malloc(*n * size + 1);
    assert_non_null(data);
    assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
    return data;
}

/* Every photon that the truth puts into a record is there, at its frame and stamp, and rises where the trigger says. */
static void test_pulses_are_the_truth(void **state) {
    const struct folder *f = *state;
    hsize_t n, m;
    int64_t *frame = column(f->path, "photons/frame", H5T_NATIVE_INT64, 8, &n), *record = column(f->path, "photons/record", H5T_NATIVE_INT64, 8, &n);
    int64_t *stamp = column(f->path, "photons/stamp_ns", H5T_NATIVE_INT64, 8, &n), *time = column(f->path, "photons/time_ns", H5T_NATIVE_INT64, 8, &n);
    uint16_t *pixel = column(f->path, "photons/pixel", H5T_NATIVE_UINT16, 2, &n);
    double *energy = column(f->path, "photons/energy_eV", H5T_NATIVE_DOUBLE, 8, &n), *gain = column(f->path, "pixels/gain_counts_per_keV", H5T_NATIVE_DOUBLE, 8, &m);
    uint64_t *records = column(f->path, "pixels/records", H5T_NATIVE_UINT64, 8, &m);
    assert_int_equal(m, PIXELS);
    uint64_t found = 0, rising = 0;
    for (int p = 0; p < PIXELS; p++) {
        char path[160];
        snprintf(path, sizeof path, "%s/a/20260302/0001/20260302_run0001_chan%d.ljh", f->path, 2 * p + 1);
        size_t size;
        uint8_t *bytes = read_file(path, &size);
        struct ljh_header header;
        struct complaint why;
        assert_int_equal(ljh_header_parse(bytes, size, &header, &why), STATUS_OK);
        assert_true(header.n_samples == SAMPLES && header.n_presamples == 64 && header.channel == 2 * p + 1 && header.dastard && header.sample_period_s == 6.4e-6);
        struct ljh_cursor c;
        struct pulse_record r;
        ljh_cursor_init(&c, &header);
        hsize_t i = 0;
        while (i < n && pixel[i] != p)
            i++;
        for (int64_t k = 0; ljh_cursor_next(&c, bytes, size, true, (uint32_t)p, &r) == LJH_RECORD; k++)
            for (; i < n && pixel[i] == p && (record[i] < 0 || record[i] == k); i++) {
                if (record[i] < 0)
                    continue;
                assert_true(r.trigger_frame == frame[i] && r.trigger_time_ns == stamp[i]);
                assert_true(llabs(stamp[i] - time[i]) < 400000);   /* stamp jitter and the length of a rise */
                rising += r.samples[64 + 10] - r.samples[50] > 0.4 * gain[p] * energy[i] * 1e-3;
                found++;
            }
        assert_true(c.records == records[p] && c.torn == 0 && c.offset == size);
        free(bytes);
    }
    uint64_t recorded = 0;
    for (hsize_t i = 0; i < n; i++)
        recorded += record[i] >= 0;
    assert_true(found == recorded && (double)recorded > 0.98 * (double)n && n > 2000 && (double)rising > 0.99 * (double)found);
    free(frame), free(record), free(stamp), free(time), free(pixel), free(energy), free(gain), free(records);
}

static void test_noise_touches(void **state) {
    const struct folder *f = *state;
    char path[160];
    snprintf(path, sizeof path, "%s/a/20260302/0000/20260302_run0000_chan3.ljh", f->path);
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    struct ljh_header header;
    struct complaint why;
    assert_int_equal(ljh_header_parse(bytes, size, &header, &why), STATUS_OK);
    struct ljh_cursor c;
    struct pulse_record r;
    ljh_cursor_init(&c, &header);
    int64_t last = -1;
    for (; ljh_cursor_next(&c, bytes, size, true, 1, &r) == LJH_RECORD; last = r.trigger_frame)
        assert_true(last < 0 || r.trigger_frame - last == SAMPLES);
    assert_int_equal(c.records, NOISE);
    free(bytes);
}

/* A pixel's pulse averages in the calibration pile up at the lines, and the strongest gap between them is nearly empty. */
static void test_spectrum_shows_lines(void **state) {
    const struct folder *f = *state;
    hsize_t n, m;
    double *energy = column(f->path, "photons/energy_eV", H5T_NATIVE_DOUBLE, 8, &n), *mix = column(f->path, "calibration_mix/centre_eV", H5T_NATIVE_DOUBLE, 8, &m);
    uint8_t *phase = column(f->path, "photons/phase", H5T_NATIVE_UINT8, 1, &n), *kind = column(f->path, "photons/kind", H5T_NATIVE_UINT8, 1, &n);
    assert_true(m > 10);
    unsigned near = 0, all = 0, nickel = 0;
    for (hsize_t i = 0; i < n; i++) {
        if (phase[i] != 3 || kind[i] != 0)
            continue;
        all++;
        bool close = false;
        for (hsize_t k = 0; k < m; k++)
            close = close || fabs(energy[i] - mix[k]) < 12;
        near += close;
        nickel += fabs(energy[i] - 848.85) < 4;
    }
    assert_true(all > 1000 && near > 0.99 * all && nickel > 0.08 * all);
    free(energy), free(mix), free(phase), free(kind);
}

static void test_states_and_logs(void **state) {
    const struct folder *f = *state;
    char path[160];
    size_t size;
    snprintf(path, sizeof path, "%s/a/20260302/0001/20260302_run0001_experiment_state.txt", f->path);
    char *text = (char *)read_file(path, &size);
    static const char *const labels[] = {"START", "CAL0", "PAUSE", "SCAN1", "PAUSE", "SCAN2", "PAUSE", "CAL3", "PAUSE", "STOP"};
    const char *at = strchr(text, '\n');
    int64_t last = 0, scan_start = 0, scan_end = 0;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        long long ns;
        char label[32];
        assert_int_equal(sscanf(at + 1, "%lld, %31s", &ns, label), 2);
        assert_string_equal(label, labels[i]);
        assert_true(ns > last);
        last = ns;
        if (i == 3)
            scan_start = ns;
        if (i == 4)
            scan_end = ns;
        at = strchr(at + 1, '\n');
    }
    assert_int_equal(at[1], '\0');
    free(text);
    snprintf(path, sizeof path, "%s/a/20260302/0001/logs/scan0001.json", f->path);
    json_t *log = json_load_file(path, 0, NULL);
    assert_non_null(log);
    const json_t *starts = json_object_get(log, "epoch_time_start_s"), *ends = json_object_get(log, "epoch_time_end_s");
    assert_int_equal(json_array_size(starts), 11);
    assert_int_equal(json_array_size(json_object_get(log, "var_values")), 11);
    for (size_t i = 0; i < 11; i++) {
        const double start_s = json_real_value(json_array_get(starts, i)), end_s = json_real_value(json_array_get(ends, i));
        assert_true(start_s * 1e9 > (double)scan_start && end_s * 1e9 < (double)scan_end && end_s > start_s + 0.49);
    }
    const json_t *point = json_object_get(json_object_get(log, "point_extras"), "10");
    assert_true(json_number_value(json_object_get(point, "i0")) > 0 && json_number_value(json_object_get(point, "i0_sigma")) > 0);
    assert_string_equal(json_string_value(json_object_get(log, "sample_desc")), "pristine");
    json_decref(log);
    snprintf(path, sizeof path, "%s/a/20260302/0001/logs/calibration0003.json", f->path);
    log = json_load_file(path, 0, NULL);
    assert_non_null(log);
    assert_true(json_is_true(json_object_get(log, "calibration")) && json_number_value(json_object_get(json_object_get(log, "extra"), "mono_eV")) == 1000);
    json_decref(log);
}

static void test_bad_pixels(void **state) {
    const struct folder *f = *state;
    assert_int_equal(run("simulate -o %s/bad --pixels 6 --samples 256 --presamples 64 --rate 3 --calibration-s 20 --scans 0 --noise-records 5 --bad-fraction 1 --trigger edge >/dev/null",
                         f->path), EXIT_GOOD);
    char path[128];
    snprintf(path, sizeof path, "%s/bad/20260302/0001", f->path);
    DIR *d = opendir(path);
    assert_non_null(d);
    int files = 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        files += strstr(e->d_name, ".ljh") != NULL;
    closedir(d);
    assert_int_equal(files, 5);   /* one of the six kinds is dead */
}

static void test_refusals(void **state) {
    const struct folder *f = *state;
    static const char *const wrong[] = {"--pixels 0", "--pixels 2.5", "--rate x", "--edges co,xx", "--conditions a,,b", "--feature 1,2,3", "--trigger level", "--start yesterday",
                                        "--lines no-such-table", "--presamples 1000 --samples 512", "--bad-fraction 2", "--dwell -1", "extra"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(run("simulate -o %s/wrong --quick %s >/dev/null 2>&1", f->path, wrong[i]), EXIT_USAGE);
    assert_int_equal(run("simulate --quick >/dev/null 2>&1"), EXIT_USAGE);
    assert_int_equal(run("simulate -o %s/a %s >/dev/null 2>&1", f->path, quick), EXIT_FAILED);   /* not empty */
    assert_int_equal(run("simulate -o /proc/nowhere %s >/dev/null 2>&1", quick), EXIT_FAILED);
    assert_int_equal(run("simulate -o %s/big --pixels 16 --rate 1000 --calibration-s 86400 --scans 1000 --points 2000 >/dev/null 2>&1", f->path), EXIT_FAILED);  /* no such disk */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pulses_are_the_truth),
        cmocka_unit_test(test_noise_touches),
        cmocka_unit_test(test_spectrum_shows_lines),
        cmocka_unit_test(test_states_and_logs),
        cmocka_unit_test(test_bad_pixels),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_same_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
