#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/journal_format.h"
#include "daemon/journal_recovery.h"
#include "daemon/log.h"
#include "tests/daemon/made_folder.h"

enum { ROWS = 20, EVERY = 4 };   /* rows of a session; one in EVERY has a second pulse */
static const double PERIOD_S = 1e-5;
static const int64_t LATER_NS = 700000;   /* of the second pulse, behind the first */

static void put_block(FILE *f, const struct journal_block *b, const void *payload) {
    static uint8_t bytes[65536];
    memcpy(bytes + JOURNAL_HEADER_BYTES, payload, b->payload_bytes);
    const size_t n = journal_block_seal(b, bytes);
    assert_true(n <= sizeof bytes && fwrite(bytes, 1, n, f) == n);
}

/* Rows first .. first + ROWS - 1 of one pixel, their second pulses in a block before the rows or behind them. */
static void put_session(FILE *f, uint64_t session, uint32_t first, bool seconds_before) {
    static const char text[] = "{\"boot\": \"of earlier\", \"channels\": [\"chan1\"]}";
    struct journal_row rows[ROWS] = { { 0 } };
    struct journal_second seconds[ROWS / EVERY];
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = (struct journal_row){ .time_ns = INT64_C(1000000) * (first + i), .frame = 100 * (int64_t)(first + i) };
        if (i % EVERY == 0)
            seconds[i / EVERY] = (struct journal_second){ .row = i, .time_ns = rows[i].time_ns + LATER_NS };
    }
    struct journal_block b = { .kind = JOURNAL_SESSION, .session = session, .payload_bytes = strlen(text) };
    put_block(f, &b, text);
    for (int k = 0; k < 2; k++) {
        b.sequence++;
        b.kind = (k == 0) == seconds_before ? JOURNAL_SECONDS : JOURNAL_ROWS;
        b.rows = b.kind == JOURNAL_ROWS ? ROWS : ROWS / EVERY;
        b.payload_bytes = b.kind == JOURNAL_ROWS ? sizeof rows : sizeof seconds;
        put_block(f, &b, b.kind == JOURNAL_ROWS ? (const void *)rows : seconds);
        b.rows_before += b.kind == JOURNAL_ROWS ? ROWS : 0;
    }
}

static void check_rows(const struct pulse_store *pulses, size_t n) {
    struct stored_channel c;
    struct measured_pulse *list = calloc(n, sizeof *list);
    assert_non_null(list);
    assert_true(pulse_store_channel(pulses, 0, PERIOD_S, list, &c));
    assert_int_equal(c.n, n);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i].frame, 100 * (int64_t)i);
        assert_int_equal(c.gaps[i], i > 0 && i % ROWS == 0);
        if (i % EVERY == 0) {
            assert_true(k < c.n_seconds);
            assert_int_equal(c.seconds[k].row, i);
            assert_int_equal(c.seconds[k++].time_ns, list[i].time_ns + LATER_NS);
        }
    }
    assert_int_equal(k, c.n_seconds);
    stored_channel_done(&c);
    free(list);
}

/* Sessions of one run, each after the other in the file, by hosts' clocks that go on, stand, or were set back: rows have their own session's second pulses. */
static void test_second_pulses_of_sessions_by_any_clock(void **state) {
    static const uint64_t clocks[][3] = { { 1000, 2000, 3000 }, { 3000, 2000, 1000 }, { 2000, 3000, 1000 }, { 2000, 1000, 2000 } };
    (void)state;
    json_t *names = json_pack("[s]", "chan1");
    struct live_array *array;
    assert_true(live_array_make(names, &array));
    for (size_t k = 0; k < 2 * sizeof clocks / sizeof clocks[0]; k++) {
        const char *path = in_folder("run.journal");
        struct journal_earlier e;
        int64_t first_ns, last_ns;
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        for (uint32_t i = 0; i < 3; i++)
            put_session(f, clocks[k / 2][i], i * ROWS, k % 2 == 0);
        assert_int_equal(fclose(f), 0);
        assert_true(journal_recovery_earlier(path, made_folder()->path, "of now", array, false, &e));
        assert_non_null(e.pulses);
        assert_int_equal(e.said.rows, 3 * ROWS);
        assert_int_equal(e.said.sessions, 3);
        assert_int_equal(e.said.missing_blocks + e.said.damaged_bytes, 0);
        assert_true(pulse_store_settle(e.pulses, &pulse_bounds_none));
        assert_int_equal(pulse_store_most(e.pulses, 0, &first_ns, &last_ns), 3 * ROWS);
        check_rows(e.pulses, 3 * ROWS);
        pulse_store_free(e.pulses);
        for (size_t i = 0; i < e.n_scans; i++)
            scan_done(&e.scans[i]);
        free(e.scans);
    }
    live_array_free(array);
    json_decref(names);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_second_pulses_of_sessions_by_any_clock) };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
