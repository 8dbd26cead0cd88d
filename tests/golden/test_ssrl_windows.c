/* Records of the four SSRL 10-1 pixels inside the dwell windows of the six Co L scans: integers that need no calibration, counted
 * by two independent programs before. The record times are read here without the OFF decoder; windows come from the logs
 * through the timeline. The second rule, whole seconds of start and end, is what the beamline's server of that day did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_timeline.h"
#include "daemon/source/scan_log.h"

enum { N_CHANNELS = 4, N_SCANS = 6, RECORD = 56, MATRICES = 2 * 5 * 1024 * 8 };

static const int channels[N_CHANNELS] = { 1, 3, 7, 9 };

struct windows { struct scan_timeline *timeline; bool floored; };

struct counts { unsigned channel[N_CHANNELS], scan[N_SCANS], moving; };

static uint8_t *read_whole(const char *name, size_t *n) {
    const char *shared = getenv("TESD_SHARED");
    char path[512];
    snprintf(path, sizeof path, "%s/data/real/ssrl_10_1_2020/%s", shared ? shared : "../shared", name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        print_message("skipped: no shared data (%s)\n", path);
        skip();
    }
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*n);
    assert_int_equal(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

static void floor_seconds(struct scan *s) {
    for (uint32_t k = 0; k < s->n_points; k++) {
        s->points[k].start_ns -= s->points[k].start_ns % INT64_C(1000000000);
        s->points[k].end_ns -= s->points[k].end_ns % INT64_C(1000000000);
    }
}

static void add_log(struct scan_timeline *t, const char *name, bool floored) {
    size_t n;
    uint8_t *bytes = read_whole(name, &n);
    struct scan_log log;
    struct complaint why;
    assert_int_equal(scan_log_parse(name, bytes, n, "i0", &log, &why), STATUS_OK);
    free(bytes);
    for (size_t i = 0; i < log.n; i++) {
        if (floored)
            floor_seconds(&log.scans[i]);
        assert_int_equal(scan_timeline_add(t, &log.scans[i], &why), STATUS_OK);
        assert_string_equal(why.text, "");
    }
    scan_log_done(&log);
}

static struct scan_timeline *timeline(bool floored) {
    struct scan_timeline *t;
    struct complaint why;
    assert_int_equal(scan_timeline_new(&t), STATUS_OK);
    static const char *const names[] = { "20200219_030_log", "20200219_018_log", "20200219_016_log", "20200219_017_log" };
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        add_log(t, names[k], floored);
    assert_int_equal(scan_timeline_finish(t, &why), STATUS_OK);
    assert_string_equal(why.text, "");
    return t;
}

static const uint8_t *records_of(const uint8_t *bytes, size_t n, size_t *n_records) {
    const uint8_t *end = memmem(bytes, n, "\n}\n", 3);
    assert_non_null(end);
    const uint8_t *first = end + 3 + MATRICES;
    *n_records = (n - (size_t)(first - bytes)) / RECORD;
    return first;
}

static struct counts count(const struct scan_timeline *t) {
    struct counts c = { .moving = 0 };
    for (unsigned ch = 0; ch < N_CHANNELS; ch++) {
        char name[64];
        snprintf(name, sizeof name, "20200219_chan%d.off", channels[ch]);
        size_t n, n_records;
        uint8_t *bytes = read_whole(name, &n);
        const uint8_t *record = records_of(bytes, n, &n_records);
        for (size_t i = 0; i < n_records; i++, record += RECORD) {
            int64_t time_ns;
            memcpy(&time_ns, record + 16, sizeof time_ns);
            struct scan_place place = scan_timeline_place(t, time_ns - time_ns % 1000);
            c.moving += place.index >= 0 && place.point < 0;
            if (place.point < 0)
                continue;
            c.channel[ch]++;
            c.scan[scan_timeline_at(t, (size_t)place.index)->number]++;
        }
        free(bytes);
    }
    return c;
}

static void expect(bool floored, const unsigned *channel, const unsigned *scan) {
    struct scan_timeline *t = timeline(floored);
    struct counts c = count(t);
    print_message("%s: channels %u %u %u %u, scans %u %u %u %u %u %u, moving %u\n", floored ? "floor" : "ns", c.channel[0], c.channel[1], c.channel[2], c.channel[3],
                  c.scan[0], c.scan[1], c.scan[2], c.scan[3], c.scan[4], c.scan[5], c.moving);
    for (unsigned k = 0; k < N_CHANNELS; k++)
        assert_int_equal(c.channel[k], channel[k]);
    for (unsigned k = 0; k < N_SCANS; k++)
        assert_int_equal(c.scan[k], scan[k]);
    scan_timeline_free(t);
}

static void windows_in_ns(void **state) {
    (void)state;
    expect(false, (const unsigned[]){ 2654, 3551, 2454, 5020 }, (const unsigned[]){ 2274, 2313, 2264, 2298, 2247, 2283 });
}

static void windows_of_whole_seconds(void **state) {
    (void)state;
    expect(true, (const unsigned[]){ 2642, 3528, 2513, 5023 }, (const unsigned[]){ 2285, 2355, 2296, 2267, 2234, 2269 });
}

static void scans_and_calibrations_are_in_place(void **state) {
    (void)state;
    struct scan_timeline *t = timeline(false);
    assert_int_equal(scan_timeline_count(t), 8);
    assert_true(scan_timeline_at(t, 0)->calibration && scan_timeline_at(t, 7)->calibration);
    for (size_t k = 1; k < 7; k++) {
        const struct scan *s = scan_timeline_at(t, k);
        assert_true(!s->calibration && s->number == (int32_t)k - 1 && s->n_points == 243);
        assert_int_equal(scan_timeline_calibration_for(t, s->start_ns), 0);
    }
    assert_int_equal(scan_timeline_calibration_for(t, scan_timeline_at(t, 7)->end_ns), 7);
    assert_int_equal(scan_timeline_calibration_for(t, 0), 0);
    scan_timeline_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_in_ns),
        cmocka_unit_test(windows_of_whole_seconds),
        cmocka_unit_test(scans_and_calibrations_are_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
