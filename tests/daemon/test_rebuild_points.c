/* The point table of a scan as it comes back from a file: columns, labels, what the beamline said besides, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/rebuild_points.h"

enum { POINTS = 5 };

static void put(hid_t group, const char *name, hid_t type, hsize_t n, const void *values) {
    const hid_t space = H5Screate_simple(1, &n, NULL), d = H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(d);
    H5Sclose(space);
}

static void put_text(hid_t group, const char *name, const char *text) {
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text) + 1);
    const hid_t d = H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(d >= 0 && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0);
    H5Dclose(d);
    H5Sclose(space);
    H5Tclose(type);
}

/* In memory. Points of 8 ns, every 10 ns; the third is `late` ns early. */
static struct h5_input scan_of(int64_t late) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, false);
    struct h5_input in = { .path = "made" };
    in.id = H5Fcreate("made", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    double incident_eV[POINTS], i0[POINTS], kelvin[POINTS], other[POINTS + 1] = { 0 };
    int64_t start_ns[POINTS], end_ns[POINTS], number = 17;
    for (int k = 0; k < POINTS; k++) {
        incident_eV[k] = 520 + k;
        i0[k] = 100 - k;
        kelvin[k] = 4.2 + k;
        start_ns[k] = 1000 + 10 * k - (k == 2 ? late : 0);
        end_ns[k] = 1008 + 10 * k;
    }
    put(in.id, "incident_eV", H5T_NATIVE_DOUBLE, POINTS, incident_eV);
    put(in.id, "i0", H5T_NATIVE_DOUBLE, POINTS, i0);
    put(in.id, "tempK", H5T_NATIVE_DOUBLE, POINTS, kelvin);
    put(in.id, "another_length", H5T_NATIVE_DOUBLE, POINTS + 1, other);
    put(in.id, "live_time_s", H5T_NATIVE_DOUBLE, POINTS, i0);
    put(in.id, "start_ns", H5T_NATIVE_INT64, POINTS, start_ns);
    put(in.id, "end_ns", H5T_NATIVE_INT64, POINTS, end_ns);
    put(in.id, "scan_number", H5T_NATIVE_INT64, 1, &number);
    put_text(in.id, "sample", "heated");
    put_text(in.id, "label", "SCAN3");
    put_text(in.id, "log_name", "scan0017.json");
    put_text(in.id, "var_name", "mono");
    put_text(in.id, "var_unit", "eV");
    return in;
}

static void a_scan_comes_back(void **state) {
    (void)state;
    for (uint64_t sure = 3; sure <= 99; sure += 96) {
        struct h5_input in = scan_of(0);
        struct scan s = { .number = 4 };
        rebuild_points_read(&in, in.id, sure, &s);
        assert_false(in.failed);
        assert_int_equal(s.n_points, sure < POINTS ? sure : POINTS);
        assert_int_equal(s.log_number, 17);
        assert_string_equal(s.sample, "heated");
        assert_string_equal(s.log_name, "scan0017.json");
        assert_int_equal(s.start_ns, 1000);
        assert_int_equal(s.end_ns, 998 + 10 * s.n_points);
        for (uint32_t k = 0; k < s.n_points; k++) {
            assert_true(s.points[k].incident_eV == 520 + k && s.points[k].i0 == 100.0 - k);
            assert_int_equal(s.points[k].start_ns, 1000 + 10 * k);
        }
        assert_int_equal(s.n_extras, s.n_points == POINTS);   /* columns that are not of the points' length are none of theirs */
        if (s.n_extras == 1) {
            assert_string_equal(s.extras[0].name, "tempK");
            assert_true(s.extras[0].values[3] == 7.2);
        }
        scan_done(&s);
        h5_input_close(&in);
    }
}

static void points_that_overlap_are_refused(void **state) {
    (void)state;
    struct h5_input in = scan_of(5);
    struct scan s = { .number = 4 };
    rebuild_points_read(&in, in.id, UINT64_MAX, &s);
    assert_true(in.failed);
    scan_done(&s);
    h5_input_close(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_scan_comes_back), cmocka_unit_test(points_that_overlap_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
