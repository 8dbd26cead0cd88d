/* Heights and the residual cut of OFF files: check values of four channels of one beamtime, computed independently in numpy
 * (recipe and numbers: doc/methods.md, Records). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "daemon/source/off_header.h"
#include "pulse/pixel_model.h"
#include "pulse/record_off.h"
#include "tests/shared_data.h"

struct check { uint64_t record; double height, arrival; };  /* arrival NAN: not compared */

struct channel {
    const char *name;
    uint64_t records, kept;   /* in the file, after the residual cut of all its records */
    struct check checks[3];
};

static const struct channel channels[] = {
    { "real/ssrl_10_1_2020/20200219_chan1.off", 6696, 6658, { { 1, 10522.4217, 1.8604 }, { 2, 11621.9691, 0.8878 }, { 3, 5681.8061, -0.53716 } } },
    { "real/ssrl_10_1_2020/20200219_chan3.off", 12136, 11985, { { 3, 5227.3784, -0.14514 }, { 4, 5247.8536, -0.10107 }, { 5, 11741.2464, 1.04369 } } },
    { "real/ssrl_10_1_2020/20200219_chan7.off", 12566, 12346, { { 1, 10443.9694, NAN }, { 2, 5894.0135, NAN }, { 3, 3129.2225, NAN } } },
    { "real/ssrl_10_1_2020/20200219_chan9.off", 11032, 10907, { { 0, 6222.0319, NAN }, { 1, 12070.1020, NAN }, { 2, 12062.4622, NAN } } },
};

static void check_heights(const struct channel *c, const struct off_header *h, const uint8_t *bytes, const struct pixel_model *m) {
    for (size_t i = 0; i < sizeof c->checks / sizeof c->checks[0]; i++) {
        struct off_record r;
        struct measured_pulse p;
        off_record_decode(h, bytes, c->checks[i].record, &r);
        pixel_model_measure_off(m, &r, &p);
        print_message("  record %u: height %.4f, arrival %.5f\n", (unsigned)c->checks[i].record, (double)p.height, (double)p.arrival_samples);
        assert_true(fabs(p.height - c->checks[i].height) < 1e-3);
        assert_true(isnan(c->checks[i].arrival) || fabs(p.arrival_samples - c->checks[i].arrival) < 1e-4);
        assert_int_equal(p.time_ns % 1000, 0);
        assert_true(r.time_ns - p.time_ns >= 0 && r.time_ns - p.time_ns < 1000);
    }
}

static void check_cut(const struct channel *c, const struct off_header *h, const uint8_t *bytes, struct pixel_model *m) {
    struct off_residuals *residuals;
    struct off_record r;
    struct measured_pulse p;
    uint64_t kept = 0, no_peak = 0;
    assert_int_equal(off_residuals_new(&residuals), STATUS_OK);
    for (uint64_t i = 0; i < c->records; i++) {
        off_record_decode(h, bytes, i, &r);
        off_residuals_add(residuals, &r);
    }
    off_residuals_apply(residuals, m);
    off_residuals_free(residuals);
    for (uint64_t i = 0; i < c->records; i++) {
        off_record_decode(h, bytes, i, &r);
        pixel_model_measure_off(m, &r, &p);
        kept += !(p.cuts & CUT_BIT(CUT_RESIDUAL));
        no_peak += (p.cuts & CUT_BIT(CUT_PEAK_TIME)) != 0;
    }
    print_message("  kept %u of %u, arrival out of range in %u\n", (unsigned)kept, (unsigned)c->records, (unsigned)no_peak);
    assert_int_equal(kept, c->kept);
}

static void test_channels(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        const struct channel *c = &channels[i];
        struct off_header h;
        struct off_record first;
        struct pixel_model *m;
        double *basis;
        struct shared_file file = shared_read(c->name);
        if (file.bytes == NULL)
            skip();
        const uint8_t *bytes = file.bytes;
        size_t n = file.n;
        print_message("%s\n", c->name);
        assert_int_equal(off_header_parse(bytes, n, &h, NULL, &basis, NULL), STATUS_OK);
        assert_int_equal(off_record_count(&h, n), c->records);
        off_record_decode(&h, bytes, 0, &first);
        assert_int_equal(pixel_model_from_off(&h, first.n_presamples, basis, &m), STATUS_OK);
        assert_true(fabs(m->lag_rows[2][2] - 1.000016) < 3e-6 && fabs(m->lag_rows[2][0]) < 1e-9);
        check_heights(c, &h, bytes, m);
        check_cut(c, &h, bytes, m);
        pixel_model_free(m);
        free(basis);
        free(file.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_channels) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
