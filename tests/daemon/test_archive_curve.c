/* The group of one curve: its name and title, its values as they were given, what it says of pixels, grades and points. */
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/sink/archive_curve.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_scan.h"

enum { POINTS = 6, PIXELS = 4 };

static struct made_scan *make_scan(bool incident) {
    return made_scan_new((struct made_plan){ .number = 12, .n_points = POINTS, .n_pixels = PIXELS, .n_photons = 500, .i0 = true, .incident = incident, .seed = 3 });
}

static struct archive *begin_file(void) {
    struct archive *a;
    assert_true(archive_create(in_folder("c.nxs"), false, &a));
    return a;
}

/* Closes the file and opens it for reading. */
static hid_t read_back(struct archive *a) {
    static const struct archive_pixel pixels[PIXELS] = { { .verdict = "good" }, { .verdict = "good" }, { .verdict = "good" }, { .verdict = "good" } };
    const struct archive_process process = { .command_line = "test", .config_text = "", .state = "final" };
    assert_true(archive_pixels(a, pixels, PIXELS));
    assert_true(archive_finish(a, "a test", made_start_ns, made_start_ns + 1, &process));
    hid_t f = H5Fopen(in_folder("c.nxs"), H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(f >= 0);
    return f;
}

static void doubles_are(hid_t file, const char *name, const double *want, size_t n) {
    double got[64];
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(d);
    assert_true(d >= 0 && n <= 64);
    assert_int_equal(H5Sget_simple_extent_npoints(space), n);
    assert_true(H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    assert_memory_equal(got, want, n * sizeof *got);
    H5Sclose(space);
    H5Dclose(d);
}

static void bytes_are(hid_t file, const char *name, hid_t type, const void *want, size_t n, size_t each) {
    uint8_t got[256];
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(d);
    assert_true(d >= 0 && n * each <= sizeof got);
    assert_int_equal(H5Sget_simple_extent_npoints(space), n);
    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    assert_memory_equal(got, want, n * each);
    H5Sclose(space);
    H5Dclose(d);
}

static void text_is(hid_t file, const char *name, const char *want) {
    char got[320] = "";
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), type = H5Dget_type(d);
    assert_true(d >= 0 && H5Tget_size(type) < sizeof got);
    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
    assert_string_equal(got, want);
    H5Tclose(type);
    H5Dclose(d);
}

static void attribute_is(hid_t file, const char *object, const char *name, const char *want) {
    char got[200] = "";
    hid_t a = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT), type = H5Aget_type(a);
    assert_true(a >= 0 && H5Tget_size(type) < sizeof got);
    assert_true(H5Aread(a, type, got) >= 0);
    assert_string_equal(got, want);
    H5Tclose(type);
    H5Aclose(a);
}

static void pair_is(hid_t file, const char *object, const char *name, double lo, double hi) {
    double got[2] = { NAN, NAN };
    hid_t a = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Aread(a, H5T_NATIVE_DOUBLE, got) >= 0);
    assert_true(got[0] - lo == 0 && got[1] - hi == 0);
    H5Aclose(a);
}

static void one_begins(struct archive *a, const struct archive_cuts *of, const char *kind, const char *name) {
    const struct archive_curve g = archive_curve_begin(a, of, kind, name, "what it is", "counts", "incident_energy");
    archive_curve_end(&g);
}

/* Of a scan and of sums; scans of a sum by number. */
static void names_and_titles(void **state) {
    (void)state;
    struct made_scan *m = make_scan(true);
    int32_t numbers[] = { 12, 19 };
    const struct scan_sum one = { .group = "LiCoO2_Co", .n_scans = 1, .scan_numbers = numbers }, two = { .group = "LiCoO2_O", .n_scans = 2, .scan_numbers = numbers };
    struct archive *a = begin_file();
    one_begins(a, &(struct archive_cuts){ .products = m->products }, "cee", "Co");
    one_begins(a, &(struct archive_cuts){ .products = m->products }, "elastic", "");
    one_begins(a, &(struct archive_cuts){ .products = m->products, .sum = &one }, "cee", "Co");
    one_begins(a, &(struct archive_cuts){ .products = m->products, .sum = &two }, "elastic", "");
    m->scan.sample[0] = '\0';
    one_begins(a, &(struct archive_cuts){ .products = m->products }, "xes", "bare");
    hid_t f = read_back(a);
    text_is(f, "entry/cee_0012_Co/title", "what it is Co, LiCoO2 \xc2\xb5, scan 12");
    text_is(f, "entry/elastic_0012/title", "what it is, LiCoO2 \xc2\xb5, scan 12");
    text_is(f, "entry/sum_LiCoO2_Co_cee_Co/title", "what it is Co, LiCoO2 \xc2\xb5, sum of 1 scan");
    text_is(f, "entry/sum_LiCoO2_O_elastic/title", "what it is, LiCoO2 \xc2\xb5, sum of 2 scans");
    text_is(f, "entry/xes_0012_bare/title", "what it is bare, scan 12");
    attribute_is(f, "entry/cee_0012_Co", "NX_class", "NXdata");
    attribute_is(f, "entry/cee_0012_Co", "signal", "counts");
    attribute_is(f, "entry/cee_0012_Co", "axes", "incident_energy");
    int32_t got[2] = { 0 };
    hid_t n = H5Aopen_by_name(f, "entry/sum_LiCoO2_O_elastic", "scan_numbers", H5P_DEFAULT, H5P_DEFAULT);
    assert_true(n >= 0 && H5Aread(n, H5T_NATIVE_INT32, got) >= 0 && got[0] == 12 && got[1] == 19);
    H5Aclose(n);
    assert_false(H5Aexists_by_name(f, "entry/cee_0012_Co", "scan_numbers", H5P_DEFAULT) > 0);
    H5Fclose(f);
    made_scan_free(m);
}

/* Values to the bit, NaN too; pixels by number with what they weigh; grades by code. */
static void values_and_pixels(void **state) {
    (void)state;
    static const double values[] = { 1.5, -2, NAN, 1e-300 };
    static const uint32_t counts[] = { 0, 7, UINT32_MAX };
    static const uint8_t used[PIXELS] = { 1, 0, 1, 1 }, codes[] = { GRADE_HIGH, GRADE_TAIL };
    struct made_scan *m = make_scan(true);
    for (int k = 0; k < PIXELS; k++)
        m->products->sensitivity[k] = 0.5 + k;
    const double weight = 0.5 + 2.5 + 3.5;
    struct archive *a = begin_file();
    const struct archive_cuts of = { .products = m->products };
    const struct archive_curve g = archive_curve_begin(a, &of, "cet", "d", "a cut", "yield", "incident_energy");
    archive_curve_put(&g, "some", "eV", "some values", 4, values);
    archive_curve_counts(&g, 3, counts);
    archive_curve_pair(&g, "loss_eV", -0.5, 2.25);
    archive_curve_pixels(&g, used, 1u << GRADE_HIGH | 1u << GRADE_TAIL);
    archive_curve_end(&g);
    hid_t f = read_back(a);
    doubles_are(f, "entry/cet_0012_d/some", values, 4);
    attribute_is(f, "entry/cet_0012_d/some", "units", "eV");
    attribute_is(f, "entry/cet_0012_d/some", "long_name", "some values");
    bytes_are(f, "entry/cet_0012_d/counts", H5T_NATIVE_UINT32, counts, 3, sizeof *counts);
    pair_is(f, "entry/cet_0012_d", "loss_eV", -0.5, 2.25);
    bytes_are(f, "entry/cet_0012_d/pixels_used", H5T_NATIVE_UINT8, used, PIXELS, 1);
    bytes_are(f, "entry/cet_0012_d/grades_used", H5T_NATIVE_UINT8, codes, 2, 1);
    doubles_are(f, "entry/cet_0012_d/pixel_weight", &weight, 1);
    H5Fclose(f);
    made_scan_free(m);
}

/* Against incident energies where all are known, else against the points' numbers. */
static void yields_against_points(void **state) {
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct made_scan *m = make_scan(true);
        double live_s[POINTS], x[POINTS], i0[POINTS];
        struct scan_cut c;
        if (!known)
            m->scan.points[POINTS / 2].incident_eV = NAN;
        assert_int_equal(scan_cut_new(POINTS, &c), STATUS_OK);
        c.lo_eV = 522;
        c.hi_eV = 525.5;
        for (int k = 0; k < POINTS; k++) {
            live_s[k] = 1 + 0.25 * k;
            c.counts[k] = (uint32_t)(10 + k);
            c.value[k] = 0.1 * k;
            c.error[k] = 0.01 * k;
            x[k] = known ? m->scan.points[k].incident_eV : k;
            i0[k] = m->scan.points[k].i0;
        }
        struct archive *a = begin_file();
        const struct archive_cuts of = { .products = m->products };
        const struct archive_curve g = archive_curve_begin(a, &of, "cee", "w", "a cut", "yield", "incident_energy");
        archive_curve_yield(&g, &c, "1/s", live_s);
        archive_curve_end(&g);
        hid_t f = read_back(a);
        doubles_are(f, "entry/cee_0012_w/yield", c.value, POINTS);
        doubles_are(f, "entry/cee_0012_w/yield_errors", c.error, POINTS);
        bytes_are(f, "entry/cee_0012_w/counts", H5T_NATIVE_UINT32, c.counts, POINTS, sizeof *c.counts);
        doubles_are(f, "entry/cee_0012_w/incident_energy", x, POINTS);
        doubles_are(f, "entry/cee_0012_w/i0", i0, POINTS);
        doubles_are(f, "entry/cee_0012_w/live_time_s", live_s, POINTS);
        attribute_is(f, "entry/cee_0012_w/yield", "units", "1/s");
        attribute_is(f, "entry/cee_0012_w/incident_energy", "long_name", known ? "incident energy" : "point of the scan");
        attribute_is(f, "entry/cee_0012_w", "normalised_by", "i0 x live_time");
        pair_is(f, "entry/cee_0012_w", "roi_eV", 522, 525.5);
        H5Fclose(f);
        scan_cut_done(&c);
        made_scan_free(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_and_titles), cmocka_unit_test(values_and_pixels), cmocka_unit_test(yields_against_points) };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
