/* tests/golden/golden_data.h - records and the numbers that other programs made of them, and comparisons with them.
 * To be included behind cmocka. */
#ifndef TESD_TESTS_GOLDEN_GOLDEN_DATA_H
#define TESD_TESTS_GOLDEN_GOLDEN_DATA_H

#include <hdf5.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "pulse/record_ljh.h"
#include "pulse/record_store.h"
#include "tests/shared_data.h"

/* ---- LJH ---- */

struct ljh { uint8_t *bytes; struct ljh_header header; struct record_store store; };

static inline void ljh_load(const char *name, struct ljh *l) {
    struct shared_file file = shared_read(name);
    size_t n = file.n;
    if (file.bytes == NULL)
        skip();
    l->bytes = file.bytes;
    assert_int_equal(ljh_header_parse(l->bytes, n, &l->header, NULL), STATUS_OK);
    record_store_init(&l->store, STORE_FIRST, l->header.n_samples, l->header.n_presamples, 100000);
    struct ljh_cursor cursor;
    struct pulse_record r;
    ljh_cursor_init(&cursor, &l->header);
    while (ljh_cursor_next(&cursor, l->bytes, n, true, 0, &r) == LJH_RECORD)
        assert_int_equal(record_store_add(&l->store, &r), STATUS_OK);
}

static inline void ljh_drop(struct ljh *l) {
    record_store_done(&l->store);
    free(l->bytes);
}

/* Record i with the time that the store does not keep. */
static inline struct pulse_record ljh_record(const struct ljh *l, uint32_t i) {
    struct pulse_record r = record_store_at(&l->store, i);
    r.sample_period_s = (float)l->header.sample_period_s;
    return r;
}

/* ---- HDF5 ---- */

static inline hid_t golden_open(const char *name) {
    char path[512];
    shared_path(path, sizeof path, name);
    hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(f >= 0);
    return f;
}

static inline double *golden_array(hid_t f, const char *name, size_t want) {
    hid_t d = H5Dopen2(f, name, H5P_DEFAULT);
    assert_true(d >= 0);
    hid_t space = H5Dget_space(d), type = H5Dget_type(d);
    size_t n = (size_t)H5Sget_simple_extent_npoints(space);
    assert_int_equal(n, want);
    double *values = malloc((n + 1) * sizeof *values);
    assert_non_null(values);
    if (H5Tget_class(type) == H5T_ENUM) {  /* h5py's bool */
        int8_t *raw = malloc(n);
        assert_non_null(raw);
        assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) >= 0);
        for (size_t i = 0; i < n; i++)
            values[i] = raw[i];
        free(raw);
    } else {
        assert_true(H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    }
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(d);
    return values;
}

static inline double golden_attribute(hid_t f, const char *object, const char *name) {
    hid_t a = H5Aopen_by_name(f, object, name, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0);
    double value;
    assert_true(H5Aread(a, H5T_NATIVE_DOUBLE, &value) >= 0);
    H5Aclose(a);
    return value;
}

/* ---- comparisons; each prints the worst it met ---- */

static inline double largest(const double *values, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

static inline void assert_near(const char *what, const double *got, const double *want, size_t n, double scale, double tolerance) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double error = fabs(got[i] - want[i]) / (scale > 0 ? scale : fmax(fabs(want[i]), 1e-300));
        worst = error <= worst ? worst : isnan(error) ? INFINITY : error;
    }
    print_message("  %-28s worst %.2e (allowed %.0e)\n", what, worst, tolerance);
    assert_true(worst <= tolerance);
}

struct data_set { const char *golden, *pulses, *noise; };

static const struct data_set data_sets[] = {
    { "real/bessy_4219/golden.h5", "real/bessy_4219/20240727_run0001_chan4219.ljh", "real/bessy_4219/noise/20240727_run0000_chan4219.ljh" },
    { "real/regress_c1/golden.h5", "real/regress_c1/regress_chan1.ljh", "real/regress_c1/regress_noise_chan1.ljh" },
};
enum { N_DATA_SETS = sizeof data_sets / sizeof data_sets[0] };

#endif
