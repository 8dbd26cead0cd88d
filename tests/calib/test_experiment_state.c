#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/experiment_state.h"
#include "pulse/record_ljh.h"
#include "tests/seeded.h"
#include "tests/shared_data.h"

static enum status parse(const char *text, struct experiment_state *s, struct complaint *why) {
    return experiment_state_parse((const uint8_t *)text, strlen(text), s, why);
}

static void reads_labels_with_their_times(void **state) {
    (void)state;
    struct experiment_state s;
    assert_int_equal(parse("# unix time in nanoseconds, state label\n1722086479656890651, START\n1722086479920852687, SCAN1\r\n"
                           "\n1722086512557825636,A label, with commas \n1722086512597952992, STOP\n", &s, NULL), STATUS_OK);
    assert_int_equal(s.n, 4);
    assert_string_equal(s.labels[0].label, "START");
    assert_int_equal(s.labels[0].start_ns, 1722086479656890651);
    assert_int_equal(s.labels[0].end_ns, 1722086479920852687);
    assert_string_equal(s.labels[1].label, "SCAN1");
    assert_string_equal(s.labels[2].label, "A label, with commas");
    assert_int_equal(s.labels[3].end_ns, INT64_MAX);
    assert_int_equal(s.skipped_lines, 0);
    experiment_state_done(&s);
    assert_null(s.labels);
}

static void skips_and_counts_unknown_lines(void **state) {
    (void)state;
    struct experiment_state s;
    assert_int_equal(parse("1, A\nno comma\n-5, NEGATIVE\n2x, B\n3, \n99999999999999999999, TOO LATE\n, EMPTY\n4, C\n", &s, NULL), STATUS_OK);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.skipped_lines, 6);
    assert_int_equal(s.first_skipped_line, 2);
    experiment_state_done(&s);
}

static void waits_for_the_line_end(void **state) {
    (void)state;
    struct experiment_state s;
    assert_int_equal(parse("# x\n1, A\n2, B", &s, NULL), STATUS_OK);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.skipped_lines, 0);
    experiment_state_done(&s);
}

static void is_empty_without_labels(void **state) {
    (void)state;
    const char *texts[] = { "", "# unixnano, state label\n", "\n\n" };
    for (size_t i = 0; i < 3; i++) {
        struct experiment_state s;
        assert_int_equal(parse(texts[i], &s, NULL), STATUS_OK);
        assert_int_equal(s.n, 0);
        experiment_state_done(&s);
    }
}

static void refuses_other_files(void **state) {
    (void)state;
    struct experiment_state s = { .n = 77 };
    struct complaint why = { 0 };
    assert_int_equal(parse("# a comment\n{ \"json\": true }\n", &s, &why), STATUS_BAD_VALUE);
    assert_int_equal(why.line, 2);
    assert_int_equal(s.n, 77);
}

static void cuts_long_labels(void **state) {
    (void)state;
    struct experiment_state s;
    char text[200] = "1, ";
    memset(text + 3, 'x', 100);
    memcpy(text + 5, "\x01\xff", 2);
    strcpy(text + 103, "\n");
    assert_int_equal(parse(text, &s, NULL), STATUS_OK);
    assert_int_equal(strlen(s.labels[0].label), 63);
    assert_memory_equal(s.labels[0].label, "xx??x", 5);
    experiment_state_done(&s);
}

/* Whatever the clock did: sorted, ends meet starts, equal times in the order of the file. */
static void sorts_stably_by_time(void **state) {
    (void)state;
    struct seeded r = seeded_start("sorts_stably_by_time");
    for (int i = 0; i < 100; i++) {
        uint32_t n = 1 + seeded_below(&r, 200);
        char *text = malloc(n * 32);
        size_t used = 0;
        for (uint32_t k = 0; k < n; k++)
            used += (size_t)sprintf(text + used, "%u, L%u\n", seeded_below(&r, 50), k);
        struct experiment_state s;
        assert_int_equal(experiment_state_parse((const uint8_t *)text, used, &s, NULL), STATUS_OK);
        assert_int_equal(s.n, n);
        for (size_t k = 1; k < n; k++) {
            assert_int_equal(s.labels[k - 1].end_ns, s.labels[k].start_ns);
            assert_true(s.labels[k - 1].start_ns <= s.labels[k].start_ns);
            if (s.labels[k - 1].start_ns == s.labels[k].start_ns)
                assert_true(atoi(s.labels[k - 1].label + 1) < atoi(s.labels[k].label + 1));
        }
        experiment_state_done(&s);
        free(text);
    }
}

static void tells_kinds_apart(void **state) {
    (void)state;
    static const struct { const char *label; char kind; int32_t number; } labels[] = {
        { "CAL0", 'C', 0 }, { "CAL12", 'C', 12 }, { "SCAN3", 'S', 3 }, { "CALIBRATION4", 'C', 4 }, { "SCAN007", 'S', 7 }, { "SCAN2147483647", 'S', INT32_MAX },
        { "SCAN2147483648", 0, -9 }, { "SCAN", 0, -9 }, { "CAL", 0, -9 }, { "CALIBRATION", 0, -9 }, { "scan3", 0, -9 }, { "SCAN3b", 0, -9 },
        { "SCAN-3", 0, -9 }, { "SCAN 3", 0, -9 }, { "PAUSE", 0, -9 }, { "", 0, -9 }, { "XSCAN3", 0, -9 },
    };
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        int32_t number = -9;
        assert_int_equal(state_label_kind(labels[i].label, &number), labels[i].kind);
        assert_int_equal(number, labels[i].number);
    }
}

/* ---- real files, against golden_states.json and golden.h5 (mass 0.8.9): record ranges [first, end) of each label's stretches ---- */

struct range {
    const char *label;
    size_t first, end;
};

/* Times as the peer counts them in this 2.1 file: since the acquisition's start. */
static size_t relative_times(int64_t *out) {
    struct shared_file f = shared_read("real/regress_c1/regress_chan1.ljh");
    struct ljh_header h;
    if (f.bytes == NULL || ljh_header_parse(f.bytes, f.n, &h, NULL) != STATUS_OK)
        return 0;
    struct ljh_cursor c;
    struct pulse_record record;
    ljh_cursor_init(&c, &h);
    size_t n = 0;
    while (n < 300 && ljh_cursor_next(&c, f.bytes, f.n, true, 0, &record) == LJH_RECORD)
        out[n++] = record.trigger_time_ns - (int64_t)(h.timestamp_offset_s * 1e9);
    free(f.bytes);
    return n;
}

static void check_ranges(const char *name, const struct range *ranges, size_t n, const int64_t *times, size_t records) {
    struct shared_file f = shared_read(name);
    assert_non_null(f.bytes);
    struct experiment_state s;
    assert_int_equal(experiment_state_parse(f.bytes, f.n, &s, NULL), STATUS_OK);
    assert_int_equal(s.n, n);
    for (size_t i = 0; i < n; i++) {
        size_t first = 0, end = 0;
        while (first < records && times[first] < s.labels[i].start_ns)
            first++;
        for (end = first; end < records && times[end] < s.labels[i].end_ns;)
            end++;
        assert_string_equal(s.labels[i].label, ranges[i].label);
        assert_int_equal(first, ranges[i].first);
        assert_int_equal(end, ranges[i].end);
    }
    experiment_state_done(&s);
    free(f.bytes);
}

static void finds_the_records_that_the_peer_finds(void **state) {
    (void)state;
    int64_t times[300];
    size_t records = relative_times(times);
    if (records == 0)
        skip();
    assert_int_equal(records, 300);
    const struct range plain[] = { { "START", 0, 300 }, { "STOP", 300, 300 } };
    const struct range v2[] = { { "START", 0, 48 }, { "funstate", 48, 300 }, { "STOP", 300, 300 } };
    const struct range repeats[] = { { "START", 0, 48 }, { "PAUSE", 48, 79 }, { "SCAN1", 79, 123 }, { "PAUSE", 123, 300 }, { "STOP", 300, 300 } };
    check_ranges("real/regress_c1/regress_experiment_state.txt", plain, 2, times, records);
    check_ranges("real/regress_c1/regress_experiment_state_v2.txt", v2, 3, times, records);
    check_ranges("real/regress_c1/regress_experiment_state_repeats.txt", repeats, 5, times, records);
}

static void reads_real_files_without_skipping(void **state) {
    (void)state;
    static const struct { const char *name; size_t labels; } files[] = {
        { "real/ebit_c1/20240722_run0006_experiment_state.txt", 25 },
        { "real/bessy_4219/logs/20240727_run0002_experiment_state.txt", 9 },
        { "dastard_simpulse/20261122/0000/20261122_run0000_experiment_state.txt", 6 },
    };
    for (size_t i = 0; i < 3; i++) {
        struct shared_file f = shared_read(files[i].name);
        if (f.bytes == NULL)
            skip();
        struct experiment_state s;
        assert_int_equal(experiment_state_parse(f.bytes, f.n, &s, NULL), STATUS_OK);
        assert_int_equal(s.n, files[i].labels);
        assert_int_equal(s.skipped_lines, 0);
        experiment_state_done(&s);
        free(f.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_labels_with_their_times),
        cmocka_unit_test(skips_and_counts_unknown_lines),
        cmocka_unit_test(waits_for_the_line_end),
        cmocka_unit_test(is_empty_without_labels),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(cuts_long_labels),
        cmocka_unit_test(sorts_stably_by_time),
        cmocka_unit_test(tells_kinds_apart),
        cmocka_unit_test(finds_the_records_that_the_peer_finds),
        cmocka_unit_test(reads_real_files_without_skipping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
