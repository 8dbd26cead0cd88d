#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/fit_plan.h"
#include "tests/calib/line_mix.h"

static size_t find(const struct fit_plan *p, const char *name) {
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->lines[i].line.name, name) == 0)
            return i;
    fail_msg("no %s in the plan", name);
    return 0;
}

static void refine(struct fit_plan *p, double resolution, double counts) {
    double fwhm[PLAN_MAX], n[PLAN_MAX];
    for (size_t i = 0; i < PLAN_MAX; i++) {
        fwhm[i] = NAN;
        n[i] = counts;
    }
    fit_plan_refine(p, resolution, fwhm, n);
}

/* At the 2.7 eV of SSRL 10-1 the rule gives the windows that were measured to work there. */
static void windows_are_the_measured_ones_at_ssrl(void **state) {
    (void)state;
    struct line_table *t = mix_table();
    struct fit_plan p;
    assert_int_equal(fit_plan_init(&p, t, 1000, NULL), STATUS_OK);
    assert_int_equal(p.n_anchors, 6);
    refine(&p, 2.7, 500);
    const struct planned_line *c = &p.lines[find(&p, "CKa")], *fe = &p.lines[find(&p, "FeLa")], *ni = &p.lines[find(&p, "NiLa")];
    printf("C -%.1f +%.1f, Fe -%.1f +%.1f, Ni -%.1f +%.1f eV, bins %.2f eV\n", c->below_eV, c->above_eV, fe->below_eV, fe->above_eV, ni->below_eV, ni->above_eV, p.bin_eV);
    assert_true(fabs(c->below_eV - 11) < 0.3 && fabs(c->above_eV - 11) < 0.3 && !c->has_companion);
    assert_true(fabs(fe->below_eV - 7) < 0.3 && fabs(fe->above_eV - 18) < 0.4);
    assert_true(fe->has_companion && fabs(fe->companion_offset_eV - 12.44) < 1e-9);
    assert_true(fabs(ni->below_eV - 6.5) < 0.3 && fabs(ni->above_eV - 6.5) < 0.3 && !ni->has_companion);
    assert_true(p.bin_eV > 0.4 && p.bin_eV < 0.5);
    const struct planned_line *elastic = &p.lines[find(&p, "elastic")];
    assert_true(elastic->elastic && !elastic->anchor && fabs(elastic->line.energy_eV - 1000) < 1e-9);
    line_table_free(t);
}

static void weak_lines_take_a_neighbours_width(void **state) {
    (void)state;
    struct line_table *t = mix_table();
    struct fit_plan p;
    double fwhm[PLAN_MAX], counts[PLAN_MAX];
    assert_int_equal(fit_plan_init(&p, t, 1000, NULL), STATUS_OK);
    for (size_t i = 0; i < PLAN_MAX; i++) {
        fwhm[i] = NAN;
        counts[i] = 400;
    }
    size_t cu = find(&p, "CuLa");
    counts[cu] = 60;
    counts[find(&p, "CKa")] = 60;
    fit_plan_refine(&p, NAN, fwhm, counts);
    assert_int_equal(p.lines[cu].width_of, find(&p, "NiLa"));
    assert_int_equal(p.lines[find(&p, "CKa")].width_of, -1);  /* nitrogen is too far away */
    counts[cu] = 300;
    fit_plan_refine(&p, NAN, fwhm, counts);
    assert_int_equal(p.lines[cu].width_of, -1);
    line_table_free(t);
}

static void excitation_and_elastic_line_enter(void **state) {
    (void)state;
    struct line_table *t = mix_table();
    struct fit_plan p;
    struct complaint why = {0};
    assert_int_equal(fit_plan_init(&p, t, 710, NULL), STATUS_OK);
    assert_int_equal(p.n_anchors, 4);
    size_t fe = find(&p, "FeLa");  /* the elastic line is 5 eV above: it is in the model */
    assert_true(p.lines[fe].has_companion && fabs(p.lines[fe].companion_offset_eV - 4.99) < 1e-6);
    assert_int_equal(fit_plan_init(&p, t, NAN, NULL), STATUS_OK);
    assert_int_equal(p.n_anchors, 6);
    for (size_t i = 0; i < p.n; i++)
        assert_false(p.lines[i].elastic);
    assert_int_equal(fit_plan_init(&p, t, 100, &why), STATUS_NOT_FOUND);
    assert_non_null(strstr(why.text, "0 anchors"));
    line_table_free(t);
}

static void other_elements_are_no_companions(void **state) {
    (void)state;
    static const char text[] = "line,energy_eV,unc_eV,use,excited_above_eV,components,source\n"
                               "NKa,392.4,1,anchor,,,\nTiLl,395.35,1,check,,,\nOKa,524.9,1,anchor,,,\nMnKa,5899,1,anchor,,,\n";
    struct line_table *t = NULL;
    struct fit_plan p;
    assert_int_equal(line_table_parse("t", (const uint8_t *)text, sizeof text - 1, &t, NULL), STATUS_OK);
    assert_int_equal(fit_plan_init(&p, t, NAN, NULL), STATUS_OK);
    assert_false(p.lines[find(&p, "NKa")].has_companion);
    assert_true(p.scale > 5 && p.resolution_eV > 6);  /* search ranges and first windows follow the energy */
    line_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_the_measured_ones_at_ssrl),
        cmocka_unit_test(weak_lines_take_a_neighbours_width),
        cmocka_unit_test(excitation_and_elastic_line_enter),
        cmocka_unit_test(other_elements_are_no_companions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
