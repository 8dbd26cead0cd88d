/* Pulses come back by pixel, each once, with their inner events; a disk that refuses costs nothing while memory lasts, then what is counted. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "daemon/pulse_store.h"
#include "daemon/row_block.h"

enum { PIXELS = 3, ROWS = 1000, MEMORY = 131072 };   /* entries that wait in memory at most */
static const double PERIOD_S = 1e-5;

/* Row i of all: pixel i % PIXELS, a frame of its own, an inner event in one of ten. */
static void fill(struct row_block *b, uint64_t first) {
    row_block_clear(b);
    for (size_t i = 0; i < ROWS; i++) {
        const uint64_t k = first + i;
        b->photons->pixel[i] = (uint16_t)(k % PIXELS);
        b->pulses[i] = (struct measured_pulse){ .time_ns = (int64_t)k * 1000000, .frame = (int64_t)k * 100, .height = (float)k };
        b->flags[i] = 0;
        if (k % 10 == 0)
            b->seconds[b->n_seconds++] = (struct inner_event){ .row = i, .time_ns = (int64_t)k * 1000000 + 500 };
    }
    b->n = b->photons->n = ROWS;
}

/* Every pulse of pixel p below `n` and no other. */
static void expect(const struct pulse_store *s, size_t p, uint64_t n, bool all) {
    int64_t first_ns, last_ns;
    const size_t most = pulse_store_most(s, p, &first_ns, &last_ns);
    struct measured_pulse *pulses = calloc(most + 1, sizeof *pulses);
    struct stored_channel c;
    size_t inner = 0;
    assert_non_null(pulses);
    assert_true(pulse_store_channel(s, p, PERIOD_S, pulses, &c));
    assert_int_equal(c.counts.duplicates, 0);
    assert_true(!all || c.n == (n - p + PIXELS - 1) / PIXELS);
    for (size_t i = 0; i < c.n; i++) {
        const uint64_t k = (uint64_t)pulses[i].frame / 100;
        assert_true(k % PIXELS == p && k < n && (!all || k == p + i * PIXELS));
        assert_true(pulses[i].height == (float)k && pulses[i].time_ns == (int64_t)k * 1000000);
        if (k % 10 == 0) {
            assert_true(inner < c.n_seconds && c.seconds[inner].row == i);
            assert_int_equal(c.seconds[inner++].time_ns, (int64_t)k * 1000000 + 500);
        }
    }
    assert_int_equal(inner, c.n_seconds);
    stored_channel_done(&c);
    free(pulses);
}

static void what_was_added_comes_back(void **state) {
    struct pulse_store *s = NULL;
    struct row_block *b = NULL;
    (void)state;
    assert_true(row_block_new(ROWS, &b) && pulse_store_new(".", PIXELS, &s));
    for (uint64_t k = 0; k < 20000; k += ROWS) {
        fill(b, k);
        assert_true(pulse_store_add(s, b));
    }
    assert_int_equal(pulse_store_mark(s), 22000);
    assert_true(pulse_store_settle(s, &pulse_bounds_none));
    for (size_t p = 0; p < PIXELS; p++)
        expect(s, p, 20000, true);
    pulse_store_unsettle(s);   /* and more is added, and all is there once more */
    for (uint64_t k = 20000; k < 31000; k += ROWS) {
        fill(b, k);
        assert_true(pulse_store_add(s, b));
    }
    assert_true(pulse_store_settle(s, &pulse_bounds_none));
    for (size_t p = 0; p < PIXELS; p++)
        expect(s, p, 31000, true);
    pulse_store_free(s);
    row_block_free(b);
}

/* The folder is not there for as long as memory lasts, and a second more; what waited is all there. */
static void a_file_that_comes_late_has_everything(void **state) {
    struct pulse_store *s = NULL;
    struct row_block *b = NULL;
    (void)state;
    assert_true(row_block_new(ROWS, &b) && pulse_store_new("late", PIXELS, &s));
    uint64_t n = 0;
    for (; n * 11 / 10 < MEMORY - 2 * ROWS; n += ROWS) {
        fill(b, n);
        assert_true(pulse_store_add(s, b));
    }
    assert_false(pulse_store_answers(s));
    assert_int_equal(mkdir("late", 0700), 0);
    while (!pulse_store_answers(s))
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    assert_true(pulse_store_settle(s, &pulse_bounds_none));
    pulse_store_unsettle(s);
    for (uint64_t more = 0; more < 100 * ROWS; more += ROWS, n += ROWS) {   /* and goes on through the file */
        fill(b, n);
        assert_true(pulse_store_add(s, b));
    }
    assert_int_equal(pulse_store_lost(s), 0);
    assert_true(pulse_store_settle(s, &pulse_bounds_none));
    for (size_t p = 0; p < PIXELS; p++)
        expect(s, p, n, true);
    pulse_store_free(s);
    row_block_free(b);
    assert_int_equal(rmdir("late"), 0);
}

/* Without a file: what is forgotten makes room in memory, and the rest comes back. */
static void what_is_forgotten_needs_no_file(void **state) {
    struct pulse_store *s = NULL;
    struct row_block *b = NULL;
    (void)state;
    assert_true(row_block_new(ROWS, &b) && pulse_store_new("later", PIXELS, &s));
    for (uint64_t n = 0; n < 4 * MEMORY; n += ROWS) {
        fill(b, n);
        assert_true(pulse_store_add(s, b));
        if (n % (20 * ROWS) == 0)
            pulse_store_forget(s, pulse_store_mark(s));
    }
    assert_int_equal(pulse_store_lost(s), 0);
    assert_int_equal(mkdir("later", 0700), 0);
    while (!pulse_store_answers(s))
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    assert_true(pulse_store_settle(s, &pulse_bounds_none));
    size_t kept = 0;
    for (size_t p = 0; p < PIXELS; p++) {
        int64_t first_ns, last_ns;
        kept += pulse_store_most(s, p, &first_ns, &last_ns);
    }
    assert_true(kept > 0 && kept <= 20 * ROWS);
    pulse_store_free(s);
    row_block_free(b);
    assert_int_equal(rmdir("later"), 0);
}

/* The disk takes some 100 kB and then refuses. */
static void a_disk_that_refuses_is_waited_for(void **state) {
    struct pulse_store *s = NULL;
    struct row_block *b = NULL;
    struct rlimit before, tight;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 100000;
    assert_true(row_block_new(ROWS, &b) && pulse_store_new(".", PIXELS, &s));
    setrlimit(RLIMIT_FSIZE, &tight);
    uint64_t n = 0;
    for (; n * 11 / 10 < MEMORY - 2 * ROWS; n += ROWS) {
        fill(b, n);
        assert_true(pulse_store_add(s, b));
    }
    assert_int_equal(pulse_store_lost(s), 0);
    bool full = false;
    for (int k = 0; k < 20; k++, n += ROWS) {
        fill(b, n);
        full = !pulse_store_add(s, b) || full;
        assert_true(!full || errno == EFBIG || errno == EBUSY);
    }
    assert_true(full && pulse_store_lost(s) > 0);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(pulse_store_settle(s, &pulse_bounds_none));
    uint64_t kept = 0;
    for (size_t p = 0; p < PIXELS; p++) {
        int64_t first_ns, last_ns;
        kept += pulse_store_most(s, p, &first_ns, &last_ns);
        expect(s, p, n, false);
    }
    assert_true(kept < n && kept + pulse_store_lost(s) >= n);   /* inner events are counted as lost, too */
    pulse_store_free(s);
    row_block_free(b);
}

/* Of pixel 0: how many, and whether the oldest begins after a gap. */
static size_t count(struct pulse_store *s, bool *gap) {
    int64_t first_ns, last_ns;
    const size_t most = pulse_store_most(s, 0, &first_ns, &last_ns);
    struct measured_pulse *pulses = calloc(most + 1, sizeof *pulses);
    struct stored_channel c;
    assert_non_null(pulses);
    assert_true(pulse_store_channel(s, 0, PERIOD_S, pulses, &c));
    *gap = false;
    for (size_t i = 0; i < c.n; i++)
        *gap = *gap || c.gaps[i];
    const size_t n = c.n;
    stored_channel_done(&c);
    free(pulses);
    return n;
}

/* Stamps say near the run's ends whose a record is; in between its place does, for a clock may have been set. */
static void the_bounds_of_a_run(void **state) {
    struct pulse_store *s = NULL;
    struct row_block *b = NULL;
    bool gap;
    (void)state;
    assert_true(row_block_new(ROWS, &b) && pulse_store_new(".", PIXELS, &s));
    for (uint64_t k = 0; k < 6000; k += ROWS) {
        fill(b, k);
        assert_true(pulse_store_add(s, b));
    }
    const uint64_t entries = pulse_store_mark(s) / 6;   /* of a block */
    const struct { struct pulse_bounds bounds; size_t n; } cases[] = {
        { pulse_bounds_none, 2000 },
        { { .from_ns = 1500 * INT64_C(1000000), .begun = UINT64_MAX, .until_ns = INT64_MAX, .over = UINT64_MAX }, 1500 },
        { { .from_ns = 9000 * INT64_C(1000000), .begun = 2 * entries, .until_ns = INT64_MAX, .over = UINT64_MAX }, 1333 },   /* set back after the second block */
        { { .from_ns = INT64_MIN, .until_ns = 1500 * INT64_C(1000000), .over = 4 * entries }, 1334 },                       /* set back before the fifth */
        { { .from_ns = INT64_MIN, .until_ns = 4499 * INT64_C(1000000), .over = 4 * entries }, 1500 },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_true(pulse_store_settle(s, &cases[k].bounds));
        assert_int_equal(count(s, &gap), cases[k].n);
        pulse_store_unsettle(s);
    }
    pulse_store_free(s);
    row_block_free(b);
}

/* What an earlier start had, then what this one has: each record once, and a gap where nobody was there. */
static void two_starts_of_one_run(void **state) {
    static const uint64_t begins[] = { 2000, 4000 };   /* of the second: with records that the first has, too; after a hole */
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pulse_store *earlier = NULL, *now = NULL;
        struct row_block *b = NULL;
        bool gap;
        assert_true(row_block_new(ROWS, &b) && pulse_store_new(".", PIXELS, &earlier) && pulse_store_new(".", PIXELS, &now));
        pulse_store_patient(earlier);
        pulse_store_patient(now);
        for (uint64_t at = 0; at < 3000; at += ROWS) {
            fill(b, at);
            assert_true(pulse_store_add(earlier, b));
        }
        for (uint64_t at = begins[k]; at < 6000; at += ROWS) {
            fill(b, at);
            assert_true(pulse_store_add(now, b));
        }
        assert_true(pulse_store_pour(now, &pulse_bounds_none, earlier) && pulse_store_settle(earlier, &pulse_bounds_none));
        assert_int_equal(count(earlier, &gap), k == 0 ? 2000 : 1000 + 666);
        assert_true(gap);   /* the later start does not know what was before its first, whoever else may */
        pulse_store_free(earlier);
        pulse_store_free(now);
        row_block_free(b);
    }
}

/* By way, as rows come: the port's after a clock was set back, then the files' of before it. Then the counter begins anew, and a file brings one of before. */
static void epochs_are_what_rows_say(void **state) {
    static const struct { int64_t frame, time_ms; uint8_t flags; } rows[] = {
        { 1000000, 8000, 0 }, { 1100000, 9000, 0 }, { 700000, 7000, ROW_FROM_FILE }, { 850000, 8500, ROW_FROM_FILE }, { 950000, 9500, ROW_FROM_FILE },
        { 5, 10000, ROW_NEW_EPOCH }, { 1200000, 9900, ROW_FROM_FILE | ROW_OLD_EPOCH }, { 300000, 12999, 0 }, { 6, 10001, ROW_FROM_FILE },
    };
    static const int64_t want[] = { 700000, 850000, 950000, 1000000, 1100000, 1200000, 5, 6, 300000 };
    enum { N = sizeof rows / sizeof rows[0] };
    struct pulse_store *s = NULL;
    struct row_block *b = NULL;
    struct stored_channel c;
    struct measured_pulse pulses[N];
    int64_t first_ns, last_ns;
    (void)state;
    assert_true(row_block_new(N, &b) && pulse_store_new(".", 1, &s));
    pulse_store_patient(s);
    for (size_t i = 0; i < N; i++) {
        b->pulses[i] = (struct measured_pulse){ .time_ns = rows[i].time_ms * 1000000, .frame = rows[i].frame };
        b->flags[i] = rows[i].flags;
    }
    b->n = b->photons->n = N;
    assert_true(pulse_store_add(s, b) && pulse_store_settle(s, &pulse_bounds_none));
    assert_int_equal(pulse_store_most(s, 0, &first_ns, &last_ns), N);
    assert_true(pulse_store_channel(s, 0, PERIOD_S, pulses, &c));
    assert_int_equal(c.n, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(pulses[i].frame, want[i]);
    assert_int_equal(c.counts.restarts, 1);
    stored_channel_done(&c);
    pulse_store_free(s);
    row_block_free(b);
}

/* A clock set back to before the run's begin: the span is the first record's stamp to the last one's, as of a file; and what a later start does not know is what was before the first
 * of its records, not before the one with the oldest stamp. */
static void a_clock_set_back_in_a_run(void **state) {
    static const int64_t times_ms[] = { 5000, 6000, 2000, 3000, 7000 };
    enum { N = sizeof times_ms / sizeof times_ms[0] };
    struct pulse_store *s = NULL, *to = NULL;
    struct row_block *b = NULL;
    struct stored_channel c;
    struct measured_pulse pulses[2 * N];
    int64_t first_ns, last_ns;
    (void)state;
    assert_true(row_block_new(2 * N, &b) && pulse_store_new(".", 1, &s) && pulse_store_new(".", 1, &to));
    pulse_store_patient(s);
    pulse_store_patient(to);
    for (size_t i = 0; i < N; i++)
        b->pulses[i] = (struct measured_pulse){ .time_ns = times_ms[i] * 1000000, .frame = 100000 * (int64_t)(i + 2) };
    b->n = b->photons->n = N;
    assert_true(pulse_store_add(s, b));
    b->pulses[0] = (struct measured_pulse){ .time_ns = 4000000000, .frame = 100000 };
    b->n = b->photons->n = 1;
    assert_true(pulse_store_add(to, b));
    assert_true(pulse_store_settle(s, &pulse_bounds_none));
    assert_int_equal(pulse_store_most(s, 0, &first_ns, &last_ns), N);
    assert_int_equal(first_ns, 5000000000);
    assert_int_equal(last_ns, 7000000000);
    pulse_store_unsettle(s);
    assert_true(pulse_store_pour(s, &pulse_bounds_none, to) && pulse_store_settle(to, &pulse_bounds_none));
    assert_int_equal(pulse_store_most(to, 0, &first_ns, &last_ns), N + 1);
    assert_true(pulse_store_channel(to, 0, PERIOD_S, pulses, &c));
    for (size_t i = 0; i < N + 1; i++)
        assert_int_equal(c.gaps[i], i == 1);
    stored_channel_done(&c);
    pulse_store_free(s);
    pulse_store_free(to);
    row_block_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_added_comes_back), cmocka_unit_test(the_bounds_of_a_run), cmocka_unit_test(two_starts_of_one_run), cmocka_unit_test(epochs_are_what_rows_say), cmocka_unit_test(a_clock_set_back_in_a_run),
                                        cmocka_unit_test(a_file_that_comes_late_has_everything), cmocka_unit_test(what_is_forgotten_needs_no_file),
                                        cmocka_unit_test(a_disk_that_refuses_is_waited_for) };
    char folder[] = "/tmp/tesd-pulses-XXXXXX";
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    log_set_level(LOG_LEVEL_ERROR);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return (chdir("/") == 0 && rmdir(folder) == 0) ? failed : 1;   /* nothing is left behind */
}
