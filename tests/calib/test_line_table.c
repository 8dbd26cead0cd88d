#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/line_table.h"

#define HEAD "line,energy_eV,unc_eV,use,excited_above_eV,components,source\n"

static enum status parse(const char *text, struct line_table **out, struct complaint *why) {
    return line_table_parse("mix", (const uint8_t *)text, strlen(text), out, why);
}

static void rows_come_out_by_energy_with_their_fields(void **state) {
    (void)state;
    const char *text = "# a comment\n" HEAD "\nNiLa,848.85,0.7,anchor,854.7,G:848.85:2.7:1,here\r\n"
                       "CKa , 278.21,0.5,anchor,283.8,,there\nFeLb,717.45,0,check,721.1,L:717.4:1.1:1|V:718:0.4:2.5:0.3,x\nQ,900,1,off,,,";
    struct line_table *t = NULL;
    struct complaint why = {0};
    assert_int_equal(parse(text, &t, &why), STATUS_OK);
    assert_int_equal(t->n, 4);
    assert_string_equal(t->name, "mix");
    assert_string_equal(t->text, text);
    assert_string_equal(t->lines[0].name, "CKa");
    assert_string_equal(t->lines[1].name, "FeLb");
    assert_string_equal(t->lines[2].name, "NiLa");
    assert_true(fabs(t->lines[0].energy_eV - 278.21) < 1e-12 && fabs(t->lines[0].unc_eV - 0.5) < 1e-12);
    assert_true(fabs(t->lines[0].excited_above_eV - 283.8) < 1e-12 && t->lines[0].use == LINE_ANCHOR && t->lines[0].n_components == 0);
    const struct line_component *v = &t->lines[1].components[1];
    assert_int_equal(t->lines[1].n_components, 2);
    assert_true(v->shape == 'V' && fabs(v->lorentz_fwhm_eV - 0.4) < 1e-12 && fabs(v->gauss_fwhm_eV - 2.5) < 1e-12 && fabs(v->area - 0.3) < 1e-12);
    assert_true(t->lines[2].components[0].lorentz_fwhm_eV < 1e-12 && fabs(t->lines[2].components[0].gauss_fwhm_eV - 2.7) < 1e-12);
    assert_true(t->lines[3].use == LINE_OFF);
    line_table_free(t);
}

static void excitation_chooses_the_lines(void **state) {
    (void)state;
    struct line_table *t = NULL;
    assert_int_equal(parse(HEAD "A,100,1,anchor,110,,\nB,200,1,anchor,210,,\nC,300,1,check,310,,\nD,400,1,anchor,,,\n", &t, NULL), STATUS_OK);
    uint16_t index[8];
    assert_int_equal(line_table_excited(t, LINE_ANCHOR, 210, index, 8), 2);
    assert_int_equal(index[1], 3);
    assert_int_equal(line_table_excited(t, LINE_ANCHOR, 210.1, index, 8), 3);
    assert_int_equal(line_table_excited(t, LINE_ANCHOR, NAN, index, 8), 3);
    assert_int_equal(line_table_excited(t, LINE_ANCHOR, NAN, index, 1), 1);
    assert_int_equal(line_table_excited(t, LINE_CHECK, 300, index, 8), 0);
    line_table_free(t);
}

static void typing_errors_are_named_with_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
        uint32_t line;
    } bad[] = {
        {"", "no line in the table", 0},
        {HEAD, "no line in the table", 1},
        {"energy,line\n", "column 1", 1},
        {HEAD "A,100,1,anchor,,\n", "6 fields", 2},
        {HEAD "A,100,1,anchor,,,a, b\n", "8 fields", 2},
        {HEAD "#\nA,1OO,1,anchor,,,\n", "'1OO'", 3},
        {HEAD "A,nan,1,anchor,,,\n", "'nan'", 2},
        {HEAD "A,inf,1,anchor,,,\n", "'inf'", 2},
        {HEAD "A,0x10,1,anchor,,,\n", "'0x10'", 2},
        {HEAD "A,1e999,1,anchor,,,\n", "1e999", 2},
        {HEAD "A,-5,1,anchor,,,\n", "'-5'", 2},
        {HEAD "A,0,1,anchor,,,\n", "not above 0", 2},
        {HEAD "A,100,-1,anchor,,,\n", "unc_eV", 2},
        {HEAD "A,100,1,ancor,,,\n", "'ancor'", 2},
        {HEAD "A,100,1,anchor,x,,\n", "excited_above_eV", 2},
        {HEAD ",100,1,anchor,,,\n", "name", 2},
        {HEAD "ABCDEFGHIJKLMNOP,100,1,anchor,,,\n", "name", 2},
        {HEAD "A,100,1,anchor,,,\nA,200,1,check,,,\n", "A is there twice", 3},
        {HEAD "A,100,1,anchor,,,\nB,100,1,anchor,,,\n", "same energy", 3},
        {HEAD "A,100,1,anchor,,Q:100:1:1,\n", "'Q'", 2},
        {HEAD "A,100,1,anchor,,G:100:1,\n", "3 parts", 2},
        {HEAD "A,100,1,anchor,,V:100:1:1,\n", "4 parts", 2},
        {HEAD "A,100,1,anchor,,G:100:0:1,\n", "above 0", 2},
        {HEAD "A,100,1,anchor,,V:100:0:0:1,\n", "above 0", 2},
        {HEAD "A,100,1,anchor,,G:100:1:-1,\n", "'-1'", 2},
        {HEAD "A,100,1,anchor,,G:190:1:1,\n", "outside its components", 2},
        {HEAD "A,884.85,1,anchor,854.7,,\n", "above excited_above_eV 854.7", 2},
        {HEAD "A,100,1,anchor,,G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1|G:1:1:1,\n", "13 components", 2},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct line_table *t = NULL;
        struct complaint why = {0};
        assert_int_not_equal(parse(bad[i].text, &t, &why), STATUS_OK);
        assert_null(t);
        if (!strstr(why.text, bad[i].says) || why.line != bad[i].line)
            fail_msg("case %zu: line %u '%s', expected line %u '%s'", i, why.line, why.text, bad[i].line, bad[i].says);
    }
    struct complaint why = {0};
    struct line_table *t = NULL;
    assert_int_not_equal(line_table_parse("x", (const uint8_t *)"a\0b", 3, &t, &why), STATUS_OK);
    assert_non_null(strstr(why.text, "zero byte"));
}

static void too_many_lines_are_refused(void **state) {
    (void)state;
    char *text = malloc(64 + 40 * (LINE_TABLE_MAX + 1));
    int n = sprintf(text, HEAD);
    for (int i = 0; i <= LINE_TABLE_MAX; i++)
        n += sprintf(text + n, "L%d,%d,1,check,,,\n", i, 100 + i);
    struct line_table *t = NULL;
    struct complaint why = {0};
    assert_int_not_equal(parse(text, &t, &why), STATUS_OK);
    assert_int_equal(why.line, LINE_TABLE_MAX + 2);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_by_energy_with_their_fields),
        cmocka_unit_test(excitation_chooses_the_lines),
        cmocka_unit_test(typing_errors_are_named_with_their_line),
        cmocka_unit_test(too_many_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
