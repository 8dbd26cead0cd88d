#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "daemon/source/scan_log.h"

static enum status parse(const char *name, const char *text, struct scan_log *log, struct complaint *why) {
    *log = (struct scan_log){ .n = 0 };
    *why = (struct complaint){ .offset = 0 };
    return scan_log_parse(name, (const uint8_t *)text, strlen(text), "i0", log, why);
}

static struct scan_log good(const char *name, const char *text) {
    struct scan_log log;
    struct complaint why;
    enum status s = parse(name, text, &log, &why);
    if (s != STATUS_OK)
        fail_msg("%s: %s (%s)", name, why.text, status_text(s));
    return log;
}

/* Refused with the status, a complaint that holds `words`, and an output that was not touched. */
static void bad(const char *text, enum status want, const char *words) {
    struct scan_log log;
    struct complaint why;
    enum status s = parse("scan0001.json", text, &log, &why);
    if (s != want || strstr(why.text, words) == NULL)
        fail_msg("%.60s: %s, \"%s\"; wanted %s, \"%s\"", text, status_text(s), why.text, status_text(want), words);
    assert_int_equal(log.n, 0);
    assert_null(log.scans);
}

static const char head_form[] =
    "{\n  \"var_name\": \"mono\",\n  \"var_unit\": \"eV\",\n  \"scan_num\": 12,\n  \"beamtime_id\": \"GU-1\",\n  \"sample_id\": 7,\n"
    "  \"sample_desc\": \"LNMO \\u03b1\",\n  \"extra\": {\"tempK\": 12.5},\n  \"data_path\": \"/data/x_chan1.off\",\n"
    "  \"drift_correction_plan\": \"none\",\n  \"user_output_dir\": \"/out\",\n"
    "  \"point_extras\": {\"1\": {\"i0\": 5.5, \"i0_sigma\": 0.25, \"note\": \"x\", \"shutter\": true}, \"0\": {\"i0\": 5, \"temp\": 20}, \"9\": {\"i0\": 1}},\n"
    "  \"var_values\": [530.1, 530.1, 529.0],\n  \"epoch_time_start_s\": [1722086441.6315923, 1722086443, 1722086445.5],\n"
    "  \"epoch_time_end_s\": [1722086442.6472917, 1722086444, 1722086446.5],\n  \"roi\": {\"tfy\": [200, 1600]},\n"
    "  \"_ended\": true,\n  \"cal_number\": 3,\n  \"calibration\": false\n}\n";

static void today_s_form_is_read_whole(void **state) {
    (void)state;
    struct scan_log log = good("scan0012.json", head_form);
    assert_int_equal(log.n, 1);
    const struct scan *s = log.scans;
    assert_false(s->calibration);
    assert_int_equal(s->log_number, 12);
    assert_string_equal(s->sample, "LNMO \xCE\xB1");
    assert_string_equal(s->log_name, "scan0012.json");
    assert_string_equal(s->var_unit, "eV");
    assert_int_equal(s->n_points, 3);
    assert_true(s->points[0].start_ns == llround(1722086441.6315923 * 1e9));
    assert_true(s->points[1].start_ns == INT64_C(1722086443000000000));
    assert_true(s->points[0].incident_eV == 530.1 && s->points[2].incident_eV == 529.0);
    assert_true(s->start_ns == s->points[0].start_ns && s->end_ns == s->points[2].end_ns);
    assert_true(s->points[0].i0 == 5 && isnan(s->points[0].i0_sigma) && s->points[1].i0_sigma == 0.25 && isnan(s->points[2].i0));
    assert_int_equal(s->n_extras, 3);
    for (uint32_t k = 0; k < s->n_extras; k++)
        if (strcmp(s->extras[k].name, "temp") == 0)
            assert_true(s->extras[k].values[0] == 20 && isnan(s->extras[k].values[1]) && isnan(s->extras[k].values[2]));
    assert_non_null(strstr(log.note.text, "\"9\""));
    scan_log_done(&log);
    assert_int_equal(log.n, 0);
}

static void calibrations_of_today_carry_their_energy(void **state) {
    (void)state;
    struct scan_log log = good("calibration0002.json",
        "{\"var_name\": \"time\", \"var_unit\": \"s\", \"scan_num\": 2, \"sample_id\": -1, \"sample_desc\": \"null\", \"extra\": {\"mono\": 980.5}, \"point_extras\": {},"
        "\"var_values\": [0, 1], \"epoch_time_start_s\": [10, 20], \"epoch_time_end_s\": [19.5, 30], \"routine\": \"none\", \"calibration\": true}");
    const struct scan *s = log.scans;
    assert_true(s->calibration && s->log_number == 2 && s->mono_eV == 980.5);
    assert_true(s->start_ns == INT64_C(10000000000) && s->end_ns == INT64_C(30000000000));
    assert_true(isnan(s->points[0].incident_eV));
    assert_string_equal(s->sample, "");
    scan_log_done(&log);
}

static void september_2020_lists_its_extras(void **state) {
    (void)state;
    struct scan_log log = good("scan0003.json",
        "{\"var_name\": \"mono\", \"var_unit\": \"eV\", \"scan_num\": 3, \"beamtime_id\": 1, \"ext_id\": 5, \"sample_id\": 4, \"sample_desc\": \"\", \"extra\": {},"
        "\"data_path\": \"x\", \"cal_log\": {\"start_unixnano\": 1, \"end_unixnano\": 2}, \"point_extras\": [{}, {\"i0\": 2}, null],"
        "\"var_values\": [1.5, 2.5], \"epoch_time_start_s\": [1, 3], \"epoch_time_end_s\": [2, 4], \"_ended\": true}");
    assert_false(log.scans->calibration);
    assert_string_equal(log.scans->sample, "4");
    assert_true(isnan(log.scans->points[0].i0) && log.scans->points[1].i0 == 2);
    scan_log_done(&log);
    log = good("calibration0000.json", "{\"start_unixnano\": 1600000000000000001, \"end_unixnano\": 1600000009000000007, \"off_filename\": \"x\", \"sample_id\": 3,"
                                       "\"sample_desc\": \"mix\", \"beamtime_id\": \"b\", \"routine\": \"r\", \"cal_number\": 0}");
    const struct scan *s = log.scans;
    assert_true(s->calibration && s->n_points == 0 && s->log_number == 0 && isnan(s->mono_eV));
    assert_true(s->start_ns == INT64_C(1600000000000000001) && s->end_ns == INT64_C(1600000009000000007));
    scan_log_done(&log);
}

static void may_2021_and_the_barest_log_are_read(void **state) {
    (void)state;
    struct scan_log log = good("scan0004.json",
        "{\"var_name\": \"unnamed_motor\", \"var_unit\": \"index\", \"scan_num\": 4, \"rois_bin_edges\": [200, 300], \"rois_names\": [\"c\"], \"point_extras\": {},"
        "\"var_values\": [0, 1], \"epoch_time_start_s\": [1, 3], \"epoch_time_end_s\": [2, 4], \"sample_id\": \"s7\"}");
    assert_true(isnan(log.scans->points[0].incident_eV));
    assert_string_equal(log.scans->sample, "s7");
    scan_log_done(&log);
    log = good("scan0031.json", " {\"epoch_time_end_s\": [2], \"epoch_time_start_s\": [1], \"var_values\": [0]}");
    assert_int_equal(log.scans->log_number, 31);
    assert_int_equal(log.scans->n_points, 1);
    scan_log_done(&log);
}

static void lists_that_differ_by_one_are_cut_by_more_refused(void **state) {
    (void)state;
    struct scan_log log = good("s.json", "{\"var_values\": [1, 2, 3], \"epoch_time_start_s\": [1, 2, 3], \"epoch_time_end_s\": [2, 3]}");
    assert_int_equal(log.scans->n_points, 2);
    assert_non_null(strstr(log.note.text, "differ by one"));
    scan_log_done(&log);
    bad("{\"var_values\": [1, 2, 3], \"epoch_time_start_s\": [1, 2, 3], \"epoch_time_end_s\": [2]}", STATUS_BAD_VALUE, "3 var_values, 3 epoch_time_start_s, 1 epoch_time_end_s");
}

static void bad_json_is_refused_with_its_reason(void **state) {
    (void)state;
    bad("", STATUS_TRUNCATED, "empty");
    bad("  \n", STATUS_TRUNCATED, "empty");
    bad("hello", STATUS_NOT_FOUND, "neither");
    bad("{}", STATUS_NOT_FOUND, "var_values");
    bad("{\"var_values\": [1], \"epoch_time_start_s\": 3}", STATUS_NOT_FOUND, "epoch_time_start_s");
    bad("{\"var_values\": [], \"epoch_time_start_s\": [], \"epoch_time_end_s\": []}", STATUS_TOO_FEW, "no finished point");
    bad("{\"var_values\": [1], \"epoch_time_start_s\": [\"x\"], \"epoch_time_end_s\": [2]}", STATUS_BAD_VALUE, "point 0");
    bad("{\"var_values\": [1], \"epoch_time_start_s\": [NaN], \"epoch_time_end_s\": [2]}", STATUS_BAD_VALUE, "point 0");
    bad("{\"var_values\": [1], \"epoch_time_start_s\": [1e30], \"epoch_time_end_s\": [2]}", STATUS_BAD_VALUE, "point 0");
    bad("{\"var_values\": [1], \"var_values\": [2]}", STATUS_BAD_VALUE, "not JSON");
    bad("{\"var_values\": [1,}", STATUS_BAD_VALUE, "not JSON");
    bad("{\"start_unixnano\": 5, \"end_unixnano\": 5}", STATUS_BAD_VALUE, "start_unixnano");
    bad("{\"start_unixnano\": 5, \"end_unixnano\": null}", STATUS_BAD_VALUE, "start_unixnano");
}

/* Every beginning of a log: an error (torn, nearly always) and never a scan. */
static void half_written_files_are_errors(void **state) {
    (void)state;
    size_t n = strlen(head_form) - 2, torn = 0;
    for (size_t length = 1; length < n; length++) {
        struct scan_log log = { .n = 0 };
        struct complaint why;
        uint8_t *bytes = malloc(length);
        memcpy(bytes, head_form, length);
        enum status s = scan_log_parse("scan0012.json", bytes, length, "i0", &log, &why);
        assert_int_not_equal(s, STATUS_OK);
        assert_true(why.text[0] != '\0');
        torn += s == STATUS_TRUNCATED;
        free(bytes);
    }
    assert_true(torn > n * 8 / 10);
}

static void python_s_nan_is_a_missing_value(void **state) {
    (void)state;
    struct scan_log log = good("s.json", "{\"sample_desc\": \"a NaN \\\" NaN\", \"var_unit\": \"eV\", \"var_values\": [NaN, 5], \"epoch_time_start_s\": [1, 3], \"epoch_time_end_s\": [2, 4],"
                                         "\"point_extras\": {\"0\": {\"i0\": NaN}, \"1\": {\"i0\": -Infinity, \"t\": 4}}}");
    assert_string_equal(log.scans->sample, "a NaN \" NaN");
    assert_true(isnan(log.scans->points[0].incident_eV) && isnan(log.scans->points[0].i0) && isnan(log.scans->points[1].i0));
    assert_int_equal(log.scans->n_extras, 1);
    scan_log_done(&log);
}

static void many_extra_columns_are_bounded(void **state) {
    (void)state;
    size_t size = 200000, at = 0;
    char *text = malloc(size);
    at += (size_t)snprintf(text + at, size - at, "{\"var_values\": [1], \"epoch_time_start_s\": [1], \"epoch_time_end_s\": [2], \"point_extras\": {\"0\": {\"i0\": 3");
    for (int k = 0; k < 5000; k++)
        at += (size_t)snprintf(text + at, size - at, ", \"column%d\": %d", k, k);
    snprintf(text + at, size - at, "}}}");
    struct scan_log log = good("s.json", text);
    assert_true(log.scans->n_extras == 64 && log.scans->points[0].i0 == 3);
    assert_non_null(strstr(log.note.text, "left out"));
    scan_log_done(&log);
    free(text);
}

static const char yaml_scan[] =
    "--- {cfolder: '20200219_016', dtype: data, file_header: true, load_id: 102, motor: mono,\n  sample: ad1, version: 0.1.6}\n"
    "--- {header: {htxs: 247, pass: 0, start: 1582152304.889971, stop: 1582152696.440137},\n"
    "  mono: {768.001: [1582152317.99067, 1582152319.190477], 768.401: [\n      1582152319.590172, 1582152320.790062,\n"
    "      1582152321.5, 1582152322.5]}}\n"
    "--- {header: {htxs: 248, pass: 1, start: 1, stop: 2},\n  mono: {768.001: [1582152417.99067, 1582152419.190477]}}\n";

static void ssrl_scans_are_one_per_pass(void **state) {
    (void)state;
    struct scan_log log = good("20200219_017_log", yaml_scan);
    assert_int_equal(log.n, 2);
    const struct scan *s = log.scans;
    assert_string_equal(s->sample, "ad1");
    assert_string_equal(s->var_name, "mono");
    assert_string_equal(s->var_unit, "eV");
    assert_true(!s->calibration && s->log_number == 17 && s[1].log_number == 17);
    assert_int_equal(s->n_points, 3);
    assert_true(s->points[0].incident_eV == 768.001 && s->points[1].incident_eV == 768.401 && s->points[2].incident_eV == 768.401);
    assert_true(s->points[0].start_ns == llround(1582152317.99067 * 1e9) && s->points[2].end_ns == INT64_C(1582152322500000000));
    assert_int_equal(s[1].n_points, 1);
    scan_log_done(&log);
}

static void ssrl_calibrations_are_their_header(void **state) {
    (void)state;
    struct scan_log log = good("20200219_016_log",
        "--- {cfolder: null, dtype: cal, mono: 1000, sample: mixv4b}\n--- {header: {htxs: 245, mono: 1000.5, start: 1582151025.932277, stop: 1582152196.789819},\n"
        "  loop: {0: [1582150595.040216, 1582150596.239795, 1582151026.26856, 1582151027.440028], 1: [5, 6]}}\n");
    assert_int_equal(log.n, 1);
    const struct scan *s = log.scans;
    assert_true(s->calibration && s->n_points == 0 && s->mono_eV == 1000.5 && s->log_number == 16);
    assert_true(s->start_ns == llround(1582151025.932277 * 1e9) && s->end_ns == llround(1582152196.789819 * 1e9));
    assert_string_equal(s->sample, "mixv4b");
    scan_log_done(&log);
}

static void bad_yaml_is_refused_with_its_reason(void **state) {
    (void)state;
    bad("---\n", STATUS_BAD_VALUE, "no map");
    bad("--- {dtype: data}\n", STATUS_TOO_FEW, "no scan");
    bad("--- {dtype: other}\n", STATUS_NOT_FOUND, "dtype");
    bad("--- {dtype: data, dtype: cal}\n", STATUS_BAD_VALUE, "twice");
    bad("--- {dtype: data}\n--- {header: {start: 1, stop: 2}}\n", STATUS_BAD_VALUE, "without points");
    bad("--- {dtype: data}\n--- {mono: {1: [1, 2, 3]}}\n", STATUS_BAD_VALUE, "pairs");
    bad("--- {dtype: data}\n--- {mono: {1: [1, x]}}\n", STATUS_BAD_VALUE, "seconds");
    bad("--- {dtype: data}\n--- {mono: {x: [1, 2]}}\n", STATUS_BAD_VALUE, "set point");
    bad("--- {dtype: data}\n--- {mono: {1: 2}}\n", STATUS_BAD_VALUE, "[start, end]");
    bad("--- {dtype: cal}\n--- {header: {start: 2, stop: 1}}\n", STATUS_BAD_VALUE, "start before stop");
    bad("--- {dtype: cal}\n--- {header: {start: 2}}\n", STATUS_BAD_VALUE, "start before stop");
    bad("--- {dtype: cal}\n--- {a: &x [1, 2], b: *x}\n", STATUS_BAD_VALUE, "alias");
    bad("--- {dtype: cal, a: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}\n", STATUS_BAD_VALUE, "deeply");
    bad("--- {dtype: data}\n--- {mono: {768.0: [1582152317.99, 158215", STATUS_TRUNCATED, "ends before");
    bad("--- {dtype: data\n", STATUS_TRUNCATED, "ends before");
    bad("--- {dtype: @}\n", STATUS_BAD_VALUE, "not YAML");
}

static void a_complaint_names_the_line(void **state) {
    (void)state;
    struct scan_log log;
    struct complaint why;
    assert_int_equal(parse("x", "--- {dtype: data}\n--- {mono: {\n 1: [1, 2],\n 2: [3, x]}}\n", &log, &why), STATUS_BAD_VALUE);
    assert_int_equal(why.line, 4);
    assert_int_equal(parse("x", "{\"a\": 1,\n\"b\": }\n", &log, &why), STATUS_BAD_VALUE);
    assert_int_equal(why.line, 2);
}

/* ---- real logs ---- */

static char *real_path(char *path, size_t size, const char *name) {
    const char *shared = getenv("TESD_SHARED");
    snprintf(path, size, "%s/data/real/%s", shared ? shared : "../shared", name);
    return path;
}

static struct scan_log real_log(const char *name) {
    char path[512];
    FILE *f = fopen(real_path(path, sizeof path, name), "rb");
    if (f == NULL) {
        print_message("skipped: no shared data (%s)\n", path);
        skip();
    }
    uint8_t *bytes = malloc(1 << 20);
    size_t n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    struct scan_log log;
    struct complaint why;
    enum status s = scan_log_parse(strrchr(path, '/') + 1, bytes, n, "i0", &log, &why);
    free(bytes);
    if (s != STATUS_OK)
        fail_msg("%s: %s", path, why.text);
    return log;
}

static void bessy_logs(void **state) {
    (void)state;
    static const struct { const char *name; int number, points; bool calibration; } want[] = {
        { "bessy_4219/logs/scan0000.json", 0, 5, false },  { "bessy_4219/logs/scan0001.json", 1, 30, false }, { "bessy_4219/logs/calibration0002.json", 2, 90, true },
        { "bessy_4219/logs/scan0003.json", 3, 12, false }, { "bessy_4219/logs/scan0004.json", 4, 3, false },  { "bessy_4219/logs/scan0005.json", 5, 6, false },
    };
    for (size_t k = 0; k < sizeof want / sizeof want[0]; k++) {
        struct scan_log log = real_log(want[k].name);
        assert_int_equal(log.n, 1);
        assert_int_equal(log.scans->log_number, want[k].number);
        assert_int_equal(log.scans->n_points, want[k].points);
        assert_int_equal(log.scans->calibration, want[k].calibration);
        assert_string_equal(log.note.text, "");
        assert_true(isnan(log.scans->points[0].incident_eV));
        scan_log_done(&log);
    }
}

static void ssrl_logs(void **state) {
    (void)state;
    static const char *const names[] = { "ssrl_10_1_2020/20200219_017_log", "ssrl_10_1_2020/20200219_018_log" };
    for (size_t k = 0; k < 2; k++) {
        struct scan_log log = real_log(names[k]);
        assert_int_equal(log.n, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(log.scans[i].n_points, 243);
            assert_true(log.scans[i].points[0].incident_eV == 768.001 && log.scans[i].points[242].incident_eV == 804.802);
        }
        scan_log_done(&log);
    }
    struct scan_log log = real_log("ssrl_10_1_2020/20200219_016_log");
    assert_true(log.n == 1 && log.scans->calibration && log.scans->mono_eV == 1000 && log.scans->n_points == 0);
    assert_true(log.scans->start_ns == llround(1582151025.932277 * 1e9));
    scan_log_done(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(today_s_form_is_read_whole),
        cmocka_unit_test(calibrations_of_today_carry_their_energy),
        cmocka_unit_test(september_2020_lists_its_extras),
        cmocka_unit_test(may_2021_and_the_barest_log_are_read),
        cmocka_unit_test(lists_that_differ_by_one_are_cut_by_more_refused),
        cmocka_unit_test(bad_json_is_refused_with_its_reason),
        cmocka_unit_test(half_written_files_are_errors),
        cmocka_unit_test(python_s_nan_is_a_missing_value),
        cmocka_unit_test(many_extra_columns_are_bounded),
        cmocka_unit_test(ssrl_scans_are_one_per_pass),
        cmocka_unit_test(ssrl_calibrations_are_their_header),
        cmocka_unit_test(bad_yaml_is_refused_with_its_reason),
        cmocka_unit_test(a_complaint_names_the_line),
        cmocka_unit_test(bessy_logs),
        cmocka_unit_test(ssrl_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
