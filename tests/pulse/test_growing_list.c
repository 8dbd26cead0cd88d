#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "pulse/growing_list.h"

static void all_that_was_added_is_there(void **state) {
    (void)state;
    uint32_t *list = NULL;
    size_t capacity = 0, moves = 0;
    for (uint32_t n = 0; n < 5000; n++) {
        size_t before = capacity;
        uint32_t *room = growing_list_room(list, n, &capacity, sizeof *list, 3);
        assert_non_null(room);
        list = room;
        list[n] = n * 7;
        moves += capacity != before;
        assert_true(capacity > n && (n == 0 || capacity <= 2 * (size_t)n + 3));
    }
    for (uint32_t n = 0; n < 5000; n++)
        assert_int_equal(list[n], n * 7);
    assert_true(moves <= 13);
    free(list);
}

static void what_does_not_fit_leaves_the_list_alone(void **state) {
    (void)state;
    size_t capacity = 1;
    uint64_t *list = malloc(sizeof *list);
    assert_non_null(list);
    *list = 42;
    assert_null(growing_list_room(list, 1, &capacity, SIZE_MAX, 1));
    assert_true(capacity == 1 && *list == 42);
    capacity = SIZE_MAX / 8;
    assert_null(growing_list_room(list, SIZE_MAX / 8, &capacity, sizeof *list, 1));
    assert_true(capacity == SIZE_MAX / 8 && *list == 42);
    free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_that_was_added_is_there), cmocka_unit_test(what_does_not_fit_leaves_the_list_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
