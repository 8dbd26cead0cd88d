#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/trigger_mode.h"

static void names_are_those_of_the_setting(void **state) {
    (void)state;
    enum trigger_kind kind = TRIGGER_KIND_LEVEL;
    assert_true(trigger_kind_named("auto", &kind) && kind == TRIGGER_KIND_UNKNOWN);
    assert_true(trigger_kind_named("edge", &kind) && kind == TRIGGER_KIND_EDGE);
    assert_true(trigger_kind_named("edge-multi-short", &kind) && kind == TRIGGER_KIND_EDGE_MULTI);
    assert_true(trigger_kind_named("edge-multi-isolated", &kind) && kind == TRIGGER_KIND_ISOLATED);
    assert_false(trigger_kind_named("Edge", &kind));
    assert_int_equal(kind, TRIGGER_KIND_ISOLATED);
    for (enum trigger_kind k = 0; k < N_TRIGGER_KINDS; k++)
        assert_true(trigger_kind_text(k)[0] != '\0');
}

static void spacing_tells_the_trigger(void **state) {
    (void)state;
    const int64_t far[] = { 100, 612, 1124, 900000, 5, 700 }, near[] = { 100, 612, 1123 };
    assert_int_equal(trigger_kind_of_frames(far, 6, 512), TRIGGER_KIND_EDGE);
    assert_int_equal(trigger_kind_of_frames(near, 3, 512), TRIGGER_KIND_EDGE_MULTI);
    assert_int_equal(trigger_kind_of_frames(near, 0, 512), TRIGGER_KIND_EDGE);
}

static void lists_name_channels_and_ranges(void **state) {
    (void)state;
    static const char *const good[] = { "", " ", "3", "3, 17,100-120", " 3 ,4 " }, *const bad[] = { "a", "3,,4", "-3", "3-", "5-3", "3 4", "3;4", "99999999999", "1-99999999999999999999" };
    for (size_t k = 0; k < sizeof good / sizeof good[0]; k++)
        assert_true(trigger_list_good(good[k]));
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        assert_false(trigger_list_good(bad[k]));
    const char *list = "3, 17,100-120";
    assert_true(trigger_list_has(list, 3) && trigger_list_has(list, 17) && trigger_list_has(list, 100) && trigger_list_has(list, 120));
    assert_false(trigger_list_has(list, 4) || trigger_list_has(list, 121) || trigger_list_has("", 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_setting),
        cmocka_unit_test(spacing_tells_the_trigger),
        cmocka_unit_test(lists_name_channels_and_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
