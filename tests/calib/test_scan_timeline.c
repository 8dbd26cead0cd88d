#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_timeline.h"
#include "tests/dice.h"

/* A scan of the given [start, end) pairs; incident energy and the one extra column both are 100 + the point's place here. */
static struct scan scan_of(const char *log_name, int32_t log_number, const int64_t *pairs, uint32_t n_points) {
    struct scan s = { .log_number = log_number, .mono_eV = NAN, .n_points = n_points, .n_extras = 1 };
    snprintf(s.log_name, sizeof s.log_name, "%s", log_name);
    s.points = calloc(n_points, sizeof *s.points);
    s.extras = calloc(1, sizeof *s.extras);
    s.extras[0].values = calloc(n_points, sizeof *s.extras[0].values);
    for (uint32_t k = 0; k < n_points; k++) {
        s.points[k] = (struct scan_point){ .start_ns = pairs[2 * k], .end_ns = pairs[2 * k + 1], .incident_eV = 100 + k };
        s.extras[0].values[k] = 100 + k;
    }
    return s;
}

static struct scan state_of(bool calibration, int32_t number, int64_t start_ns, int64_t end_ns) {
    struct scan s = { .calibration = calibration, .log_number = number, .start_ns = start_ns, .end_ns = end_ns, .mono_eV = NAN };
    snprintf(s.label, sizeof s.label, "%s%d", calibration ? "CAL" : "SCAN", (int)number);
    return s;
}

static struct scan_timeline *new_timeline(void) {
    struct scan_timeline *t;
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    return t;
}

static void add(struct scan_timeline *t, struct scan s) {
    struct complaint why;
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_OK);
    assert_string_equal(why.text, "");
    assert_null(s.points);
}

static void finish(struct scan_timeline *t) {
    struct complaint why;
    assert_int_equal(scan_timeline_finish(t, &why), STATUS_OK);
    assert_string_equal(why.text, "");
}

static void assert_place(const struct scan_timeline *t, int64_t time_ns, int32_t index, int32_t point, int32_t after) {
    struct scan_place p = scan_timeline_place(t, time_ns);
    assert_int_equal(p.index, index);
    assert_int_equal(p.point, point);
    assert_int_equal(p.after, after);
    assert_true(p.from_ns <= time_ns && (time_ns < p.until_ns || time_ns == INT64_MAX));
    struct scan_place first = scan_timeline_place(t, p.from_ns), last = scan_timeline_place(t, p.until_ns - 1);
    assert_true(first.index == index && first.point == point && last.index == index && last.point == point && last.after == after);
}

static void windows_are_half_open(void **state) {
    (void)state;
    const int64_t base = INT64_C(1) << 60;  /* times near 2^60.6, where doubles step by 256 ns */
    const int64_t t0 = base + base / 2;
    struct scan_timeline *t = new_timeline();
    add(t, scan_of("a", 0, (int64_t[]){ t0, t0 + 10, t0 + 10, t0 + 20, t0 + 25, t0 + 30 }, 3));
    finish(t);
    assert_place(t, t0 - 1, -1, -1, -1);
    assert_place(t, t0, 0, 0, 0);
    assert_place(t, t0 + 9, 0, 0, 0);
    assert_place(t, t0 + 10, 0, 1, 1);
    assert_place(t, t0 + 19, 0, 1, 1);
    assert_place(t, t0 + 20, 0, -1, 1);
    assert_place(t, t0 + 24, 0, -1, 1);
    assert_place(t, t0 + 25, 0, 2, 2);
    assert_place(t, t0 + 29, 0, 2, 2);
    assert_place(t, t0 + 30, -1, -1, -1);
    assert_place(t, INT64_MIN, -1, -1, -1);
    assert_place(t, INT64_MAX, -1, -1, -1);
    scan_timeline_free(t);
}

static void points_are_sorted_with_their_extras(void **state) {
    (void)state;
    struct scan_timeline *t = new_timeline();
    add(t, scan_of("a", 0, (int64_t[]){ 20, 30, 0, 10, 10, 20 }, 3));
    finish(t);
    const struct scan *s = scan_timeline_at(t, 0);
    for (uint32_t k = 0; k < 3; k++) {
        assert_true(s->points[k].start_ns == 10 * k);
        assert_true(s->extras[0].values[k] == s->points[k].incident_eV);
    }
    assert_true(s->points[0].incident_eV == 101 && s->points[2].incident_eV == 100);
    assert_true(s->start_ns == 0 && s->end_ns == 30);
    scan_timeline_free(t);
}

static void bad_points_are_left_out_and_said(void **state) {
    (void)state;
    struct scan_timeline *t = new_timeline();
    struct complaint why;
    struct scan s = scan_of("scan0007.json", 7, (int64_t[]){ 0, 10, 5, 15, 20, 20, 30, 40 }, 4);
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_OK);
    assert_non_null(strstr(why.text, "point 1 of scan0007.json overlaps"));
    assert_non_null(strstr(why.text, "2 of 4"));
    finish(t);
    assert_int_equal(scan_timeline_at(t, 0)->n_points, 2);
    assert_true(scan_timeline_at(t, 0)->extras[0].values[1] == 103);
    scan_timeline_free(t);
}

static void a_scan_of_only_bad_points_is_refused(void **state) {
    (void)state;
    struct scan_timeline *t = new_timeline();
    struct complaint why;
    struct scan s = scan_of("a", 7, (int64_t[]){ 10, 0 }, 1);
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_BAD_VALUE);
    assert_non_null(strstr(why.text, "1 of 1"));
    assert_null(s.points);
    s = state_of(true, 0, 5, 5);
    assert_int_equal(scan_timeline_add(t, &s, &why), STATUS_BAD_VALUE);
    assert_non_null(strstr(why.text, "CAL0"));
    finish(t);
    assert_int_equal(scan_timeline_count(t), 0);
    assert_place(t, 0, -1, -1, -1);
    assert_int_equal(scan_timeline_calibration_for(t, 0), -1);
    scan_timeline_free(t);
}

static void the_later_of_overlapping_scans_is_left_out(void **state) {
    (void)state;
    struct scan_timeline *t = new_timeline();
    struct complaint why;
    add(t, scan_of("b", 1, (int64_t[]){ 15, 30 }, 1));
    add(t, scan_of("a", 0, (int64_t[]){ 0, 20 }, 1));
    add(t, scan_of("c", 2, (int64_t[]){ 20, 40 }, 1));
    assert_int_equal(scan_timeline_finish(t, &why), STATUS_OK);
    assert_non_null(strstr(why.text, "scan b overlaps a; 1 left out"));
    assert_int_equal(scan_timeline_count(t), 2);
    assert_place(t, 16, 0, 0, 0);
    assert_place(t, 20, 1, 0, 0);
    scan_timeline_free(t);
}

static void logs_take_their_states(void **state) {
    (void)state;
    struct scan_timeline *t = new_timeline();
    struct scan cal = scan_of("calibration0002.json", 2, (int64_t[]){ 100, 200, 200, 290 }, 2);
    cal.calibration = true;
    add(t, state_of(true, 2, 90, 300));
    add(t, state_of(true, 2, 5000, 6000));  /* another day's CAL2 */
    add(t, state_of(false, 3, 390, 500));
    add(t, cal);
    add(t, scan_of("scan0003.json", 3, (int64_t[]){ 400, 410, 420, 430 }, 2));
    add(t, state_of(false, 4, 600, 700));
    finish(t);
    assert_int_equal(scan_timeline_count(t), 4);
    const struct scan *c = scan_timeline_at(t, 0), *s = scan_timeline_at(t, 1);
    assert_true(c->calibration && c->start_ns == 90 && c->end_ns == 300 && c->n_points == 2);
    assert_string_equal(c->label, "CAL2");
    assert_true(!s->calibration && s->start_ns == 400 && s->end_ns == 430 && s->number == 3);
    assert_string_equal(s->label, "SCAN3");
    assert_string_equal(scan_timeline_at(t, 2)->label, "SCAN4");
    assert_place(t, 650, -1, -1, -1);  /* a state without a log has no points, so no photon is of it */
    assert_place(t, 395, -1, -1, -1);
    assert_true(scan_timeline_at(t, 3)->start_ns == 5000);
    scan_timeline_free(t);
}

static void a_repeated_label_is_one_calibration_with_its_log(void **state) {
    (void)state;
    struct scan_timeline *t = new_timeline();
    struct scan cal = scan_of("calibration0000.json", 0, (int64_t[]){ 100, 200, 300, 400 }, 2);
    cal.calibration = true;
    add(t, state_of(true, 0, 290, 450));
    add(t, cal);
    add(t, state_of(true, 0, 90, 210));
    finish(t);
    assert_int_equal(scan_timeline_count(t), 1);
    assert_true(scan_timeline_at(t, 0)->start_ns == 90 && scan_timeline_at(t, 0)->end_ns == 450);
    scan_timeline_free(t);
}

static void a_calibration_log_alone_lasts_over_its_points(void **state) {
    (void)state;
    struct scan_timeline *t = new_timeline();
    struct scan cal = scan_of("calibration0001.json", 1, (int64_t[]){ 10, 20, 25, 30 }, 2);
    cal.calibration = true;
    add(t, cal);
    struct scan header = { .calibration = true, .log_number = 16, .start_ns = 100, .end_ns = 200, .log_name = "20200219_016_log" };
    add(t, header);
    finish(t);
    assert_true(scan_timeline_at(t, 0)->start_ns == 10 && scan_timeline_at(t, 0)->end_ns == 30);
    assert_true(scan_timeline_at(t, 1)->start_ns == 100 && scan_timeline_at(t, 1)->end_ns == 200);
    assert_place(t, 15, -1, -1, -1);
    assert_int_equal(scan_timeline_calibration_for(t, 0), 0);
    assert_int_equal(scan_timeline_calibration_for(t, 10), 0);
    assert_int_equal(scan_timeline_calibration_for(t, 99), 0);
    assert_int_equal(scan_timeline_calibration_for(t, 100), 1);
    assert_int_equal(scan_timeline_calibration_for(t, INT64_MAX), 1);
    scan_timeline_free(t);
}

static void numbers_are_the_beamline_s_where_unique(void **state) {
    (void)state;
    static const struct { int32_t log[3], want[3]; } cases[] = {
        { { 5, 9, 7 }, { 5, 9, 7 } }, { { 5, 5, 7 }, { 0, 1, 2 } }, { { 5, -1, 7 }, { 0, 1, 2 } }, { { -1, -1, -1 }, { 0, 1, 2 } },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct scan_timeline *t = new_timeline();
        for (int i = 2; i >= 0; i--)
            add(t, scan_of("a", cases[k].log[i], (int64_t[]){ 10 * i, 10 * i + 5 }, 1));
        add(t, state_of(true, 5, 0, 100));
        finish(t);
        assert_true(scan_timeline_at(t, 0)->calibration && scan_timeline_at(t, 0)->number == 5);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(scan_timeline_at(t, i + 1)->number, cases[k].want[i]);
        scan_timeline_free(t);
    }
}

/* ---- against the definition, at random ---- */

static struct scan random_scan(struct dice *d, int32_t number, int64_t *from_ns) {
    enum { MAX_POINTS = 12 };
    int64_t pairs[2 * MAX_POINTS];
    uint32_t n = (uint32_t)dice_below(d, MAX_POINTS) + 1;
    for (uint32_t k = 0; k < n; k++) {
        pairs[2 * k] = *from_ns + dice_below(d, 3);
        pairs[2 * k + 1] = *from_ns = pairs[2 * k] + 1 + dice_below(d, 4);
    }
    *from_ns += dice_below(d, 5);
    char name[16];
    snprintf(name, sizeof name, "scan%d", (int)number);
    return scan_of(name, number, pairs, n);
}

static struct scan_place place_by_definition(const struct scan_timeline *t, int64_t time_ns) {
    for (size_t i = 0; i < scan_timeline_count(t); i++) {
        const struct scan *s = scan_timeline_at(t, i);
        if (s->calibration || s->n_points == 0 || time_ns < s->points[0].start_ns || time_ns >= s->points[s->n_points - 1].end_ns)
            continue;
        struct scan_place p = { .index = (int32_t)i, .point = -1, .after = -1 };
        for (uint32_t k = 0; k < s->n_points; k++) {
            if (s->points[k].start_ns <= time_ns)
                p.after = (int32_t)k;
            if (s->points[k].start_ns <= time_ns && time_ns < s->points[k].end_ns)
                p.point = (int32_t)k;
        }
        return p;
    }
    return (struct scan_place){ .index = -1, .point = -1, .after = -1 };
}

static void places_equal_the_definition(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int round = 0; round < 200; round++) {
        const int64_t base = dice_below(&d, 2) ? INT64_C(1747000000000000000) : -50;
        int64_t at = base;
        struct scan_timeline *t = new_timeline();
        int n = (int)dice_below(&d, 8);
        for (int i = 0; i < n; i++) {
            if (dice_below(&d, 4) == 0)
                add(t, state_of(true, i, at - 5, at + 20));
            add(t, random_scan(&d, i, &at));
        }
        finish(t);
        for (int64_t time_ns = base - 3; time_ns < at + 3; time_ns++) {
            struct scan_place got = scan_timeline_place(t, time_ns), want = place_by_definition(t, time_ns);
            assert_true(got.index == want.index && got.point == want.point && got.after == want.after);
            assert_true(got.point < 0 || got.after == got.point);
        }
        struct scan_place moved = { 0 };
        for (int64_t time_ns = base - 3; time_ns < at + 3; time_ns += (int64_t)dice_below(&d, 12) - (dice_below(&d, 5) == 0 ? 8 : 0)) {
            struct scan_place want = scan_timeline_place(t, time_ns);
            scan_timeline_move(t, time_ns, &moved);
            assert_true(moved.index == want.index && moved.point == want.point && moved.after == want.after && moved.from_ns == want.from_ns && moved.until_ns == want.until_ns);
        }
        scan_timeline_free(t);
    }
}

/* Scans and states that overlap at random, added in two orders: the same timeline. */
static void order_of_adding_does_not_matter(void **state) {
    (void)state;
    struct dice d = dice_new();
    enum { N = 12 };
    for (int round = 0; round < 200; round++) {
        struct scan_timeline *t[2] = { new_timeline(), new_timeline() };
        uint64_t seeds[N];
        unsigned order[N];
        for (unsigned i = 0; i < N; i++) {
            seeds[i] = dice_next(&d);
            order[i] = i;
        }
        for (unsigned i = N - 1; i > 0; i--) {
            unsigned k = (unsigned)dice_below(&d, i + 1), swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        for (unsigned which = 0; which < 2; which++)
            for (unsigned i = 0; i < N; i++) {
                unsigned id = which ? order[i] : i;
                struct dice own = { .state = seeds[id] };
                int64_t at = dice_below(&own, 100);
                int32_t number = (int32_t)dice_below(&own, 4);
                add(t[which], dice_below(&own, 2) ? state_of(dice_below(&own, 2), number, at, at + 10 + dice_below(&own, 9)) : random_scan(&own, (int32_t)id, &at));
            }
        struct complaint why[2];
        assert_int_equal(scan_timeline_finish(t[0], &why[0]), STATUS_OK);
        assert_int_equal(scan_timeline_finish(t[1], &why[1]), STATUS_OK);
        assert_string_equal(why[0].text, why[1].text);
        assert_int_equal(scan_timeline_count(t[0]), scan_timeline_count(t[1]));
        for (size_t i = 0; i < scan_timeline_count(t[0]); i++) {
            const struct scan *a = scan_timeline_at(t[0], i), *b = scan_timeline_at(t[1], i);
            assert_true(a->start_ns == b->start_ns && a->end_ns == b->end_ns && a->number == b->number && a->n_points == b->n_points);
            assert_string_equal(a->log_name, b->log_name);
            assert_string_equal(a->label, b->label);
        }
        scan_timeline_free(t[0]);
        scan_timeline_free(t[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_half_open),
        cmocka_unit_test(points_are_sorted_with_their_extras),
        cmocka_unit_test(bad_points_are_left_out_and_said),
        cmocka_unit_test(a_scan_of_only_bad_points_is_refused),
        cmocka_unit_test(the_later_of_overlapping_scans_is_left_out),
        cmocka_unit_test(logs_take_their_states),
        cmocka_unit_test(a_repeated_label_is_one_calibration_with_its_log),
        cmocka_unit_test(a_calibration_log_alone_lasts_over_its_points),
        cmocka_unit_test(numbers_are_the_beamline_s_where_unique),
        cmocka_unit_test(places_equal_the_definition),
        cmocka_unit_test(order_of_adding_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
