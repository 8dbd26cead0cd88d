#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "daemon/client/text_plot.h"

static char *row(const double *cells, size_t n, double top, unsigned r, unsigned rows, bool utf8) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    text_plot_row(f, cells, n, top, r, rows, utf8);
    fclose(f);
    return text;
}

static void expect(const double *cells, size_t n, double top, unsigned r, unsigned rows, bool utf8, const char *want) {
    char *text = row(cells, n, top, r, rows, utf8);
    assert_string_equal(text, want);
    free(text);
}

static void bars_stand_on_zero(void **state) {
    (void)state;
    const double cells[] = { 0, 1, 2, 3, 4, NAN, -1 };
    expect(cells, 7, 4, 0, 1, true, " \u2582\u2584\u2586\u2588  ");
    expect(cells, 7, 4, 0, 2, true, "   \u2584\u2588  ");
    expect(cells, 7, 4, 1, 2, true, " \u2584\u2588\u2588\u2588  ");
    expect(cells, 7, 4, 0, 1, false, " .:|#  ");
    expect(cells, 7, NAN, 0, 1, true, "       ");
    expect(cells, 7, 0, 0, 1, true, "       ");
}

static void columns_are_means_and_coarse_steps_draw_no_holes(void **state) {
    (void)state;
    const double x[] = { 0, 0.1, 5, 10, 7 }, y[] = { 1, 3, 8, 4, NAN };
    double cells[11];
    text_plot_columns(x, y, 5, 0, 10, cells, 11);
    const double want[] = { 2, 2, 2, 8, 8, 8, 8, 8, 4, 4, 4 };
    for (size_t k = 0; k < 11; k++)
        assert_true(cells[k] == want[k]);
    text_plot_columns(x, y, 1, 0, 0, cells, 3);   /* one point: all of the axis is in the first column */
    assert_true(cells[0] == 1 && isnan(cells[1]) && isnan(cells[2]));
    text_plot_columns(x, y, 0, 0, 10, cells, 3);
    assert_true(isnan(cells[0]) && isnan(cells[2]));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(bars_stand_on_zero), cmocka_unit_test(columns_are_means_and_coarse_steps_draw_no_holes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
