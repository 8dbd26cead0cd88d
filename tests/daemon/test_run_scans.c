/* Scans and states as they were told: points half-open, what is open ends with the run, and a scan under way goes on in the run that follows, of its own from then on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/run_scans.h"

static void tell(struct run_scans *r, enum scan_event_kind kind, int64_t time_ns, double value) {
    struct scan_event e = { .kind = kind, .time_ns = time_ns, .number = 7, .incident_eV = value, .i0 = value, .i0_sigma = 0.1, .sample = "a", .var_unit = "eV" };
    assert_true(run_scans_event(r, &e));
}

static void point(struct run_scans *r, int64_t start_ns, int64_t end_ns, double incident_eV) {
    tell(r, SCAN_EVENT_POINT_START, start_ns, incident_eV);
    tell(r, SCAN_EVENT_POINT_END, end_ns, 2);
}

static void check_point(const struct scan *s, uint32_t k, int64_t start_ns, int64_t end_ns, double incident_eV) {
    assert_true(k < s->n_points && s->points[k].start_ns == start_ns && s->points[k].end_ns == end_ns);
    assert_true(s->points[k].incident_eV == incident_eV);
}

static void drop(struct scan *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        scan_done(&list[i]);
    free(list);
}

static void scans_and_states(void **state) {
    (void)state;
    struct run_scans r = { 0 };
    size_t n;
    point(&r, 1, 2, 500);   /* of no scan: nothing */
    assert_true(run_scans_label(&r, "CAL3", 10));
    assert_true(run_scans_label(&r, "PAUSE", 20));
    tell(&r, SCAN_EVENT_SCAN_START, 30, 0);
    for (int64_t k = 0; k < 200; k++)
        point(&r, 100 + 10 * k, 108 + 10 * k, 500 + (double)k);
    tell(&r, SCAN_EVENT_POINT_START, 5000, 800);   /* ended by the next, which the run's end ends */
    tell(&r, SCAN_EVENT_POINT_START, 5010, 801);
    struct scan *list = run_scans_take(&r, 5030, true, &n);
    assert_int_equal(n, 2);
    assert_true(list[0].calibration && list[0].start_ns == 10 && list[0].end_ns == 20);
    assert_int_equal(list[1].n_points, 202);
    assert_int_equal(list[1].log_number, 7);
    check_point(&list[1], 199, 2090, 2098, 699);
    check_point(&list[1], 200, 5000, 5010, 800);
    check_point(&list[1], 201, 5010, 5030, 801);
    assert_true(list[1].points[199].i0 == 2 && isnan(list[1].points[201].i0));
    assert_int_equal(r.n, 0);
    drop(list, n);
}

/* Empty scans, and points that end before they begin (a clock was set back), are none. */
static void what_is_none(void **state) {
    (void)state;
    struct run_scans r = { 0 };
    size_t n;
    tell(&r, SCAN_EVENT_SCAN_START, 30, 0);
    point(&r, 50, 40, 500);
    point(&r, 60, 60, 500);
    tell(&r, SCAN_EVENT_SCAN_END, 70, 0);
    assert_true(run_scans_label(&r, "SCAN7", 80));
    struct scan *list = run_scans_take(&r, 70, true, &n);
    assert_int_equal(n, 0);
    drop(list, n);
}

static void a_scan_under_way_goes_on_in_the_next_run(void **state) {
    (void)state;
    for (int open = 0; open < 2; open++) {
        struct run_scans r = { 0 };
        size_t n, n_next;
        tell(&r, SCAN_EVENT_SCAN_START, 30, 0);
        point(&r, 40, 50, 500);
        if (open)
            tell(&r, SCAN_EVENT_POINT_START, 60, 501);
        struct run_scans next = run_scans_under_way(&r);
        struct scan *list = run_scans_take(&r, 65, false, &n);
        if (open)
            tell(&next, SCAN_EVENT_POINT_END, 70, 3);
        for (int64_t k = 0; k < 100; k++)
            point(&next, 80 + 10 * k, 88 + 10 * k, 600 + (double)k);
        struct scan *later = run_scans_take(&next, 2000, false, &n_next);
        assert_int_equal(n, 1);
        assert_int_equal(list[0].n_points, 1 + open);   /* what comes later does not change it */
        if (open)
            check_point(&list[0], 1, 60, 65, 501);
        assert_int_equal(n_next, 1);
        assert_int_equal(later[0].n_points, 101 + open);
        assert_true(later[0].start_ns == list[0].start_ns && later[0].log_number == 7 && strcmp(later[0].sample, "a") == 0);
        check_point(&later[0], 0, 40, 50, 500);
        if (open)
            check_point(&later[0], 1, 60, 70, 501);
        check_point(&later[0], 100 + (uint32_t)open, 1070, 1078, 699);
        drop(list, n);
        drop(later, n_next);
    }
}

static void nothing_is_under_way(void **state) {
    (void)state;
    struct run_scans r = { 0 };
    struct run_scans none = run_scans_under_way(&r);
    assert_true(none.n == 0 && !none.scanning);
    tell(&r, SCAN_EVENT_SCAN_START, 30, 0);
    point(&r, 40, 50, 500);
    tell(&r, SCAN_EVENT_SCAN_END, 55, 0);
    assert_true(run_scans_label(&r, "CAL8", 60));   /* a state is no scan */
    none = run_scans_under_way(&r);
    assert_true(none.n == 0 && !none.scanning);
    tell(&r, SCAN_EVENT_SCAN_START, 70, 0);   /* begun, without a point yet; its state stands behind it */
    assert_true(run_scans_label(&r, "SCAN7", 71));
    struct run_scans next = run_scans_under_way(&r);
    assert_true(next.n == 1 && next.scanning && next.list[0].n_points == 0);
    run_scans_done(&next);
    run_scans_done(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(scans_and_states), cmocka_unit_test(what_is_none), cmocka_unit_test(a_scan_under_way_goes_on_in_the_next_run),
                                        cmocka_unit_test(nothing_is_under_way) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
