/* How far tails reach is found where cuts depend on them, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/cut.h"
#include "pulse/tail_reach.h"
#include "tests/dice.h"

static const double decay_ns = 400e3, post_ns = 1e6;

/* Poisson records; one is cut with probability `always`, and as surely as a tail of reach `decays` makes it. */
static struct tail_reach watch(struct dice *d, double rate_Hz, int n, double always, double decays) {
    struct tail_reach t = tail_reach_begin(decay_ns, post_ns);
    int64_t at = INT64_C(1747000000000000000), before = 0;
    for (int i = 0; i < n; i++) {
        before = llround(-1e9 * log(1 - dice_unit(d)) / rate_Hz);
        at += before;
        bool cut = dice_unit(d) < always || (double)before < decays * decay_ns;
        tail_reach_note(&t, at, cut ? CUT_BIT(CUT_PRETRIGGER) : 0);
    }
    return t;
}

static void reach_is_found(void **state) {
    (void)state;
    struct dice d = dice_new();
    static const double reaches[] = { 0, 6.5, 9.5, 12.5, 17, 27 }, want[] = { TAIL_REACH_LEAST, 7, 10, 13, 18, 28 };
    for (size_t k = 0; k < sizeof reaches / sizeof reaches[0]; k++) {
        struct tail_reach all = { .decay_ns = 0 };
        for (int pixel = 0; pixel < 10; pixel++) {
            struct tail_reach one = watch(&d, 30, 20000, 0.02, reaches[k]);
            tail_reach_add(&all, &one);
        }
        assert_true(tail_reach_decays(&all) == want[k]);
    }
}

/* What follows too soon spoils a record for another reason; few records prove nothing; copies are no records. */
static void other_reasons_do_not_count(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct tail_reach few = watch(&d, 30, 80, 0, 20), none = tail_reach_begin(0, post_ns), t = tail_reach_begin(decay_ns, post_ns);
    assert_true(tail_reach_decays(&few) == TAIL_REACH_LEAST);
    tail_reach_note(&none, 5, CUT_BIT(CUT_PRETRIGGER));
    assert_true(tail_reach_decays(&none) == TAIL_REACH_LEAST);
    for (int64_t at = 1000000000; at < INT64_C(4000000000000); at += 200000000) {
        tail_reach_note(&t, at, 0);
        tail_reach_note(&t, at + 3000000, CUT_BIT(CUT_LATE_RISE));                             /* 7.5 decays behind, but followed */
        tail_reach_note(&t, at + 3500000, CUT_BIT(CUT_LATE_RISE) | CUT_BIT(CUT_SECONDARY));
        tail_reach_note(&t, at + 3900000, 0);
    }
    assert_true(tail_reach_decays(&t) == TAIL_REACH_LEAST);
}

/* Counts of four pixels in a minute of calibration at 50 counts/s: the tail ends after 8 decay times, and 9 of 606 records are cut by chance 24 to 28
 * after another where 2.8 are expected. */
static void a_chance_far_away_does_not_count(void **state) {
    (void)state;
    static const uint64_t seen[TAIL_REACH_BINS + 1] = { 294, 297, 321, 269, 250, 246, 275, 235, 483, 445, 394, 787, 606, 562, 5020 };
    static const uint64_t cut[TAIL_REACH_BINS + 1] = { 85, 7, 2, 2, 1, 2, 0, 2, 5, 1, 3, 8, 9, 1, 23 };
    struct tail_reach t = tail_reach_begin(decay_ns, post_ns);
    memcpy(t.seen, seen, sizeof seen);
    memcpy(t.cut, cut, sizeof cut);
    assert_true(tail_reach_decays(&t) == 8);
    t.cut[12] = 60;   /* that is no chance */
    assert_true(tail_reach_decays(&t) == 28);
}

/* Where a pulse within another's record has no record of its own, the share of spoilt records follows the rate, which here steps by 3 every second, and so do
 * short times since the record before. */
static void what_comes_with_the_rate_is_no_tail(void **state) {
    (void)state;
    struct dice d = dice_new();
    struct tail_reach t = tail_reach_begin(decay_ns, post_ns);
    int64_t at = INT64_C(1747000000000000000);
    for (int i = 0; i < 200000; i++) {
        double rate_Hz = at / 1000000000 % 2 ? 90 : 30;
        at += 2500000 + llround(-1e9 * log(1 - dice_unit(&d)) / rate_Hz);
        tail_reach_note(&t, at, dice_unit(&d) < -expm1(-rate_Hz * 1e-9 * post_ns) ? CUT_BIT(CUT_LATE_RISE) | CUT_BIT(CUT_RESIDUAL) : 0);
    }
    assert_true(tail_reach_decays(&t) == TAIL_REACH_LEAST);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_comes_with_the_rate_is_no_tail), cmocka_unit_test(a_chance_far_away_does_not_count), cmocka_unit_test(reach_is_found), cmocka_unit_test(other_reasons_do_not_count) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
