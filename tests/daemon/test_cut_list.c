#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/cut_list.h"

static void windows_are_read_or_refused_with_the_reason(void **state) {
    (void)state;
    char why[200];
    struct yield_region r;
    assert_true(cut_window_parse("Co_L=763:800", &r, why, sizeof why) && strcmp(r.name, "Co_L") == 0 && r.lo_eV == 763 && r.hi_eV == 800);
    static const char *const windows[] = { "", "=1:2", "a", "a=", "a=1", "a=2:1", "a=1:1", "a b=1:2", "a=1:2:3", "a=nan:1", "a=0:inf", "a_name_that_is_longer_than_what_a_group_takes=1:2" };
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        why[0] = '\0';
        assert_false(cut_window_parse(windows[i], &r, why, sizeof why));
        assert_true(why[0] != '\0');
    }
}

static void lists_hold_each_name_once_of_a_kind(void **state) {
    (void)state;
    char why[200];
    struct cut_list list = { 0 };
    assert_true(cut_list_parse(&list, CUT_XES, "", why, sizeof why) && cut_list_parse(&list, CUT_XES, " ,\t", why, sizeof why) && list.n == 0);
    assert_true(cut_list_parse(&list, CUT_XES, "feature=530.5:531.5, pre=520:526", why, sizeof why) && list.n == 2);
    assert_true(cut_list_parse(&list, CUT_CET, "pre=-1:5 dd=1:5,", why, sizeof why) && list.n == 4);
    assert_true(list.kind[1] == CUT_XES && list.kind[2] == CUT_CET && strcmp(list.window[2].name, "pre") == 0 && list.window[2].lo_eV == -1);
    static const char *const refused[] = { "pre=1:2", "all=1:2", "a=1:2;b=2:3", "x=1 :2" };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(cut_list_parse(&list, CUT_XES, refused[i], why, sizeof why));
    for (int k = 0; k < CUT_LIST_MAX; k++) {
        char text[32];
        snprintf(text, sizeof text, "w%d=1:2", k);
        assert_int_equal(cut_list_add(&list, CUT_CEE, text, why, sizeof why), k < CUT_LIST_MAX - 4);
    }
    assert_int_equal(list.n, CUT_LIST_MAX);
}

static void an_inverse_pfy_may_have_a_background(void **state) {
    (void)state;
    char why[300];
    struct cut_list list = { 0 };
    assert_true(cut_list_parse(&list, CUT_IPFY, "O=505:535-540:560, C=250:300 N=380:402-370:380", why, sizeof why) && list.n == 3);
    assert_true(list.window[0].hi_eV == 535 && list.background[0].lo_eV == 540 && list.background[0].hi_eV == 560);
    assert_true(list.background[1].lo_eV == 0 && list.background[1].hi_eV == 0 && list.window[2].lo_eV == 380 && list.background[2].hi_eV == 380);
    static const char *const refused[] = { "a=1:2-", "a=1:2-3", "a=1:2-4:3", "a=1:2-1.5:3", "a=1:4-2:3", "a=2:3-1:4", "a=1:2-3:4-5:6", "a=1:2-3:inf", "a=1:2 -3:4", "O=1:2-3:4" };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        why[0] = '\0';
        struct cut_list with = list;
        assert_false(cut_list_parse(&with, CUT_IPFY, refused[i], why, sizeof why));
        assert_non_null(strstr(why, "name"));
    }
    assert_false(cut_list_parse(&list, CUT_CEE, "a=1:2-3:4", why, sizeof why));   /* of an inverse PFY alone */
    assert_true(cut_list_parse(&list, CUT_CET, "a=-2:-1", why, sizeof why) && list.window[3].lo_eV == -2 && list.window[3].hi_eV == -1);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(windows_are_read_or_refused_with_the_reason), cmocka_unit_test(lists_hold_each_name_once_of_a_kind),
                                        cmocka_unit_test(an_inverse_pfy_may_have_a_background) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
