#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "daemon/sink/text_table.h"
#include "tests/seeded.h"

typedef void writer(const struct text_table *t, FILE *to);

static char *written(const struct text_table *t, writer *write) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    write(t, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void xdi_of_oxygen(const struct text_table *t, FILE *to) {
    text_table_xdi(t, "O", "K", to);
}

static void three_rows(struct text_table *t, double values[2][3]) {
    *t = (struct text_table){ .n_rows = 3 };
    text_table_fact(t, "Sample.name", "%s", "two\nlines");
    text_table_fact(t, "state", "final");
    text_table_column(t, "incident_energy", "eV", values[0]);
    text_table_column(t, "yield", "1/(i0 s)", values[1]);
}

static void csv_says_what_it_is(void **state) {
    (void)state;
    double values[2][3] = { { 530, 530.1, 531 }, { 1, NAN, 0.1 } };
    struct text_table t;
    three_rows(&t, values);
    char *text = written(&t, text_table_csv), *end = strstr(text, "# Sample.name");
    assert_non_null(end);
    assert_string_equal(end, "# Sample.name: two lines\n# state: final\nincident_energy_eV,yield\n530,1\n530.1,nan\n531,0.1\n");
    free(text);
}

static void xdi_leaves_out_rows_without_a_yield_and_counts_them(void **state) {
    (void)state;
    double values[2][3] = { { 530, 530.1, 531 }, { 1, NAN, 0.1 } };
    struct text_table t;
    three_rows(&t, values);
    char *text = written(&t, xdi_of_oxygen);
    assert_int_equal(strncmp(text, "# XDI/1.0 tesd/", 15), 0);
    assert_non_null(strstr(text, "\n# Column.1: incident_energy eV\n# Column.2: yield 1/(i0 s)\n# Element.symbol: O\n# Element.edge: K\n"));
    assert_non_null(strstr(text, "\n# Sample.name: two lines\n# Tesd.state: final\n# Tesd.points_left_out: 1 "));
    assert_non_null(strstr(text, "\n#----\n# incident_energy yield\n 530 1\n 531 0.1\n"));
    free(text);
}

static void numbers_read_back_the_same(void **state) {
    (void)state;
    struct seeded r = seeded_start("text_number");
    for (int k = 0; k < 20000; k++) {
        double v = (double)(int64_t)seeded_next(&r) * pow(10, (double)seeded_below(&r, 40) - 30);
        char text[64];
        FILE *f = fmemopen(text, sizeof text, "w");
        assert_non_null(f);
        text_number(f, v);
        fclose(f);
        assert_true(strtod(text, NULL) == v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_says_what_it_is),
        cmocka_unit_test(xdi_leaves_out_rows_without_a_yield_and_counts_them),
        cmocka_unit_test(numbers_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
