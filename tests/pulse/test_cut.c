/* Names and reasons of cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/cut.h"

static void test_names(void **state) {
    (void)state;
    for (unsigned i = 0; i < N_CUTS; i++) {
        assert_non_null(cut_names[i]);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(cut_names[i], cut_names[j]);
    }
    assert_string_equal(cut_names[CUT_NO_MODEL], "no_model");
    assert_string_equal(cut_names[CUT_VETO], "veto");
    assert_string_equal(cut_names[CUT_JUMPED], "jumped");
}

static void test_reason_is_lowest_bit(void **state) {
    (void)state;
    assert_int_equal(cut_reason(0), N_CUTS);
    for (unsigned i = 0; i < N_CUTS; i++) {
        assert_int_equal(cut_reason(CUT_BIT(i)), i);
        assert_int_equal(cut_reason(CUT_BIT(i) | CUT_BIT(N_CUTS - 1)), i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_reason_is_lowest_bit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
