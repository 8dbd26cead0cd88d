/* Grades and grade times of whole channels: spans, gaps, second pulses, secondary rows, silences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/stage/grade.h"
#include "pulse/cut.h"
#include "tests/dice.h"

enum { MAX_ROWS = 64 };

static const int64_t zero = INT64_C(1747000000000000000);

/* One point over everything; quantum 1 ns: clear 6, post 12, isolated 30. */
struct channel {
    struct livetime_table table;
    struct photon_block *block;
    bool gap_before[MAX_ROWS];
    struct time_span up[3];
    size_t n_up;
    struct inner_event seconds[4];
    size_t n_seconds;
    int64_t start_ns, end_ns, times_ns[N_LIVETIME_COLUMNS];
};

static struct channel channel_new(enum livetime_trigger trigger, const int64_t *times, size_t n) {
    struct channel c = { .n_up = 1, .up = { { zero, zero + 1000 } }, .start_ns = zero, .end_ns = zero + 1000 };
    assert_int_equal(livetime_table_make(&(struct livetime_settings){ trigger, 1e-9, 20, 8, 2, 5e-9 }, &c.table), STATUS_OK);
    assert_int_equal(photon_block_new(MAX_ROWS, &c.block), STATUS_OK);
    for (size_t i = 0; i < n; i++)
        c.block->time_ns[i] = zero + times[i];
    c.block->n = n;
    return c;
}

static void grade(struct channel *c, struct grade_silences *silences) {
    struct grade_input in = { .table = &c->table, .up = c->up, .n_up = c->n_up, .gap_before = c->gap_before, .seconds = c->seconds, .n_seconds = c->n_seconds };
    struct livetime_sheet sheet = { .table = &c->table, .n_points = 1, .start_ns = &c->start_ns, .end_ns = &c->end_ns, .grade_time_ns = c->times_ns };
    assert_true(grade_rows(&in, c->block, &sheet, silences));
    int64_t sum = 0;
    for (int g = 0; g < N_LIVETIME_COLUMNS; g++) {
        assert_true(c->times_ns[g] >= 0);
        sum += c->times_ns[g];
    }
    assert_true(sum == c->end_ns - c->start_ns);
}

static void assert_grades(const struct channel *c, const uint8_t *want) {
    for (size_t i = 0; i < c->block->n; i++)
        assert_int_equal(c->block->grade[i], want[i]);   // NOLINT(clang-analyzer-core.CallAndMessage): callers give one for each row
}

static void neighbours_decide_the_grade(void **state) {
    (void)state;
    struct channel c = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 100, 200, 208, 300, 320, 400 }, 6);
    c.block->cuts[3] = CUT_BIT(CUT_SATURATED);
    grade(&c, NULL);
    assert_grades(&c, (const uint8_t[]){ GRADE_HIGH, GRADE_MID, GRADE_LOW, GRADE_HIGH, GRADE_TAIL, GRADE_HIGH });
    assert_int_equal(c.times_ns[LIVETIME_DEAD], 0);
    photon_block_free(c.block);
}

/* Copies and automatic records neither pile up nor blind. */
static void secondary_rows_are_no_events(void **state) {
    (void)state;
    struct channel a = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 100, 104, 200 }, 3), b = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 100, 200 }, 2);
    a.block->cuts[1] = CUT_BIT(CUT_SECONDARY);
    grade(&a, NULL);
    grade(&b, NULL);
    assert_grades(&a, (const uint8_t[]){ GRADE_HIGH, GRADE_NONE, GRADE_HIGH });
    assert_memory_equal(a.times_ns, b.times_ns, sizeof a.times_ns);
    photon_block_free(a.block);
    photon_block_free(b.block);
}

static void nothing_is_live_between_runs(void **state) {
    (void)state;
    struct channel c = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 110, 299, 640, 1500 }, 4);
    c.n_up = 2;
    c.up[0] = (struct time_span){ zero + 50, zero + 300 };
    c.up[1] = (struct time_span){ zero + 600, zero + 700 };
    grade(&c, NULL);
    assert_grades(&c, (const uint8_t[]){ GRADE_HIGH, GRADE_NONE, GRADE_HIGH, GRADE_NONE });
    assert_int_equal(c.times_ns[LIVETIME_DEAD], 1000 - 250 - 100);
    photon_block_free(c.block);
}

/* A torn record: the time around it is not known, nor are the grades of its neighbours. */
static void what_may_be_missing_is_not_live(void **state) {
    (void)state;
    struct channel c = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 100, 200, 400, 500 }, 4);
    c.gap_before[2] = true;
    grade(&c, NULL);
    assert_grades(&c, (const uint8_t[]){ GRADE_HIGH, GRADE_NONE, GRADE_NONE, GRADE_HIGH });
    assert_int_equal(c.times_ns[LIVETIME_DEAD], 200);
    photon_block_free(c.block);
}

/* From a record that is cut as jumped to the next that is not, which has nobody before it that is known. Other cuts and copies meanwhile change nothing. */
static void a_jumped_pixel_is_not_live(void **state) {
    (void)state;
    struct channel c = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 100, 200, 300, 400, 450, 500, 600, 700 }, 8);
    c.block->cuts[2] = c.block->cuts[5] = CUT_BIT(CUT_JUMPED);
    c.block->cuts[3] = CUT_BIT(CUT_JUMPED) | CUT_BIT(CUT_RESIDUAL);
    c.block->cuts[4] = CUT_BIT(CUT_SECONDARY);
    c.gap_before[5] = true;
    grade(&c, NULL);
    assert_grades(&c, (const uint8_t[]){ GRADE_HIGH, GRADE_HIGH, GRADE_NONE, GRADE_NONE, GRADE_NONE, GRADE_NONE, GRADE_NONE, GRADE_HIGH });
    assert_int_equal(c.times_ns[LIVETIME_DEAD], 300);
    photon_block_free(c.block);
    c = channel_new(LIVETIME_EDGE, (const int64_t[]){ 100, 300, 320, 400, 900 }, 5);
    c.block->cuts[1] = c.block->cuts[2] = c.block->cuts[4] = CUT_BIT(CUT_JUMPED);
    c.seconds[0] = (struct inner_event){ 1, zero + 308 };
    c.n_seconds = 1;
    grade(&c, NULL);
    assert_grades(&c, (const uint8_t[]){ GRADE_HIGH, GRADE_NONE, GRADE_NONE, GRADE_NONE, GRADE_NONE });
    assert_int_equal(c.times_ns[LIVETIME_DEAD], 25 + 25 + 100 + 25 + 100);   /* blind at first and behind each that counts; from 300 to 400, from 900 on */
    photon_block_free(c.block);
}

/* Whatever the records in it are: between runs, after a gap and while it has jumped alone it is not. */
static void how_long_a_pixel_was_up(void **state) {
    (void)state;
    struct channel c = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 10, 12, 30, 31, 60, 200, 290, 610, 615, 617, 640 }, 11);
    c.table = livetime_table_always();
    c.n_up = 2;
    c.up[0] = (struct time_span){ zero, zero + 300 };
    c.up[1] = (struct time_span){ zero + 600, zero + 1000 };
    c.block->cuts[2] = c.block->cuts[3] = c.block->cuts[8] = c.block->cuts[9] = CUT_BIT(CUT_JUMPED);   /* 30 to 60, 615 to 640 */
    c.gap_before[6] = true;                                                                             /* 200 to 290 */
    grade(&c, NULL);
    assert_int_equal(c.times_ns[LIVETIME_DEAD], 300 + 30 + 90 + 25);
    assert_int_equal(c.times_ns[LIVETIME_HIGH], 1000 - 445);
    photon_block_free(c.block);
}

/* It is not dead either: runs in which it stays jumped, and silences then, are no deaths. */
static void a_jumped_pixel_has_no_silence(void **state) {
    (void)state;
    struct grade_silences silences = { 0 };
    struct channel c = channel_new(LIVETIME_EDGE_MULTI, (const int64_t[]){ 10, 20, 30, 610, 620, 690 }, 6);
    c.n_up = 2;
    c.up[0] = (struct time_span){ zero, zero + 300 };
    c.up[1] = (struct time_span){ zero + 600, zero + 1000 };
    c.block->cuts[2] = c.block->cuts[3] = c.block->cuts[4] = CUT_BIT(CUT_JUMPED);
    grade(&c, &silences);
    assert_int_equal(c.times_ns[LIVETIME_DEAD], 1000 - 30 - 310);
    for (size_t k = 0; k < silences.n; k++)
        assert_true(silences.list[k].span.end_ns <= zero + 30 || silences.list[k].span.start_ns >= zero + 690);
    grade_silences_done(&silences);
    photon_block_free(c.block);
}

/* Edge: blind for 21 + guard 4 after a record; a pulse inside it makes it `mid` and is no record itself. */
static void second_pulses_make_pairs(void **state) {
    (void)state;
    struct channel with = channel_new(LIVETIME_EDGE, (const int64_t[]){ 100, 200 }, 2), without = channel_new(LIVETIME_EDGE, (const int64_t[]){ 100, 200 }, 2);
    with.seconds[0] = (struct inner_event){ 0, zero + 108 };
    with.seconds[1] = (struct inner_event){ 1, zero + 203 };
    with.n_seconds = 2;
    grade(&with, NULL);
    grade(&without, NULL);
    assert_grades(&with, (const uint8_t[]){ GRADE_MID, GRADE_NONE });
    assert_grades(&without, (const uint8_t[]){ GRADE_HIGH, GRADE_HIGH });
    assert_memory_equal(with.times_ns, without.times_ns, sizeof with.times_ns);
    photon_block_free(with.block);
    photon_block_free(without.block);
}

static void long_silences_are_named(void **state) {
    (void)state;
    int64_t times[40];
    for (int i = 0; i < 40; i++)
        times[i] = 5 * i + (i >= 20 ? 600 : 0);
    struct channel c = channel_new(LIVETIME_EDGE_MULTI, times, 40);
    struct grade_silences s = { 0 };
    grade(&c, &s);
    assert_int_equal(s.n, 2);   /* the long one, and the longest of the others: to the end */
    assert_true(s.list[0].last_row == 19 && s.list[0].first_row == 20 && s.list[0].span.start_ns == zero + 95 && s.list[0].span.end_ns == zero + 700);
    assert_true(s.list[1].last_row == 39 && s.list[1].first_row == SIZE_MAX && s.list[1].span.end_ns == zero + 1000);
    grade_silences_done(&s);
    photon_block_free(c.block);
}

static void an_empty_channel_is_dead(void **state) {
    (void)state;
    struct channel c = channel_new(LIVETIME_EDGE, NULL, 0);
    struct grade_silences s = { 0 };
    grade(&c, &s);
    assert_true(c.times_ns[LIVETIME_DEAD] == 1000 && s.n == 0);
    photon_block_free(c.block);
}

/* Silences taken back leave rows that still sum to the dwell, whatever the history. */
static void deaths_leave_whole_rows(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int round = 0; round < 3000; round++) {
        int64_t times[MAX_ROWS], at = 0;
        size_t n = 1 + (size_t)dice_below(&d, MAX_ROWS - 1);
        for (size_t i = 0; i < n; i++)
            times[i] = at += 1 + dice_below(&d, dice_below(&d, 8) ? 20 : 300);
        struct channel c = channel_new(round % 2 ? LIVETIME_EDGE : LIVETIME_EDGE_MULTI, times, n);
        for (size_t i = 1; i < n; i++)
            c.gap_before[i] = dice_below(&d, 10) == 0;
        c.n_up = 2;
        c.up[0].end_ns = zero + dice_below(&d, 500) + 1;
        c.up[1] = (struct time_span){ c.up[0].end_ns + dice_below(&d, 100), zero + 900 };
        struct grade_silences s = { 0 };
        grade(&c, &s);
        struct livetime_sheet sheet = { .table = &c.table, .n_points = 1, .start_ns = &c.start_ns, .end_ns = &c.end_ns, .grade_time_ns = c.times_ns };
        int64_t dead_ns = c.times_ns[LIVETIME_DEAD];
        for (size_t k = 0; k < s.n; k++) {
            livetime_remove(&sheet, s.list[k].span.start_ns, s.list[k].span.end_ns);
            dead_ns += (s.list[k].span.end_ns < c.end_ns ? s.list[k].span.end_ns : c.end_ns) - s.list[k].span.start_ns;
        }
        assert_true(c.times_ns[LIVETIME_DEAD] == dead_ns);
        for (int g = 0; g < N_LIVETIME_COLUMNS; g++)
            assert_true(c.times_ns[g] >= 0);
        grade_silences_done(&s);
        photon_block_free(c.block);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_decide_the_grade),
        cmocka_unit_test(secondary_rows_are_no_events),
        cmocka_unit_test(nothing_is_live_between_runs),
        cmocka_unit_test(what_may_be_missing_is_not_live),
        cmocka_unit_test(a_jumped_pixel_is_not_live), cmocka_unit_test(a_jumped_pixel_has_no_silence), cmocka_unit_test(how_long_a_pixel_was_up), cmocka_unit_test(second_pulses_make_pairs),
        cmocka_unit_test(long_silences_are_named),
        cmocka_unit_test(an_empty_channel_is_dead),
        cmocka_unit_test(deaths_leave_whole_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
