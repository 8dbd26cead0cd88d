#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/point_tally.h"

static void tell(struct point_tally *t, enum scan_event_kind kind, int64_t time_ns, int32_t number) {
    point_tally_event(t, &(struct scan_event){ .kind = kind, .time_ns = time_ns, .number = number });
}

static void row(struct point_tally *t, int64_t time_ns, uint16_t pixel, float energy_eV, uint32_t cuts) {
    static const uint8_t used[3] = { 1, 1, 0 };
    struct photon_block *b;
    assert_int_equal(photon_block_new(1, &b), STATUS_OK);
    b->time_ns[0] = time_ns;
    b->pixel[0] = pixel;
    b->energy_eV[0] = energy_eV;
    b->cuts[0] = cuts;
    point_tally_rows(t, b, 1, used);
    photon_block_free(b);
}

static void points_hold_what_came_in_their_time(void **state) {
    (void)state;
    const struct yield_region low = { .lo_eV = 100, .hi_eV = 500 };
    struct point_tally *t;
    struct tallied p;
    assert_true(point_tally_new(&t));
    row(t, 5, 0, 400, 0);
    tell(t, SCAN_EVENT_CALIBRATION_START, 10, 3);
    tell(t, SCAN_EVENT_POINT_START, 20, -1);
    row(t, 19, 0, 400, 0);
    row(t, 20, 0, 100, 0);    /* both ends as windows have them */
    row(t, 21, 1, 500, 0);
    row(t, 22, 2, 400, 0);    /* of a pixel that is not used */
    row(t, 23, 0, NAN, 1);
    row(t, 24, 0, 300, 1);    /* cut */
    assert_false(point_tally_find(t, 3, 0, &p));   /* open */
    row(t, 31, 0, 300, 0);
    tell(t, SCAN_EVENT_POINT_END, 40, -1);
    row(t, 30, 0, 499.99f, 0);   /* late */
    tell(t, SCAN_EVENT_POINT_START, 50, -1);
    row(t, 45, 0, 300, 0);    /* between points */
    row(t, 50, 1, 300, 0);
    row(t, 39, 1, 300, 0);
    tell(t, SCAN_EVENT_CALIBRATION_END, 60, 3);
    row(t, 60, 1, 300, 0);
    assert_true(point_tally_find(t, 3, 0, &p));
    assert_int_equal(p.records, 8);
    assert_int_equal(p.end_ns, 40);
    assert_int_equal(point_tally_in(&p, &low), 4);
    assert_true(point_tally_find(t, 3, 1, &p) && p.records == 1 && p.complete);
    assert_false(point_tally_find(t, 3, 2, &p));
    assert_false(point_tally_find(t, 4, 0, &p));
    tell(t, SCAN_EVENT_SCAN_START, 70, 4);
    for (int k = 0; k < 4; k++) {
        tell(t, SCAN_EVENT_POINT_START, 80 + 10 * k, -1);
        tell(t, SCAN_EVENT_POINT_END, 85 + 10 * k, -1);
    }
    assert_true(point_tally_find(t, 4, 3, &p) && p.records == 0);
    assert_false(point_tally_find(t, 3, 1, &p));   /* long ago */
    point_tally_free(t);
    point_tally_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(points_hold_what_came_in_their_time) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
