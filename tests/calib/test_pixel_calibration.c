#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/pixel_calibration.h"
#include "tests/calib/line_mix.h"

struct bench {
    struct line_table *table;
    struct fit_plan plan;
    struct pixel_work work;
    double expected[PLAN_MAX];
};

/* Expected heights are off by `shift_eV` everywhere, as a stretch leaves them. */
static void bench_init(struct bench *b, const struct mix_pixel *p, size_t n, double shift_eV, struct seeded *r) {
    b->table = mix_table();
    assert_int_equal(fit_plan_init(&b->plan, b->table, 1000, NULL), STATUS_OK);
    float *h = mix_heights(p, n, r);
    pixel_work_init(&b->work, &(struct calibration_heights){.heights = h, .n = n}, &b->plan);
    free(h);
    for (size_t i = 0; i < b->plan.n_anchors; i++)
        b->expected[i] = mix_height(p, b->plan.lines[i].line.energy_eV + shift_eV);
}

static void bench_done(struct bench *b) {
    pixel_work_done(&b->work);
    line_table_free(b->table);
}

static void finish(struct bench *b, struct pixel_calibration *out) {
    pixel_work_fit(&b->work, &b->plan);
    pixel_work_fit(&b->work, &b->plan);
    assert_int_equal(pixel_work_finish(&b->work, &b->plan, out), STATUS_OK);
}

static void lines_are_found_from_a_rough_expectation(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_calibration expect", 71);
    struct mix_pixel p = {.gain = 12, .bend = 1.5e-4, .resolution_eV = 2.5};
    for (double shift = -9; shift <= 9; shift += 6) {
        struct bench b;
        struct pixel_calibration c;
        bench_init(&b, &p, 3000, shift, &r);
        assert_true(pixel_work_expect(&b.work, &b.plan, b.expected));
        finish(&b, &c);
        assert_int_equal(c.verdict, VERDICT_GOOD);
        assert_string_equal(c.reason, "");
        int used = 0;
        for (uint32_t i = 0; i < c.n_fits; i++) {
            used += c.fits[i].used;
            assert_true(!c.fits[i].used || fabs(c.fits[i].height - mix_height(&p, c.fits[i].energy_eV)) < 5 * c.fits[i].height_sigma);
            if (!(c.fits[i].deviance_per_dof < 3))
                fail_msg("%s: deviance %.2f", c.fits[i].line, c.fits[i].deviance_per_dof);
            assert_true(strcmp(c.fits[i].line, "FeLb") != 0);  /* in the model of FeLa: no check of its own */
        }
        assert_int_equal(used, 6);
        calibration_curve_free(c.curve);
        bench_done(&b);
    }
}

static void a_wrong_assignment_is_bad_and_says_so(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_calibration wrong", 72);
    struct mix_pixel p = {.gain = 12, .bend = 1.5e-4, .resolution_eV = 2.5};
    struct bench b;
    struct pixel_calibration c;
    bench_init(&b, &p, 3000, 0, &r);
    static const double other[] = {278.21, 392.25, 524.45, 614.84, 705.01, 848.85};  /* the lines shifted by one from iron on */
    for (int i = 0; i < 6; i++)
        b.expected[i] = mix_height(&p, other[i]);
    pixel_work_expect(&b.work, &b.plan, b.expected);
    finish(&b, &c);
    printf("%s: %s\n", verdict_names[c.verdict], c.reason);
    assert_int_equal(c.verdict, VERDICT_BAD);
    assert_true(strlen(c.reason) > 0);
    calibration_curve_free(c.curve);
    bench_done(&b);
}

static void too_few_lines_are_bad(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_calibration few", 73);
    struct mix_pixel p = {.gain = 12, .bend = 1.5e-4, .resolution_eV = 2.5};
    struct bench b;
    struct pixel_calibration c;
    bench_init(&b, &p, 3000, 0, &r);
    b.expected[0] = b.expected[1] = b.expected[2] = NAN;
    pixel_work_expect(&b.work, &b.plan, b.expected);
    b.work.found[0].start = b.work.found[1].start = b.work.found[2].start = NAN;
    for (size_t i = 0; i < 3; i++)
        b.plan.lines[i].search_eV = 0;  /* and they stay unseen */
    finish(&b, &c);
    printf("%s: %s\n", verdict_names[c.verdict], c.reason);
    assert_int_equal(c.verdict, VERDICT_BAD);
    assert_non_null(strstr(c.reason, "CKa not found"));
    assert_null(c.curve);
    bench_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found_from_a_rough_expectation),
        cmocka_unit_test(a_wrong_assignment_is_bad_and_says_so),
        cmocka_unit_test(too_few_lines_are_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
