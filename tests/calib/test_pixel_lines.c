#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/pixel_calibration.h"
#include "tests/calib/line_mix.h"

static const struct mix_pixel pixel = {.gain = 12, .bend = 1.5e-4, .resolution_eV = 2.5};

struct bench {
    struct line_table *table;
    struct fit_plan plan;
    struct pixel_work work;
    struct pixel_heights heights;
    struct natural_spline truth;
};

static void bench_init(struct bench *b, size_t n, struct seeded *r) {
    double height[6], energy[6];
    b->table = mix_table();
    assert_int_equal(fit_plan_init(&b->plan, b->table, 1000, NULL), STATUS_OK);
    float *h = mix_heights(&pixel, n, r);
    assert_int_equal(pixel_work_init(&b->work, &(struct calibration_heights){.heights = h, .n = n}, &b->plan), STATUS_OK);
    free(h);
    b->heights = (struct pixel_heights){b->work.sorted, b->work.n, b->work.smooth, b->work.smooth_fwhm};
    for (size_t i = 0; i < 6; i++) {
        energy[i] = b->plan.lines[i].line.energy_eV;
        height[i] = mix_height(&pixel, energy[i]);
    }
    gain_spline_init(&b->truth, height, energy, 6);
}

static void bench_done(struct bench *b) {
    pixel_work_done(&b->work);
    line_table_free(b->table);
}

static void maxima_are_picked_where_there_is_a_line_only(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_lines pick", 81);
    struct bench b;
    bench_init(&b, 3000, &r);
    for (size_t i = 0; i < b.plan.n_anchors; i++) {
        double at = b.truth.x[i], slope = gain_spline_slope(&b.truth, at);
        double picked = pixel_lines_pick(&b.heights, &b.plan.lines[i], at + 8 / slope, 17, slope);
        assert_true(fabs(picked - at) * slope < 4);
    }
    double empty = mix_height(&pixel, 330);  /* background only */
    assert_true(isnan(pixel_lines_pick(&b.heights, &b.plan.lines[0], empty, 10, 0.085)));
    assert_true(isnan(pixel_lines_pick(&b.heights, &b.plan.lines[0], NAN, 10, 0.085)));
    assert_true(isnan(pixel_lines_pick(&b.heights, &b.plan.lines[0], 1e9, 10, 0.085)));
    bench_done(&b);
}

static void fits_have_states(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_lines fit", 82);
    struct bench b;
    struct found_line found[PLAN_MAX] = {0};
    bench_init(&b, 3000, &r);
    for (size_t i = 0; i < b.plan.n_anchors; i++)
        found[i].start = b.truth.x[i] + 30;
    found[1].start = NAN;
    found[2].start = mix_height(&pixel, 480);  /* nothing there */
    pixel_lines_fit(&b.heights, &b.plan, &b.truth, 0, b.plan.n_anchors, found);
    static const enum line_state expected[6] = {LINE_GOOD, LINE_NOT_FOUND, LINE_NOT_FOUND, LINE_GOOD, LINE_GOOD, LINE_GOOD};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(found[i].state, expected[i]);
        assert_true(expected[i] != LINE_GOOD || fabs(found[i].fit.height - b.truth.x[i]) < 5 * found[i].fit.height_sigma);
    }
    struct natural_spline g;
    assert_true(pixel_lines_spline(&b.plan, found, true, &g));
    assert_int_equal(g.n, 4);
    assert_true(fabs(gain_spline_energy(&g, b.truth.x[4]) - 848.85) < 1);
    bench_done(&b);
}

/* Of a maximum-likelihood fit with a background the expected counts add up to the counts of the window. */
static void a_fit_tells_its_window(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_lines window", 85);
    struct bench b;
    struct found_line found[PLAN_MAX] = {0};
    bench_init(&b, 3000, &r);
    for (size_t i = 0; i < b.plan.n_anchors; i++)
        found[i].start = b.truth.x[i] + 30;
    pixel_lines_fit(&b.heights, &b.plan, &b.truth, 0, b.plan.n_anchors, found);
    for (size_t i = 0; i < b.plan.n_anchors; i++) {
        const struct anchor_fit *f = &found[i].fit;
        double inside = 0, high = f->window_low + f->window_bins * f->window_bin;
        assert_int_equal(found[i].state, LINE_GOOD);
        for (size_t k = 0; k < b.heights.n; k++)
            inside += (double)b.heights.sorted[k] >= f->window_low && (double)b.heights.sorted[k] < high;
        double span_eV = f->window_bins * f->window_bin * f->eV_per_unit;
        double line = f->counts + f->companion_counts + f->background_per_eV * span_eV;
        assert_true(f->height > f->window_low && f->height < high);
        assert_true(inside > 20 && fabs(line - inside) < 0.08 * inside);  /* the wings beyond the window are missing */
        assert_true(f->gauss_fwhm_eV > 0.5 && f->gauss_fwhm_eV < span_eV);
    }
    bench_done(&b);
}

/* A peak twice as wide and split is no line of the plan: the deviance says so. */
static void a_wrong_model_is_a_misfit(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_lines misfit", 83);
    struct bench b;
    struct found_line found[PLAN_MAX] = {0};
    bench_init(&b, 300, &r);
    float *h = malloc(6000 * sizeof *h);
    for (int i = 0; i < 6000; i++)
        h[i] = (float)mix_height(&pixel, 848.85 + (i % 2 ? 3.5 : -3.5) + 0.3 * draw_normal(&r));
    struct pixel_work w;
    assert_int_not_equal(pixel_work_init(&w, &(struct calibration_heights){.heights = h, .n = 6000}, &b.plan), STATUS_NO_MEMORY);
    struct pixel_heights heights = {w.sorted, w.n, w.smooth, w.smooth_fwhm};
    found[4].start = b.truth.x[4];
    pixel_lines_fit(&heights, &b.plan, &b.truth, 4, 5, found);
    printf("deviance of a split line: %.0f\n", found[4].fit.deviance_per_dof);
    assert_int_equal(found[4].state, LINE_MISFIT);
    free(h);
    pixel_work_done(&w);
    bench_done(&b);
}

static void roughness_shows_a_line_out_of_place(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_lines roughness", 84);
    struct bench b;
    struct found_line found[PLAN_MAX] = {0};
    bench_init(&b, 300, &r);
    for (size_t i = 0; i < 6; i++)
        found[i].start = b.truth.x[i];
    assert_true(pixel_lines_roughness(&b.plan, found) < 0.1);
    found[3].start = mix_height(&pixel, 717.45);  /* Fe Lb for Fe La */
    assert_true(pixel_lines_roughness(&b.plan, found) > 2.2);
    struct natural_spline g;
    found[3].start = b.truth.x[4] + 1;
    assert_false(pixel_lines_spline(&b.plan, found, false, &g));
    bench_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maxima_are_picked_where_there_is_a_line_only),
        cmocka_unit_test(fits_have_states),
        cmocka_unit_test(a_fit_tells_its_window),
        cmocka_unit_test(a_wrong_model_is_a_misfit),
        cmocka_unit_test(roughness_shows_a_line_out_of_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
