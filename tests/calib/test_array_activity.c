#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/array_activity.h"

static const int64_t first = INT64_C(1747000000000000000), s = 1000000000;

static struct array_activity *steady(unsigned per_s, unsigned seconds, unsigned off_from, unsigned off_to) {
    struct array_activity *a;
    assert_int_equal(array_activity_new(first, first + seconds * s, &a), STATUS_OK);
    for (unsigned k = 0; k < seconds; k++)
        for (unsigned i = 0; i < per_s && !(k >= off_from && k < off_to); i++)
            array_activity_add(a, &(int64_t){ first + k * s + i * (s / per_s) }, 1);
    array_activity_settle(a);
    return a;
}

static void records_between_two_times_are_counted(void **state) {
    (void)state;
    struct array_activity *a = steady(10, 100, 0, 0);
    assert_true(array_activity_between(a, first, first + 100 * s) == 1000);
    assert_true(array_activity_between(a, first + 10 * s, first + 20 * s) == 100);
    assert_true(fabs(array_activity_between(a, first + 10 * s, first + 10 * s + s / 20) - 0.5) < 1e-6);
    assert_true(array_activity_between(a, first - 50 * s, first + 200 * s) == 1000);
    assert_true(array_activity_between(a, first + 5, first + 5) == 0 && array_activity_between(a, first + 5, first) == 0);
    array_activity_free(a);
    array_activity_free(NULL);
}

/* The same silence of 20 s: death where the array went on, none where the shutter was closed. */
static void silence_is_death_only_while_others_count(void **state) {
    (void)state;
    struct array_activity *a = steady(100, 200, 150, 170);
    const struct time_span up = { first, first + 200 * s };
    const struct time_span silences[] = { { first + 50 * s, first + 70 * s }, { first + 150 * s, first + 170 * s } };
    bool dead[2];
    array_activity_judge(a, 400, &up, 1, silences, 2, dead);   /* 2.5 records/s otherwise: 50 expected */
    assert_true(dead[0] && !dead[1]);
    array_activity_judge(a, 100, &up, 1, silences, 2, dead);   /* 12 expected */
    assert_true(!dead[0] && !dead[1]);
    array_activity_judge(a, 400, &up, 1, silences, 0, dead);
    array_activity_judge(a, 400, &up, 1, &up, 1, dead);        /* nothing to compare with */
    assert_false(dead[0]);
    array_activity_free(a);
}

static void spans_of_any_length_are_possible(void **state) {
    (void)state;
    struct array_activity *a;
    assert_int_equal(array_activity_new(0, INT64_MAX, &a), STATUS_OK);
    array_activity_add(a, (const int64_t[]){ INT64_MIN, 0, INT64_MAX }, 3);
    array_activity_settle(a);
    assert_true(array_activity_between(a, INT64_MIN, INT64_MAX) >= 2);
    array_activity_free(a);
    assert_int_equal(array_activity_new(5, 4, &a), STATUS_OK);
    array_activity_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_between_two_times_are_counted),
        cmocka_unit_test(silence_is_death_only_while_others_count),
        cmocka_unit_test(spans_of_any_length_are_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
