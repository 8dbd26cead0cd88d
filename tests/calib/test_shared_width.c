#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "calib/shared_width.h"
#include "tests/calib/draw.h"

enum { LINES = 6 };
static const double own_fwhm[LINES] = {7.8, 6.8, 4.8, 4.5, 1.5, 4.2};

struct pixel {
    struct spectrum *window[LINES];
    struct line_shape shape[LINES];
    struct shared_line line[LINES];
    double centre[LINES];
};

static void pixel_init(struct pixel *p, const int *counts, double fwhm, struct seeded *r) {
    for (int k = 0; k < LINES; k++) {
        double scale = 0.85 + 0.03 * k, half = 1.33 * hypot(own_fwhm[k], fwhm);
        line_shape_init(&p->shape[k], &(struct reference_line){.energy_eV = 500, .n_components = 1, .components = {{'G', 500, 0, 1, 1}}});
        line_shape_separate(&p->shape[k], own_fwhm[k]);
        p->centre[k] = draw_uniform(r) - 0.5;
        assert_int_equal(spectrum_new(-half, 0.4, (size_t)(2 * half / 0.4), &p->window[k]), STATUS_OK);
        for (int i = 0; i < counts[k]; i++)
            spectrum_add(p->window[k], p->centre[k] + hypot(own_fwhm[k], scale * fwhm) / 2.3548200450309493 * draw_normal(r), 1);
        for (int i = 0; i < 60; i++)
            spectrum_add(p->window[k], half * (2 * draw_uniform(r) - 1), 1);
        p->line[k] = (struct shared_line){.request = {.histogram = p->window[k], .shape = &p->shape[k]}, .scale = scale};
    }
}

static void pixel_done(struct pixel *p) {
    for (int k = 0; k < LINES; k++)
        spectrum_free(p->window[k]);
}

/* With the counts of 20 minutes at SSRL 10-1: the width is unbiased, it and the centres have honest errors. */
static void the_width_is_unbiased_and_errors_are_honest(void **state) {
    (void)state;
    struct seeded r = draw_start("shared_width", 61);
    static const int counts[LINES] = {450, 700, 480, 200, 330, 60};
    enum { TRIALS = 300 };
    double bias = 0, pull2 = 0, centre2 = 0, weak = 0;
    for (int t = 0; t < TRIALS; t++) {
        struct pixel p;
        struct shared_width w;
        pixel_init(&p, counts, 2.5, &r);
        assert_int_equal(shared_width_fit(p.line, LINES, 3.5, &w), STATUS_OK);
        bias += (w.fwhm_eV / 2.5 - 1) / TRIALS;
        pull2 += (w.fwhm_eV - 2.5) * (w.fwhm_eV - 2.5) / (w.sigma_eV * w.sigma_eV) / TRIALS;
        for (int k = 0; k < LINES; k++) {
            double z = (p.line[k].fit.centre_eV - p.centre[k]) / p.line[k].fit.centre_sigma_eV;
            assert_int_equal(p.line[k].status, STATUS_OK);
            assert_true(fabs(p.line[k].fit.gauss_fwhm_eV - w.fwhm_eV * p.line[k].scale) < 1e-9);
            centre2 += z * z / TRIALS / LINES;
        }
        weak += fabs(p.line[5].fit.centre_eV - p.centre[5]) / TRIALS;
        pixel_done(&p);
    }
    printf("width bias %+.4f, pull rms %.3f; centre pull rms %.3f; weak line off by %.2f eV on average\n", bias, sqrt(pull2), sqrt(centre2), weak);
    assert_true(fabs(bias) < 0.02);
    assert_true(sqrt(pull2) > 0.88 && sqrt(pull2) < 1.12);
    assert_true(sqrt(centre2) > 0.92 && sqrt(centre2) < 1.08);
}

static void lines_that_know_nothing_leave_the_width_alone(void **state) {
    (void)state;
    struct seeded r = draw_start("shared_width few", 62);
    static const int few[LINES] = {9, 9, 0, 0, 0, 9}, none[LINES] = {0};
    struct pixel p;
    struct shared_width w = {-1, -1};
    pixel_init(&p, few, 2.5, &r);
    assert_int_equal(shared_width_fit(p.line, LINES, 3.25, &w), STATUS_OK);
    assert_true(fabs(w.fwhm_eV - 3.25) < 1e-12 && w.sigma_eV <= 0);
    pixel_done(&p);
    pixel_init(&p, none, 2.5, &r);
    assert_int_equal(shared_width_fit(p.line, 0, 3.25, &w), STATUS_TOO_FEW);
    pixel_done(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_width_is_unbiased_and_errors_are_honest),
        cmocka_unit_test(lines_that_know_nothing_leave_the_width_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
