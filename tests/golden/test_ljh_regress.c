/* LJH 2.1.0 of 2015 against what mass 0.8.9 @ 38afccea made of it: regress_c1/golden.h5, summaries/subframecount and timestamp. */
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "pulse/record_ljh.h"
#include "tests/shared_data.h"

enum { RECORDS = 300 };

static void read_golden(const char *name, hid_t type, void *out) {
    char path[512];
    shared_path(path, sizeof path, "real/regress_c1/golden.h5");
    hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t d = H5Dopen2(f, name, H5P_DEFAULT);
    assert_true(f >= 0 && d >= 0);
    assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Dclose(d);
    H5Fclose(f);
}

/* Subframe counts are equal. The peer's stamp is made from the count, without the acquisition's start; ours is the record's own,
 * whose ticks are 4 us, so it may lie up to 4 frames (what the count's formula adds) earlier. */
static void frames_are_equal_and_times_near(void **state) {
    (void)state;
    struct shared_file f = shared_read("real/regress_c1/regress_chan1.ljh");
    if (f.bytes == NULL)
        skip();
    int64_t counts[RECORDS];
    double stamps_s[RECORDS];
    read_golden("summaries/subframecount", H5T_NATIVE_INT64, counts);
    read_golden("summaries/timestamp", H5T_NATIVE_DOUBLE, stamps_s);
    struct ljh_header h;
    struct ljh_cursor c;
    struct pulse_record r;
    assert_int_equal(ljh_header_parse(f.bytes, f.n, &h, NULL), STATUS_OK);
    ljh_cursor_init(&c, &h);
    for (size_t i = 0; i < RECORDS; i++) {
        assert_int_equal(ljh_cursor_next(&c, f.bytes, f.n, true, 0, &r), LJH_RECORD);
        assert_int_equal(r.trigger_frame * h.subframe_divisions + h.subframe_offset, counts[i]);
        double since_start_s = 1e-9 * (double)(r.trigger_time_ns - 1000 * llround(1e6 * h.timestamp_offset_s));
        double early_s = stamps_s[i] - since_start_s;
        assert_true(early_s > 0 && early_s < 4.01 * h.sample_period_s);
    }
    assert_int_equal(ljh_cursor_next(&c, f.bytes, f.n, true, 0, &r), LJH_NEED_MORE);
    free(f.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(frames_are_equal_and_times_near) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
