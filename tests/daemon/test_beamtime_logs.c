/* Which logs become scans: those of the runs given, each once, joined with their states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/source/beamtime_logs.h"

#define T0 INT64_C(1700000000000000000)

struct place { char path[64]; };

static void write_text(const struct place *p, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", p->path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct place make_place(void) {
    struct place p = { "/tmp/tesd_logs_XXXXXX" };
    char below[80];
    assert_non_null(mkdtemp(p.path));
    snprintf(below, sizeof below, "%s/logs", p.path);
    assert_int_equal(mkdir(below, 0700), 0);
    return p;
}

static void remove_place(const struct place *p) {
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", p->path);
    assert_int_equal(system(command), 0);
}

static void write_scan(const struct place *p, const char *name, int number, double start_s) {
    char text[512];
    snprintf(text, sizeof text,
             "{\"var_name\": \"mono\", \"var_unit\": \"eV\", \"scan_num\": %d, \"calibration\": false, \"sample_desc\": \"s\","
             " \"var_values\": [530, 531], \"epoch_time_start_s\": [%.3f, %.3f], \"epoch_time_end_s\": [%.3f, %.3f]}",
             number, start_s, start_s + 2, start_s + 1, start_s + 3);
    write_text(p, name, text);
}

static const char states[] = "# unix time in nanoseconds, state label\n"
                             "1700000000000000000, START\n1700000001000000000, CAL0\n1700000010000000000, PAUSE\n"
                             "1700000020000000000, SCAN1\n1700000030000000000, PAUSE\n1700000040000000000, STOP\n";

static struct scan_timeline *collect(const struct place *run, const struct place *logs, struct log_counts *counts) {
    char *runs[] = { (char *)(uintptr_t)run->path }, *others[] = { logs ? (char *)(uintptr_t)logs->path : NULL };
    struct log_search s = { .run_folders = runs, .n_run_folders = 1, .log_folders = others, .n_log_folders = logs ? 1 : 0,
                            .i0_key = "i0", .first_ns = T0 + 2000000000, .last_ns = T0 + 35000000000 };
    struct scan_timeline *t;
    assert_true(beamtime_logs_collect(&s, &t, counts));
    return t;
}

static void states_and_logs_are_joined(void **state) {
    (void)state;
    struct place p = make_place();
    struct log_counts counts;
    write_text(&p, "x_run0001_experiment_state.txt", states);
    write_scan(&p, "logs/scan0001.json", 1, 1700000021);
    struct scan_timeline *t = collect(&p, NULL, &counts);
    assert_int_equal(scan_timeline_count(t), 2);
    const struct scan *cal = scan_timeline_at(t, 0), *scan = scan_timeline_at(t, 1);
    assert_true(cal->calibration);
    assert_int_equal(cal->start_ns, T0 + 1000000000);
    assert_int_equal(cal->end_ns, T0 + 10000000000);
    assert_false(scan->calibration);
    assert_int_equal(scan->n_points, 2);
    assert_string_equal(scan->label, "SCAN1");
    assert_int_equal(counts.refused, 0);
    scan_timeline_free(t);
    remove_place(&p);
}

static void other_runs_and_repeats_are_left_out(void **state) {
    (void)state;
    struct place p = make_place(), q = make_place();
    struct log_counts counts;
    write_text(&p, "x_run0001_experiment_state.txt", states);
    write_scan(&p, "logs/scan0001.json", 1, 1700000021);
    write_scan(&q, "scan0001.json", 1, 1700000021);          /* the same log in the user's folder */
    write_scan(&q, "logs/scan0007.json", 7, 1700009000);     /* another run's */
    write_text(&q, "y_run0009_experiment_state.txt", "# c\n1600000000000000000, START\n1600000001000000000, CAL0\n1600000010000000000, STOP\n");
    write_text(&q, "scan0003.json", "{\"var_values\": [1, 2, 3], \"epoch_time_start_s\": [17000");   /* half written */
    struct scan_timeline *t = collect(&p, &q, &counts);
    assert_int_equal(scan_timeline_count(t), 2);
    assert_int_equal(counts.other_runs, 2);
    assert_int_equal(counts.refused, 1);
    scan_timeline_free(t);
    remove_place(&p);
    remove_place(&q);
}

static void no_logs_is_an_empty_timeline(void **state) {
    (void)state;
    struct place p = make_place();
    struct log_counts counts;
    struct scan_timeline *t = collect(&p, NULL, &counts);
    assert_int_equal(scan_timeline_count(t), 0);
    scan_timeline_free(t);
    remove_place(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_and_logs_are_joined),
        cmocka_unit_test(other_runs_and_repeats_are_left_out),
        cmocka_unit_test(no_logs_is_an_empty_timeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
