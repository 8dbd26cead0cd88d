#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "calib/array_template.h"
#include "tests/calib/mix_works.h"

/* Lines of the template in its own units, against the pixel whose units they are. */
static double worst_line(const struct mix_works *s, const struct array_template *t) {
    return mix_works_worst(s, t->pixel, t->height);
}

static void the_lines_are_right_although_the_busiest_pixels_see_noise(void **state) {
    (void)state;
    struct seeded r = draw_start("array_template", 61);
    for (int round = 0; round < 5; round++) {
        struct mix_works *s = mix_works_new(12, 600, &r);
        struct array_template *t = NULL;
        mix_works_set_noise(s, 0, 3000, &r);
        mix_works_set_noise(s, 1, 2500, &r);
        assert_int_equal(array_template_new(s->work, s->n, &s->plan, &t), STATUS_OK);
        printf("of %u pixels in units of pixel %u, margin %.1f, %u votes, %u against; worst line %.1f eV\n", t->n_pixels, t->pixel, t->match.margin, t->votes,
               t->votes_against, worst_line(s, t));
        assert_true(t->assigned && !t->ambiguous && t->pixel >= 2 && t->n_pixels >= 9 && t->n_pixels <= 10);
        assert_true(t->match.margin >= MATCH_CLEAR_MARGIN && t->votes_against == 0);
        assert_true(worst_line(s, t) < 6);
        array_template_free(t);
        mix_works_free(s);
    }
}

/* The fewest pulses there may be: every pixel's lines are expected within a fraction of the 17 eV in which their maxima are looked for. */
static void two_hundred_pulses_are_enough_to_expect_lines(void **state) {
    (void)state;
    struct seeded r = draw_start("array_template few", 62);
    struct mix_works *s = mix_works_new(WORKS_MAX, CALIBRATION_MIN_PULSES, &r);
    struct array_template *t = NULL;
    assert_int_equal(array_template_new(s->work, s->n, &s->plan, &t), STATUS_OK);
    assert_true(t->assigned);
    double worst = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        struct stretch to;
        double height[PLAN_MAX];
        assert_int_equal(stretch_find(t->stretch, s->work[i].sorted, s->work[i].n, &to), STATUS_OK);
        for (size_t k = 0; k < s->plan.n_anchors; k++)
            height[k] = stretch_map(&to, t->height[k]);
        worst = fmax(worst, mix_works_worst(s, i, height));
    }
    printf("worst expected line %.1f eV off\n", worst);
    assert_true(worst < 6);
    array_template_free(t);
    mix_works_free(s);
}

/* Three lines in geometric progression, four equal peaks in the same one: two assignments, and the template does not choose. */
static void what_fits_twice_is_ambiguous(void **state) {
    (void)state;
    struct seeded r = draw_start("array_template ambiguous", 63);
    static const char text[] = "line,energy_eV,unc_eV,use,excited_above_eV,components,source\nA,300,1,anchor,,,\nB,450,1,anchor,,,\nC,675,1,anchor,,,\n";
    static const double peaks[] = {3000, 4500, 6750, 10125};
    struct mix_works *s = mix_works_new(6, 300, &r);
    struct array_template *t = NULL;
    line_table_free(s->table);
    assert_int_equal(line_table_parse("abc", (const uint8_t *)text, strlen(text), &s->table, NULL), STATUS_OK);
    assert_int_equal(fit_plan_init(&s->plan, s->table, NAN, NULL), STATUS_OK);
    for (uint32_t i = 0; i < s->n; i++) {
        float *h = malloc(2000 * sizeof *h);
        for (int k = 0; k < 2000; k++)
            h[k] = (float)((peaks[k % 4] + 12 * draw_normal(&r)) * (1 + 0.1 * i));
        mix_works_set(s, i, h, 2000);
    }
    assert_int_equal(array_template_new(s->work, s->n, &s->plan, &t), STATUS_OK);
    assert_true(!t->assigned && t->ambiguous && isnan(t->height[0]));
    assert_true(t->match.n_choices >= 2);
    array_template_free(t);
    mix_works_free(s);
}

static void there_may_be_nothing_to_make_it_of(void **state) {
    (void)state;
    struct seeded r = draw_start("array_template none", 64);
    struct mix_works *s = mix_works_new(10, 50, &r);
    struct array_template *t = NULL;
    assert_int_equal(array_template_new(s->work, s->n, &s->plan, &t), STATUS_TOO_FEW);
    assert_int_equal(array_template_new(s->work, 0, &s->plan, &t), STATUS_TOO_FEW);
    assert_null(t);
    for (uint32_t i = 0; i < s->n; i++)
        mix_works_set_noise(s, i, 2000, &r);
    assert_int_equal(array_template_new(s->work, s->n, &s->plan, &t), STATUS_OK);
    assert_false(t->assigned);
    array_template_free(t);
    mix_works_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lines_are_right_although_the_busiest_pixels_see_noise),
        cmocka_unit_test(two_hundred_pulses_are_enough_to_expect_lines),
        cmocka_unit_test(what_fits_twice_is_ambiguous),
        cmocka_unit_test(there_may_be_nothing_to_make_it_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
