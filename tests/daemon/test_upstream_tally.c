#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/upstream_tally.h"
#include "tests/dice.h"

enum { MOST = 3000, FAR = 1000 };

/* Records up to a time, of a channel whose stamps jitter and which files fill in: exact as far as the memory goes, and never too many. */
static void test_records_until(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int turn = 0; turn < 50; turn++) {
        struct upstream_tally t = { .n = 0 };
        static int64_t times[MOST];
        size_t n = 1 + (size_t)dice_below(&d, turn % 2 ? UPSTREAM_TALLY_RECENT : MOST);
        for (size_t i = 0; i < n; i++) {
            times[i] = 10 * (int64_t)i + dice_below(&d, 15) + (dice_below(&d, 10) == 0 ? -dice_below(&d, 5000) : 0);   /* every tenth from a file */
            upstream_tally_add(&t, times[i]);
        }
        assert_int_equal(t.n, n);
        for (int64_t back = 0; back < 900; back += 50) {   /* of the newest 90 or so: they are remembered, whatever came from files */
            const int64_t time_ns = 10 * (int64_t)n - back;
            uint64_t until = 0;
            for (size_t i = 0; i < n; i++)
                until += times[i] <= time_ns;
            assert_int_equal(upstream_tally_until(&t, time_ns), until);
        }
        assert_true(upstream_tally_until(&t, INT64_MIN) == (n > UPSTREAM_TALLY_RECENT ? n - UPSTREAM_TALLY_RECENT : 0));
    }
}

/* Three segments: what is sent and had adds up, a record too many in one does not make up for one too few in the other. */
static void test_segments_add(void **state) {
    (void)state;
    struct upstream_tally t = { .n = 0 };
    upstream_tally_add(&t, 5);   /* before the segment begins */
    upstream_tally_open(&t, 10);
    assert_int_equal(t.n, 0);
    for (int64_t k = 0; k < 4; k++)
        upstream_tally_add(&t, 20 + k);
    t.sent = 6;
    assert_int_equal(upstream_tally_sum(&t, true, 100).sent, 0);   /* not settled yet */
    upstream_tally_settle(&t);
    struct upstream_channel c = upstream_tally_sum(&t, true, 100);
    assert_true(c.sent == 6 && c.had == 4 && c.lost == 2);
    assert_int_equal(upstream_tally_sum(&t, true, 21).had, 2);
    upstream_tally_close(&t, 3);   /* the fourth came after its end */
    assert_true(t.n == 1 && t.sent == 0 && t.settled == 0);
    c = upstream_tally_sum(&t, false, 100);
    assert_true(c.sent == 6 && c.had == 3 && c.lost == 3);
    t.sent = 1;
    upstream_tally_add(&t, 30);
    upstream_tally_close(&t, 2);
    c = upstream_tally_sum(&t, false, 100);
    assert_true(c.sent == 7 && c.had == 4 && c.lost == 3);
    t.past_had += 9;   /* a file brings the rest, and more */
    c = upstream_tally_sum(&t, false, 100);
    assert_true(c.sent == 7 && c.had == 7 && c.lost == 0);
}

/* A stamp far before the last one parts what came before from what comes; one a little before does not, nor any where it is not known what is far. */
static void test_turns(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct upstream_tally t = { .n = 0 };
        const int64_t far_ns = k == 2 ? 0 : FAR, back_ns = k == 0 ? FAR + 1 : FAR;
        for (int64_t i = 0; i < 5; i++) {
            upstream_tally_came(&t, 10000, far_ns);
            upstream_tally_add(&t, 10000);
        }
        upstream_tally_came(&t, 10000 - back_ns, far_ns);
        upstream_tally_add(&t, 10000 - back_ns);
        assert_int_equal(t.has_turned, k == 0);
        assert_int_equal(t.kept, k == 0 ? 1 : 6);
        t.sent = 7;
        upstream_tally_turn(&t);
        struct upstream_channel c = upstream_tally_sum(&t, true, 10000);
        assert_int_equal(c.sent, 7);
        assert_int_equal(c.had, k == 0 ? 5 : 6);
        assert_int_equal(t.n, k == 0 ? 1 : 0);
        assert_int_equal(t.awaits_turn, k != 0);   /* the window came before the record that tells it */
        upstream_tally_came(&t, 10000 - back_ns, far_ns);
        assert_false(t.awaits_turn || t.has_turned);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_records_until), cmocka_unit_test(test_segments_add), cmocka_unit_test(test_turns) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
