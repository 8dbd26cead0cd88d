#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "calib/assignment.h"
#include "tests/calib/mix_works.h"

static void starts(const struct mix_works *s, uint32_t i, double *height) {
    for (size_t k = 0; k < s->plan.n_anchors; k++)
        height[k] = s->work[i].found[k].start;
}

static void every_pixel_is_assigned_by_the_template_with_its_margin(void **state) {
    (void)state;
    struct seeded r = draw_start("assignment", 65);
    struct mix_works *s = mix_works_new(20, 2000, &r);
    struct assignment a;
    assert_int_equal(assignment_make(&a, &s->plan, s->work, s->n, NULL), STATUS_OK);
    for (uint32_t i = 0; i < s->n; i++) {
        double height[PLAN_MAX];
        starts(s, i, height);
        assert_true(s->work[i].has_rough && s->work[i].assigned_by == ASSIGNED_BY_TEMPLATE && !s->work[i].ambiguous);
        assert_true(s->work[i].margin > 0 && s->work[i].n_choices >= 1);
        assert_true(mix_works_worst(s, i, height) < 4);
    }
    assignment_done(&a);
    mix_works_free(s);
}

/* A pixel whose stretch is right for its spectrum but whose own peaks clearly are another assignment: the two disagree, so neither is
 * believed. Here the template's lines are falsified, as a wrong template would have them. */
static void own_peaks_veto_a_wrong_template(void **state) {
    (void)state;
    struct seeded r = draw_start("assignment veto", 66);
    struct mix_works *s = mix_works_new(8, 2500, &r);
    struct assignment a;
    assert_int_equal(assignment_make(&a, &s->plan, s->work, s->n, NULL), STATUS_OK);
    const double *height = a.common->height;
    double wrong[PLAN_MAX];
    for (size_t k = 0; k + 1 < s->plan.n_anchors; k++)
        wrong[k] = height[k + 1];  /* N taken for C, ..., Cu for Ni */
    wrong[s->plan.n_anchors - 1] = wrong[s->plan.n_anchors - 2] * 1.08;
    memcpy(a.common->height, wrong, s->plan.n_anchors * sizeof *wrong);
    int vetoed = 0, wrongly_kept = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        assignment_expect(&a, i);
        vetoed += !s->work[i].has_rough;
        wrongly_kept += s->work[i].has_rough;
        assert_true(s->work[i].has_rough || s->work[i].assigned_by == ASSIGNED_BY_NOTHING);
    }
    printf("%d vetoed or not found, %d kept\n", vetoed, wrongly_kept);
    assert_int_equal(wrongly_kept, 0);
    assignment_done(&a);
    mix_works_free(s);
}

/* The template not assigned: the previous curve of the pixel, then nothing. */
static void the_previous_curve_is_the_fallback_and_then_nothing(void **state) {
    (void)state;
    struct seeded r = draw_start("assignment before", 67);
    struct mix_works *s = mix_works_new(8, 2500, &r);
    struct calibration_table *before = NULL;
    struct assignment a;
    assert_int_equal(calibration_table_learn(s->table, 1000, s->heights, s->n, NULL, &before, NULL), STATUS_OK);
    calibration_curve_free(before->pixels[3].curve);
    before->pixels[3].curve = NULL;
    for (uint32_t i = 0; i < s->n; i++) {   /* drifted since */
        s->pixel[i].gain *= 1.003;
        mix_works_set(s, i, mix_heights(&s->pixel[i], 400, &r), 400);
    }
    assert_int_equal(assignment_make(&a, &s->plan, s->work, s->n, before), STATUS_OK);
    a.common->assigned = false;
    a.common->ambiguous = true;
    for (uint32_t i = 0; i < s->n; i++) {
        double height[PLAN_MAX];
        assignment_expect(&a, i);
        starts(s, i, height);
        assert_int_equal(s->work[i].assigned_by, i == 3 ? ASSIGNED_BY_NOTHING : ASSIGNED_BY_CURVE_BEFORE);
        assert_int_equal(s->work[i].has_rough, i != 3);
        assert_true(s->work[i].ambiguous);
        assert_true(i == 3 || mix_works_worst(s, i, height) < 6);
    }
    assignment_done(&a);
    calibration_table_free(before);
    mix_works_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pixel_is_assigned_by_the_template_with_its_margin),
        cmocka_unit_test(own_peaks_veto_a_wrong_template),
        cmocka_unit_test(the_previous_curve_is_the_fallback_and_then_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
