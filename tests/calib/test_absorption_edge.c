#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/absorption_edge.h"

static void edge_is_the_one_crossed_nearest_to_the_middle(void **state) {
    (void)state;
    static const struct { double energies[3]; const char *symbol, *shell; } cases[] = {
        { { 522, 531, 560 }, "O", "K" },    { { 768, 780, 804 }, "Co", "L3" }, { { 508, 514, 533 }, "V", "L3" }, { { 508, 530, 533 }, "O", "K" },
        { { 855, 860, 870 }, NULL, NULL },  { { 250, 600, 1100 }, NULL, NULL }, { { 283.8, 283.8, 283.8 }, "C", "K" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct absorption_edge *e = absorption_edge_crossed(cases[k].energies, 3);
        if (cases[k].symbol == NULL) {
            assert_null(e);
            continue;
        }
        assert_non_null(e);
        assert_string_equal(e->symbol, cases[k].symbol);
        assert_string_equal(e->shell, cases[k].shell);
    }
    assert_null(absorption_edge_crossed(NULL, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(edge_is_the_one_crossed_nearest_to_the_middle) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
