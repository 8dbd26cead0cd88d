/* OFF 0.3.0 of the NIST EBIT (22 July 2024) against what mass 0.8.9 @ 38afccea read from it: ebit_c1/golden.h5, sample_records
 * (12 records, every field) and column_checks (sum, minimum, maximum, median of each column in double). */
#include <float.h>
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/source/off_header.h"
#include "tests/shared_data.h"

enum { SAMPLES = 12 };

static double field_of(const struct off_record *r, const char *name) {
    const struct { const char *name; double value; } fields[] = {
        { "recordSamples", r->n_samples }, { "recordPreSamples", r->n_presamples }, { "framecount", (double)r->frame },
        { "unixnano", (double)r->time_ns }, { "pretriggerMean", r->pretrigger_mean }, { "pretriggerDelta", r->pretrigger_delta },
        { "residualStdDev", r->residual_sd }, { "pulseMean", r->coefficients[0] }, { "derivativeLike", r->coefficients[1] },
        { "filtValue", r->coefficients[2] },
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].value;
    fail_msg("no field %s", name);
    return 0;
}

static const char *const columns[] = {
    "recordSamples", "recordPreSamples", "framecount", "unixnano", "pretriggerMean", "pretriggerDelta", "residualStdDev", "pulseMean",
    "derivativeLike", "filtValue",
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* The open files, and skip() where they are not. */
struct ebit {
    struct shared_file file;
    struct off_header header;
    double *projectors, *basis;
    hid_t golden;
};

static int open_ebit(void **state) {
    static struct ebit e;
    *state = NULL;
    e.file = shared_read("real/ebit_c1/20240722_run0006_chan1.off");
    if (e.file.bytes == NULL)
        return 0;
    char path[512];
    shared_path(path, sizeof path, "real/ebit_c1/golden.h5");
    e.golden = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    *state = &e;
    return e.golden < 0 || off_header_parse(e.file.bytes, e.file.n, &e.header, &e.projectors, &e.basis, NULL) != STATUS_OK;
}

static int close_ebit(void **state) {
    struct ebit *e = *state;
    if (e == NULL)
        return 0;
    free(e->file.bytes);
    free(e->projectors);
    free(e->basis);
    return H5Fclose(e->golden) < 0;
}

static void read_dataset(const struct ebit *e, const char *name, hid_t type, void *out) {
    hid_t d = H5Dopen2(e->golden, name, H5P_DEFAULT);
    assert_true(d >= 0);
    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Dclose(d);
}

static void read_attribute(const struct ebit *e, const char *group, const char *name, double *out) {
    hid_t a = H5Aopen_by_name(e->golden, group, name, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0);
    assert_true(H5Aread(a, H5T_NATIVE_DOUBLE, out) >= 0);
    H5Aclose(a);
}

static void counts_the_records(void **state) {
    const struct ebit *e = *state;
    if (e == NULL) {
        skip();
        return;   /* skip does not come back, which the analyser cannot know */
    }
    assert_int_equal(off_record_count(&e->header, e->file.n), 69235);
    assert_int_equal(e->header.header_bytes, 81233);
    assert_int_equal(e->header.record_bytes, 56);
    assert_true(e->header.frame_period_s == 3.2e-6);
}

static void sample_records_are_equal(void **state) {
    const struct ebit *e = *state;
    if (e == NULL) {
        skip();
        return;   /* skip does not come back, which the analyser cannot know */
    }
    int64_t index[SAMPLES];
    double want[SAMPLES], extra[SAMPLES][2];
    read_dataset(e, "sample_records/index", H5T_NATIVE_INT64, index);
    read_dataset(e, "sample_records/extraCoefs", H5T_NATIVE_DOUBLE, extra);
    for (size_t c = 0; c < COLUMNS; c++) {
        char name[64];
        snprintf(name, sizeof name, "sample_records/%s", columns[c]);
        read_dataset(e, name, H5T_NATIVE_DOUBLE, want);
        for (size_t i = 0; i < SAMPLES; i++) {
            struct off_record r;
            off_record_decode(&e->header, e->file.bytes, (uint64_t)index[i], &r);
            assert_true(field_of(&r, columns[c]) == want[i]);
            assert_true(r.coefficients[3] == (float)extra[i][0] && r.coefficients[4] == (float)extra[i][1]);
        }
    }
}

/* int64 columns in double lose a few bits: those are compared exactly by the sample records. */
static void frames_and_times_are_exact(void **state) {
    const struct ebit *e = *state;
    if (e == NULL) {
        skip();
        return;   /* skip does not come back, which the analyser cannot know */
    }
    int64_t index[SAMPLES], frames[SAMPLES], times_ns[SAMPLES];
    read_dataset(e, "sample_records/index", H5T_NATIVE_INT64, index);
    read_dataset(e, "sample_records/framecount", H5T_NATIVE_INT64, frames);
    read_dataset(e, "sample_records/unixnano", H5T_NATIVE_INT64, times_ns);
    for (size_t i = 0; i < SAMPLES; i++) {
        struct off_record r;
        off_record_decode(&e->header, e->file.bytes, (uint64_t)index[i], &r);
        assert_int_equal(r.frame, frames[i]);
        assert_int_equal(r.time_ns, times_ns[i]);
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The sum's error grows with the sum of magnitudes, in whatever order it was taken. */
static void columns_are_equal(void **state) {
    const struct ebit *e = *state;
    if (e == NULL) {
        skip();
        return;   /* skip does not come back, which the analyser cannot know */
    }
    size_t n = off_record_count(&e->header, e->file.n);
    double *values = malloc(n * sizeof *values);
    for (size_t c = 0; c < COLUMNS; c++) {
        double want[4], sum = 0, magnitude = 0;
        read_attribute(e, "column_checks", columns[c], want);
        for (size_t i = 0; i < n; i++) {
            struct off_record r;
            off_record_decode(&e->header, e->file.bytes, i, &r);
            values[i] = field_of(&r, columns[c]);
            sum += values[i];
            magnitude += fabs(values[i]);
        }
        qsort(values, n, sizeof *values, compare);
        assert_true(fabs(sum - want[0]) <= 1e-11 * magnitude);
        assert_true(values[0] == want[1]);
        assert_true(values[n - 1] == want[2]);
        assert_true(values[n / 2] == want[3]);  /* n is odd */
    }
    free(values);
}

/* basis x coefficients, as the peer models the pulse. */
static void modelled_pulses_are_equal(void **state) {
    const struct ebit *e = *state;
    if (e == NULL) {
        skip();
        return;   /* skip does not come back, which the analyser cannot know */
    }
    static double want[SAMPLES][1000];
    int64_t index[SAMPLES];
    read_dataset(e, "sample_records/index", H5T_NATIVE_INT64, index);
    read_dataset(e, "sample_records/modeled_pulse", H5T_NATIVE_DOUBLE, want);
    for (size_t i = 0; i < SAMPLES; i++) {
        struct off_record r;
        off_record_decode(&e->header, e->file.bytes, (uint64_t)index[i], &r);
        for (size_t k = 0; k < 1000; k++) {
            double sum = 0, magnitude = 0;
            for (size_t b = 0; b < 5; b++) {
                double term = e->basis[5 * k + b] * r.coefficients[b];
                sum += term;
                magnitude += fabs(term);
            }
            assert_true(fabs(sum - want[i][k]) <= 8 * DBL_EPSILON * magnitude);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_the_records),
        cmocka_unit_test(sample_records_are_equal),
        cmocka_unit_test(frames_and_times_are_exact),
        cmocka_unit_test(columns_are_equal),
        cmocka_unit_test(modelled_pulses_are_equal),
    };
    return cmocka_run_group_tests(tests, open_ebit, close_ebit);
}
