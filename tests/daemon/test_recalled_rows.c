/* Rows are made from a number each (made_rows.h), so that what is given says which row it is, and none is given twice or left out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/recalled_rows.h"
#include "pulse/cut.h"
#include "tests/daemon/made_rows.h"

enum { BLOCK = 500, SIXTEENTH = 32768 };   /* of the rows that are kept at most */
static const int64_t late_ns = 2000000000;

struct taken { size_t n, seconds, without_height; uint64_t next; uint64_t version; };

static int64_t time_of(uint64_t k) { return made_rows_start_ns + (int64_t)k * made_rows_step_ns; }

/* Each row right behind the one before. */
static void take(void *context, const struct row_block *rows) {
    struct taken *t = context;
    for (size_t i = 0; i < rows->n; i++, t->n++, t->next++) {
        assert_int_equal(made_row_number(rows->photons->time_ns[i]), t->next);
        assert_int_equal(rows->pulses[i].time_ns, rows->photons->time_ns[i]);
        assert_int_equal(rows->photons->pixel[i], t->next % MADE_ROW_PIXELS);
        assert_int_equal(rows->flags[i], t->next % 3 == 0);
        t->without_height += isnan(rows->pulses[i].height) ? 1 : 0;
        if (!isnan(rows->pulses[i].height))
            assert_float_equal(rows->pulses[i].height, (float)(t->next % 1000), 0);
        else
            assert_true((rows->pulses[i].cuts & CUT_BIT(CUT_NO_MODEL)) != 0);
    }
    for (size_t k = 0; k < rows->n_seconds; k++, t->seconds++)
        assert_int_equal(rows->seconds[k].time_ns, rows->photons->time_ns[rows->seconds[k].row] + 700);
    t->version = rows->model_version;
}

static struct recalled_rows *rows_new(void) {
    struct recalled_rows *r = NULL;
    assert_true(recalled_rows_new(late_ns, &r));
    return r;
}

static struct row_block *block_new(void) {
    struct row_block *b = NULL;
    assert_true(row_block_new(BLOCK, &b));
    return b;
}

/* Rows [from, to) in blocks, the last block first: rows of one batch stand by pixel, not by time. */
static void add(struct recalled_rows *r, struct row_block *b, uint64_t from, uint64_t to, uint64_t version, uint64_t of_new) {
    for (uint64_t end = to; end > from; end -= b->n) {
        const uint64_t n = end - from < BLOCK ? end - from : BLOCK;
        made_rows(b, end - n, n);
        b->model_version = version;
        recalled_rows_add(r, b, of_new);
    }
}

static uint64_t give(struct recalled_rows *r, const struct learnt_result *learnt, struct taken *t) {
    struct array_model *m = NULL;
    uint64_t without = 99;
    assert_true(array_model_new(MADE_ROW_PIXELS, 0, &m));
    struct live_recount *follow = NULL;
    assert_true(live_recount_new(m, &follow));
    const struct recall to = { .follow = follow, .version = 7, .learnt = learnt, .give = take, .context = t };
    assert_true(recalled_rows_give(r, &to, &without));
    live_recount_free(follow);
    array_model_free(m);
    return without;
}

static void rows_since_the_end_are_given_in_order(void **state) {
    (void)state;
    const struct learnt_result learnt = { .filters_new = false };
    struct recalled_rows *r = rows_new();
    struct row_block *b = block_new();
    struct taken t = { .next = 1234 };
    add(r, b, 0, 400, 1, UINT64_MAX);
    assert_int_equal(recalled_rows_count(r), 0);   /* nobody has asked */
    recalled_rows_await(r);
    add(r, b, 400, 2400, 1, UINT64_MAX);
    recalled_rows_since(r, time_of(1234));         /* told late */
    add(r, b, 2400, 3000, 1, UINT64_MAX);
    add(r, b, 100, 200, 1, UINT64_MAX);            /* older than the end: not kept */
    add(r, b, 3000, 3500, 2, 2);                   /* of the new model already */
    assert_int_equal(give(r, &learnt, &t), 0);
    assert_int_equal(recalled_rows_count(r), 3500 - 1234);
    assert_int_equal(t.n, 3000 - 1234);            /* those of the new model are kept elsewhere already */
    assert_int_equal(t.seconds, 2950 / 50 - 1234 / 50);
    assert_int_equal(t.version, 7);
    assert_false(recalled_rows_missed(r));
    recalled_rows_forget(r);
    assert_int_equal(recalled_rows_count(r), 0);
    row_block_free(b);
    recalled_rows_free(r);
}

/* Of every pixel the pulses with an even frame were measured anew. */
static void with_new_filters_what_was_not_measured_has_no_height(void **state) {
    (void)state;
    enum { ROWS = 1200 };
    size_t first[MADE_ROW_PIXELS + 1] = { 0 }, even = 0;
    struct learnt_result learnt = { .filters_new = true, .first = first, .behind = calloc(ROWS, sizeof *learnt.behind) };
    struct recalled_rows *r = rows_new();
    struct row_block *b = block_new();
    struct taken t = { .next = 0 };
    assert_non_null(learnt.behind);
    for (uint64_t pixel = 0; pixel < MADE_ROW_PIXELS; pixel++) {
        first[pixel] = even;
        for (uint64_t k = pixel; k < ROWS; k += MADE_ROW_PIXELS)
            if ((k * 7 + 3) % 2 == 0)
                learnt.behind[even++] = (struct measured_pulse){ .time_ns = time_of(k), .frame = (int64_t)k * 7 + 3, .height = (float)(k % 1000) };
    }
    first[MADE_ROW_PIXELS] = even;
    assert_int_equal(even, ROWS / 2);
    recalled_rows_since(r, time_of(0));
    add(r, b, 0, ROWS, 1, UINT64_MAX);
    assert_int_equal(give(r, &learnt, &t), ROWS - even);
    assert_int_equal(t.n, ROWS);
    assert_int_equal(t.without_height, ROWS - even);
    free(learnt.behind);
    row_block_free(b);
    recalled_rows_free(r);
}

/* While the calibration goes on a bounded number is kept, and every row that its end, told late, can need. */
static void a_long_calibration_keeps_what_its_late_end_needs(void **state) {
    (void)state;
    const struct learnt_result learnt = { .filters_new = false };
    const uint64_t rows = 20 * SIXTEENTH, late = (uint64_t)(late_ns / made_rows_step_ns);
    struct recalled_rows *r = rows_new();
    struct row_block *b = block_new();
    struct taken t = { .next = rows - late };
    size_t most = 0;
    recalled_rows_await(r);
    for (uint64_t k = 0; k < rows; k += 4 * BLOCK) {
        add(r, b, k, k + 4 * BLOCK < rows ? k + 4 * BLOCK : rows, 1, UINT64_MAX);
        most = recalled_rows_count(r) > most ? recalled_rows_count(r) : most;
    }
    assert_false(recalled_rows_missed(r));
    assert_in_range(most, late, 5 * late);
    recalled_rows_since(r, time_of(rows - late));
    give(r, &learnt, &t);
    assert_int_equal(t.n, late);
    recalled_rows_await(r);
    recalled_rows_late(r, 0);   /* the setting now: no more than the second behind which rows are settled */
    for (uint64_t k = most = 0; k < rows; k += 4 * BLOCK) {
        add(r, b, k, k + 4 * BLOCK < rows ? k + 4 * BLOCK : rows, 1, UINT64_MAX);
        most = recalled_rows_count(r) > most ? recalled_rows_count(r) : most;
    }
    assert_in_range(most, late / 2, 2 * late);
    row_block_free(b);
    recalled_rows_free(r);
}

static void too_many_rows_are_missed_as_a_whole(void **state) {
    (void)state;
    struct recalled_rows *r = rows_new();
    struct row_block *b = block_new();
    recalled_rows_since(r, time_of(0));
    add(r, b, 0, 16 * SIXTEENTH, 1, UINT64_MAX);
    assert_int_equal(recalled_rows_count(r), 16 * SIXTEENTH);
    assert_false(recalled_rows_missed(r));
    add(r, b, 16 * SIXTEENTH, 16 * SIXTEENTH + 1, 1, UINT64_MAX);
    assert_true(recalled_rows_missed(r));
    add(r, b, 0, BLOCK, 1, UINT64_MAX);
    assert_int_equal(recalled_rows_count(r), 0);
    recalled_rows_await(r);   /* the next calibration */
    add(r, b, 0, BLOCK, 1, UINT64_MAX);
    assert_int_equal(recalled_rows_count(r), BLOCK);
    row_block_free(b);
    recalled_rows_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_since_the_end_are_given_in_order), cmocka_unit_test(with_new_filters_what_was_not_measured_has_no_height),
        cmocka_unit_test(a_long_calibration_keeps_what_its_late_end_needs), cmocka_unit_test(too_many_rows_are_missed_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
