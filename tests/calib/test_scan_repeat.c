#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "calib/scan_repeat.h"

enum { N = 12 };
static struct scan_point points[2][N];

static struct scan made(int which, const char *sample, double lo_eV, double step_eV) {
    struct scan s = { .n_points = N, .points = points[which], .var_name = "mono", .var_unit = "eV" };
    snprintf(s.sample, sizeof s.sample, "%s", sample);
    for (int k = 0; k < N; k++)
        points[which][k].incident_eV = lo_eV + k * step_eV;
    return s;
}

static bool repeats(const struct scan *a, const struct scan *b, char *why, size_t n) {
    struct scan_repeat x, y;
    assert_int_equal(scan_repeat_new(a, &x), STATUS_OK);
    assert_int_equal(scan_repeat_new(b, &y), STATUS_OK);
    const bool yes = scan_repeat_of(&x, &y, why, n);
    assert_int_equal(yes, scan_repeat_by_kind(&x, &y) == 0 && scan_repeat_meets(&x, &y));
    scan_repeat_done(&x);
    scan_repeat_done(&y);
    return yes;
}

static void half_a_step_is_a_repeat_and_more_is_not(void **state) {
    (void)state;
    char why[160];
    struct scan a = made(0, "ad1", 770, 1);
    struct scan b = made(1, "ad1", 770.5, 1);
    assert_true(repeats(&a, &b, why, sizeof why) && why[0] == '\0');
    b = made(1, "ad1", 770.51, 1);
    assert_false(repeats(&a, &b, why, sizeof why));
    assert_non_null(strstr(why, "set point 0 is 770.51 eV, not 770 eV"));
    b = made(1, "ad1", 781, -1);
    assert_true(repeats(&a, &b, NULL, 0));
}

static void the_reason_names_what_differs(void **state) {
    (void)state;
    char why[160];
    struct scan a = made(0, "ad1", 770, 1), b = made(1, "ad2", 770, 1);
    assert_false(repeats(&a, &b, why, sizeof why));
    assert_string_equal(why, "the sample is \"ad2\", not \"ad1\"");
    b = made(1, "ad1", 845, 1);
    assert_false(repeats(&a, &b, why, sizeof why));
    assert_string_equal(why, "the edge is Ni, not Co");
    b = made(1, "ad1", 770, 1);
    snprintf(b.var_name, sizeof b.var_name, "theta");
    assert_false(repeats(&a, &b, why, sizeof why));
    assert_non_null(strstr(why, "motor"));
    b = made(1, "ad1", 770, 1);
    b.n_points = N - 1;
    assert_false(repeats(&a, &b, why, sizeof why));
    assert_non_null(strstr(why, "it has 11 points, not 12"));
    b = made(1, "ad1", 770, 1);
    a.points[3].incident_eV = b.points[3].incident_eV = NAN;
    assert_false(repeats(&a, &b, why, sizeof why));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_a_step_is_a_repeat_and_more_is_not),
        cmocka_unit_test(the_reason_names_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
