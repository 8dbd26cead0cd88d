#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/scratch.h"

static void beyond_the_budget_lies_a_file(void **state) {
    (void)state;
    struct scratch s = { .folder = "/tmp", .budget = 1 << 20 };
    struct scratch_piece a = { 0 }, b = { 0 }, c = { 0 };
    assert_true(scratch_take(&s, 600000, &a) && scratch_take(&s, 600000, &b) && scratch_take(&s, 1, &c));
    assert_true(a.data && b.data && c.data);
    assert_false(a.in_file);
    assert_true(b.in_file);
    assert_false(c.in_file);
    assert_true((uintptr_t)a.data % 64 == 0 && (uintptr_t)b.data % 64 == 0);
    if (!a.data || !b.data)
        return;   /* asserted above, which the analyser cannot know */
    memset(a.data, 1, 600000);
    memset(b.data, 2, 600000);
    assert_true(((uint8_t *)a.data)[599999] == 1 && ((uint8_t *)b.data)[0] == 2);
    scratch_give(&s, &a);
    assert_null(a.data);
    struct scratch_piece again = { 0 };
    assert_true(scratch_take(&s, 600000, &again));
    assert_false(again.in_file);
    scratch_give(&s, &again);
    scratch_give(&s, &b);
    scratch_give(&s, &c);
    scratch_give(&s, &c);
    assert_int_equal(atomic_load(&s.in_memory), 0);
}

static void no_room_is_said(void **state) {
    (void)state;
    struct scratch s = { .folder = "/nowhere", .budget = 100 };
    struct scratch_piece p = { 0 };
    assert_false(scratch_take(&s, 1000, &p));
    assert_false(scratch_take(&s, SIZE_MAX - 5, &p));
    assert_null(p.data);
    assert_int_equal(atomic_load(&s.in_memory), 0);
}

static void what_is_given_back_is_there_again(void **state) {
    (void)state;
    struct scratch s = { .folder = "/tmp", .budget = 1 << 20, .keeps = true };
    struct scratch_piece a = { 0 }, b = { 0 };
    assert_true(scratch_take(&s, 50000, &a));
    void *first = a.data;
    scratch_give(&s, &a);
    assert_true(scratch_take(&s, 40000, &b));
    assert_ptr_equal(b.data, first);
    assert_true(b.bytes >= 40000 && atomic_load(&s.in_memory) == b.bytes);
    assert_true(scratch_take(&s, 50000, &a));   /* the only one is out */
    assert_ptr_not_equal(a.data, first);
    scratch_give(&s, &a);
    scratch_give(&s, &b);
    assert_true(scratch_take(&s, 1000, &b));   /* too large for so little */
    assert_int_equal(b.bytes, 1024);
    scratch_give(&s, &b);
    assert_true(scratch_take(&s, 200000, &a));   /* too large to be kept */
    scratch_give(&s, &a);
    for (int i = 0; i < SCRATCH_KEPT + 3; i++) {   /* more than it keeps */
        struct scratch_piece many[SCRATCH_KEPT + 3];
        for (int k = 0; k <= i; k++)
            assert_true(scratch_take(&s, 5000, &many[k]));
        for (int k = 0; k <= i; k++)
            scratch_give(&s, &many[k]);
    }
    assert_int_equal(atomic_load(&s.in_memory), 0);
    scratch_done(&s);
    scratch_done(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(beyond_the_budget_lies_a_file), cmocka_unit_test(no_room_is_said), cmocka_unit_test(what_is_given_back_is_there_again) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
