#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/text_piece.h"

static void trims_both_ends(void **state) {
    (void)state;
    static const struct { const char *text, *trimmed; } cases[] = {
        { "", "" }, { " \t\r\n", "" }, { "a", "a" }, { " a b\r", "a b" }, { "\xc3\xa9 ", "\xc3\xa9" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text_piece p = text_piece_trimmed((struct text_piece){ cases[i].text, strlen(cases[i].text) });
        assert_int_equal(p.n, strlen(cases[i].trimmed));
        assert_memory_equal(p.at, cases[i].trimmed, p.n);
    }
}

static void copies_printable_text_cut_to_fit(void **state) {
    (void)state;
    char out[5];
    text_piece_copy((struct text_piece){ "a\0\x7f\xff~", 5 }, out, sizeof out);
    assert_string_equal(out, "a???");
    text_piece_copy((struct text_piece){ NULL, 0 }, out, sizeof out);
    assert_string_equal(out, "");
    text_piece_copy((struct text_piece){ "xy", 2 }, out, 1);
    assert_string_equal(out, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trims_both_ends),
        cmocka_unit_test(copies_printable_text_cut_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
