#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/live_alarms.h"

static struct alarm_facts all_well(void) {
    return (struct alarm_facts){ .heard = true, .array = true, .n_pixels = 240, .good_pixels = 231, .sent = 1000, .host = "127.0.0.1", .calibration_refusal = "", .scans_differ = "", .pixels_jumped = "", .pixels_shifted = "" };
}

static const json_t *only_alarm(json_t *keys) {
    const json_t *list = json_object_get(keys, "alarms");
    assert_int_equal(json_array_size(list), 1);
    return json_array_get(list, 0);
}

static const char *text_of(const json_t *alarm, const char *key) { return json_string_value(json_object_get(alarm, key)); }

/* Said at the first time even when all is well, then only when something changes. */
static void nothing_is_said_twice(void **state) {
    (void)state;
    struct live_alarms a = { 0 };
    struct alarm_facts f = all_well();
    assert_true(live_alarms_update(&a, &f, 0, 100));
    assert_int_equal(live_alarms_on(&a), 0);
    json_t *keys = live_alarms_json(&a);
    assert_int_equal(json_array_size(json_object_get(keys, "alarms")), 0);
    json_decref(keys);
    assert_false(live_alarms_update(&a, &f, 500, 200));
    f.heard = false;
    assert_true(live_alarms_update(&a, &f, 1000, 300));
    assert_false(live_alarms_update(&a, &f, 1500, 400));
    keys = live_alarms_json(&a);
    assert_string_equal(text_of(only_alarm(keys), "code"), "acquisition_silent");
    assert_string_equal(text_of(only_alarm(keys), "level"), "error");
    assert_string_equal(text_of(only_alarm(keys), "since_ns"), "300");
    json_decref(keys);
    f.heard = true;
    assert_true(live_alarms_update(&a, &f, 2000, 500));
    assert_int_equal(live_alarms_on(&a), 0);
}

/* A count is an alarm while it grows and half a minute more; what was lost before is no news, and it ends at once when files have filled all in. */
static void counts_alarm_while_they_grow(void **state) {
    (void)state;
    struct live_alarms a = { 0 };
    struct alarm_facts f = all_well();
    live_alarms_update(&a, &f, 0, 1);
    f.lost_upstream = 12;
    assert_true(live_alarms_update(&a, &f, 1000, 2));
    assert_true(a.list[ALARM_LOST_UPSTREAM].on);
    assert_non_null(strstr(a.list[ALARM_LOST_UPSTREAM].text, "12 of 1000 records"));
    f.lost_upstream = 14;
    live_alarms_update(&a, &f, 20000, 3);
    assert_int_equal(a.list[ALARM_LOST_UPSTREAM].since_ns, 2);
    live_alarms_update(&a, &f, 49000, 4);
    assert_true(a.list[ALARM_LOST_UPSTREAM].on);
    assert_true(live_alarms_update(&a, &f, 50001, 5));
    assert_false(a.list[ALARM_LOST_UPSTREAM].on);
    f.lost_upstream = 20;
    live_alarms_update(&a, &f, 60000, 6);
    assert_int_equal(a.list[ALARM_LOST_UPSTREAM].since_ns, 6);
    f.lost_upstream = 0;
    live_alarms_update(&a, &f, 60500, 7);
    assert_int_equal(live_alarms_on(&a), 0);
}

/* Each fact raises its own alarm and no other, with a text, a code and a level of its own. */
static void each_fact_has_its_alarm(void **state) {
    (void)state;
    for (unsigned k = 0; k < N_ALARMS; k++) {
        struct live_alarms a = { 0 };
        struct alarm_facts f = all_well();
        live_alarms_update(&a, &f, 0, 1);
        switch ((enum alarm_code)k) {
        case ALARM_ACQUISITION_SILENT: f.heard = false; break;
        case ALARM_LOST_UPSTREAM: f.lost_upstream = 1; break;
        case ALARM_OVERLOAD: f.overload = 1; break;
        case ALARM_REFUSED: f.refused = 1; break;
        case ALARM_NO_CALIBRATION: f.good_pixels = 0; break;
        case ALARM_CALIBRATION_REFUSED: f.calibration_refusal = "CAL3: no pixel could be calibrated"; break;
        case ALARM_JOURNAL: f.disk_trouble[0] = "cannot be written"; break;
        case ALARM_ARCHIVE: f.disk_trouble[1] = "cannot be written"; break;
        case ALARM_RAW: f.disk_trouble[2] = "cannot be written"; break;
        case ALARM_NOT_KEPT: f.not_kept = 1; break;
        case ALARM_LATE: f.late = 1; break;
        case ALARM_HURRIED: f.hurried = 1; break;
        case ALARM_SCAN_EVENTS: f.refused_events = 1; break;
        case ALARM_PIXELS_JUMPED: f.pixels_jumped = "channel 17 since 12:03:14 UTC"; break;
        case ALARM_PIXELS_SHIFTED: f.pixels_shifted = "channel 5 by +20 eV since 12:04:07 UTC"; break;
        case ALARM_SCANS_DIFFER: f.scans_differ = "scan 3 of 5 repeats: beyond 4 standard deviations from the others"; break;
        case ALARM_CLOCK_SET: f.clock_steps = 4; f.clock_step_s = -2; break;
        case ALARM_OTHER_FORM: f.other_form = 12; break;
        case ALARM_OTHER_BASIS: f.other_basis = 12; break;
        case N_ALARMS: break;
        }
        assert_true(live_alarms_update(&a, &f, 500, 77));
        assert_int_equal(live_alarms_on(&a), 1);
        assert_true(a.list[k].on);
        json_t *keys = live_alarms_json(&a);
        assert_string_equal(text_of(only_alarm(keys), "code"), live_alarm_code((enum alarm_code)k));
        assert_string_equal(text_of(only_alarm(keys), "level"), live_alarm_level((enum alarm_code)k));
        assert_true(strlen(text_of(only_alarm(keys), "text")) > 20);
        for (unsigned i = 0; i < k; i++)
            assert_string_not_equal(live_alarm_code((enum alarm_code)i), live_alarm_code((enum alarm_code)k));
        json_decref(keys);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_said_twice), cmocka_unit_test(counts_alarm_while_they_grow), cmocka_unit_test(each_fact_has_its_alarm) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
