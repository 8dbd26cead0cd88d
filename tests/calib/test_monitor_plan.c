#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/calib/watched.h"

static int64_t at(double s) { return watched_start + (int64_t)(s * 1e9); }

static void windows_follow_each_other_and_never_mix(void **state) {
    (void)state;
    struct scan_timeline *t = watched_timeline();
    struct monitor_plan *p;
    assert_int_equal(monitor_plan_new(t, at(0), at(3400), 300, &p), STATUS_OK);
    assert_int_equal(p->n_keys, 3);   /* before, calibrations, scans of the oxide */
    assert_true(p->windows[0].start_ns == at(0) && p->windows[p->n - 1].end_ns == at(3400) + 1);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct monitor_window *w = &p->windows[i];
        double length_s = (double)(w->end_ns - w->start_ns) * 1e-9, middle_s = (double)(w->start_ns - watched_start) * 1e-9 + length_s / 2;
        assert_true(i == 0 || w->start_ns == p->windows[i - 1].end_ns);
        assert_true(length_s < 450 && (length_s > 150 || i == 0));
        assert_int_equal(w->key, middle_s < 100 ? 0 : middle_s < 1100 || middle_s > 2400 ? 1 : 2);
        assert_int_equal(w->calibration, w->key == 1);
        assert_true(w->key == 1 ? w->mono_eV == 1000 : isnan(w->mono_eV));
        for (uint32_t from = 0; from <= p->n; from++) {
            assert_int_equal(monitor_plan_find(p, w->start_ns, from > i ? 0 : from), i);
            assert_int_equal(monitor_plan_find(p, w->end_ns - 1, i), i);
        }
    }
    assert_int_equal(monitor_plan_find(p, at(0) - 1, 0), p->n);
    assert_int_equal(monitor_plan_find(p, at(3500), 0), p->n);
    assert_int_equal(monitor_plan_find(p, at(10), p->n - 1), 0);   /* back again */
    monitor_plan_free(p);
    scan_timeline_free(t);
}

static void odd_runs(void **state) {
    (void)state;
    struct scan_timeline *t = watched_timeline();
    struct monitor_plan *p;
    assert_int_equal(monitor_plan_new(t, 1, 0, 300, &p), STATUS_OK);   /* no record at all */
    assert_int_equal(p->n, 0);
    monitor_plan_free(p);
    assert_int_equal(monitor_plan_new(t, at(5), at(5), 300, &p), STATUS_OK);   /* one record */
    assert_int_equal(p->n, 1);
    monitor_plan_free(p);
    assert_int_equal(monitor_plan_new(t, at(0), at(90 * 86400.), 10, &p), STATUS_OK);   /* a quarter of a year */
    assert_true(p->n <= MONITOR_MAX_WINDOWS + 5 && p->n > MONITOR_MAX_WINDOWS / 2);
    monitor_plan_free(p);
    assert_int_equal(monitor_plan_new(t, at(2500), at(2600), 300, &p), STATUS_OK);   /* begins within the last calibration */
    assert_true(p->n == 1 && p->windows[0].calibration && p->windows[0].scan == 3);
    monitor_plan_free(p);
    scan_timeline_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows_follow_each_other_and_never_mix), cmocka_unit_test(odd_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
