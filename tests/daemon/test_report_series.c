#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "daemon/sink/report_series.h"
#include "tests/daemon/read_series.h"
#include "tests/seeded.h"

static void known_series(void **state) {
    (void)state;
    static const struct { double values[4]; size_t n; const char *text; } rows[] = {
        { { 0, 1, 0, 2 }, 4, "ACBE" },          /* steps 0 +1 -1 +2 -> 0 2 1 4 */
        { { 15, -1 }, 2, "ef" },                  /* +15 -> 30 'e'; -16 -> 31 'f' */
        { { 16 }, 1, "gB" },                    /* +16 -> 32 = 0 + 1 x 32 */
        { { 2.4, NAN, 2.6, INFINITY }, 4, "EACA" },
        { { 0 }, 0, "" },
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        char *text = report_series_pack(rows[k].values, rows[k].n);
        assert_string_equal(text, rows[k].text);
        free(text);
    }
}

static void what_is_packed_comes_back(void **state) {
    (void)state;
    struct seeded r = seeded_start("report_series");
    enum { MOST = 300 };
    for (int round = 0; round < 200; round++) {
        double values[MOST], back[MOST] = { 0 };
        size_t n = seeded_below(&r, MOST);
        unsigned bits = 1 + seeded_below(&r, 49);
        for (size_t i = 0; i < n; i++)
            values[i] = (double)(int64_t)(seeded_next(&r) >> (64 - bits)) * (seeded_below(&r, 2) ? 1 : -1);
        char *text = report_series_pack(values, n);
        assert_int_equal(read_series(text, back, MOST), n);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(back[i] - values[i]) < 0.5);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(known_series), cmocka_unit_test(what_is_packed_comes_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
