#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "calib/calibration_curve.h"
#include "calib/natural_spline.h"
#include "calib/photon_block.h"
#include "tests/calib/draw.h"

/* The six anchors of channel 3, first calibration (published SSRL 10-1 data). */
static const struct curve_anchor six[] = {
    {10438.6, 1.5, 848.85, 0.7}, {3819.2, 3, 278.21, 0.7}, {5302.6, 2, 392.25, 0.7},
    {6916.8, 2, 524.45, 0.7},    {8926.4, 3, 705.01, 0.7}, {11213.3, 4, 926.98, 0.7},
};

static struct calibration_curve *curve_of(const struct curve_anchor *a, size_t n) {
    struct calibration_curve *c = NULL;
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, a, n, &c), STATUS_OK);
    return c;
}

static double exact(const struct natural_spline *g, double p) {
    return p / natural_spline_value(g, p);
}

static struct natural_spline gain_of(const struct calibration_curve *c) {
    const struct curve_anchor *a;
    size_t n = calibration_curve_anchors(c, &a);
    double x[CURVE_MAX_ANCHORS], y[CURVE_MAX_ANCHORS];
    for (size_t i = 0; i < n; i++) {
        x[i] = a[i].height;
        y[i] = a[i].height / a[i].energy_eV;
    }
    struct natural_spline g;
    natural_spline_init(&g, x, y, n);
    return g;
}

static void passes_through_the_anchors_and_inverts(void **state) {
    (void)state;
    struct calibration_curve *c = curve_of(six, 6);
    for (size_t i = 0; i < 6; i++) {
        struct curve_value v = calibration_curve_value(c, (float)six[i].height);
        assert_true(fabs((double)v.energy_eV - six[i].energy_eV) < 1e-3);
        assert_true(v.trust == TRUST_INSIDE);
        assert_true(fabs(calibration_curve_height(c, six[i].energy_eV) - six[i].height) < 1e-2);
        double slope = calibration_curve_slope(c, six[i].height);
        assert_true(fabs((double)v.sigma_eV / (slope * six[i].height_sigma) - 1) < 0.02);
        /* a table error d at the anchor moves the curve there by d */
        assert_true(fabs((double)v.common_sigma_eV / 0.7 - 1) < 0.02);
    }
    for (double e = 5; e < 1800; e += 7.3)
        assert_true(fabs((double)calibration_curve_value(c, (float)calibration_curve_height(c, e)).energy_eV - e) < 1e-3);
    calibration_curve_free(c);
}

static void lookup_is_within_a_thousandth_eV_of_the_spline(void **state) {
    (void)state;
    struct calibration_curve *c = curve_of(six, 6);
    struct natural_spline g = gain_of(c);
    double worst = 0;
    for (float p = 1; p < 22000; p += 0.37f)
        worst = fmax(worst, fabs((double)calibration_curve_value(c, p).energy_eV - exact(&g, (double)p)));
    printf("worst lookup error %.2e eV\n", worst);
    assert_true(worst < 1e-3);
    calibration_curve_free(c);
}

static void increases_everywhere_and_knows_where_it_ends(void **state) {
    (void)state;
    struct calibration_curve *c = curve_of(six, 6);
    float before = 0;
    for (float p = 0.5f; p < 60000; p += 0.41f) {
        float e = calibration_curve_value(c, p).energy_eV;
        if (!(e >= before))
            fail_msg("falls at %g", (double)p);
        before = e;
    }
    const float none[] = {0, -1, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 5; i++)
        assert_true(isnan(calibration_curve_value(c, none[i]).energy_eV));
    assert_true(isnan(calibration_curve_height(c, -1)) && isnan(calibration_curve_height(c, NAN)) && isnan(calibration_curve_height(c, 1860)));
    assert_true(calibration_curve_value(c, (float)calibration_curve_height(c, 223)).trust == TRUST_INSIDE);
    assert_true(calibration_curve_value(c, (float)calibration_curve_height(c, 222)).trust == TRUST_NEAR);
    assert_true(calibration_curve_value(c, (float)calibration_curve_height(c, 194)).trust == TRUST_BEYOND);
    assert_true(calibration_curve_value(c, (float)calibration_curve_height(c, 954)).trust == TRUST_INSIDE);
    assert_true(calibration_curve_value(c, (float)calibration_curve_height(c, 956)).trust == TRUST_NEAR);
    assert_true(calibration_curve_value(c, (float)calibration_curve_height(c, 1049)).trust == TRUST_BEYOND);
    calibration_curve_free(c);
}

/* Columns, at every length, with heights that have no energy and that lie above the table. */
static void rows_are_what_one_photon_gets(void **state) {
    (void)state;
    enum { MOST = 150 };
    struct calibration_curve *c = curve_of(six, 6);
    for (size_t n = 0; n <= MOST; n++) {
        float height[MOST + 1], energy[MOST + 1], sigma[MOST + 1], variance[MOST + 1];
        uint8_t trust[MOST + 1];
        const float odd[] = { 0, -1, NAN, INFINITY, -INFINITY, 30000, 22426.6f, 1e-30f };
        const bool some_odd = n % 3 == 1;   /* without one there is a shorter way */
        for (size_t i = 0; i < n; i++) {
            height[i] = some_odd && i % 5 == 2 ? odd[i / 5 % 8] : (float)(22000 * fmod((double)(i + n) * 0.6180339887, 1) + 1);
            variance[i] = (float)(i * i);
        }
        const struct curve_rows rows = { energy, sigma, trust };
        calibration_curve_rows(c, height, variance, n, &rows);
        for (size_t i = 0; i < n; i++) {
            struct curve_value v = calibration_curve_value(c, height[i]);
            assert_true(energy[i] == v.energy_eV || (isnan(energy[i]) && isnan(v.energy_eV)));
            assert_int_equal(trust[i], v.trust);
            double expected = hypot((double)i * (double)v.slope, (double)v.sigma_eV);
            assert_true(isnan(expected) ? isnan(sigma[i]) : fabs((double)sigma[i] - expected) <= 3e-7 * expected);
        }
    }
    calibration_curve_free(c);
}

/* Where a cell of the table ends: every float in the last of one and the first of the next. */
static void increases_from_float_to_float_at_the_nodes(void **state) {
    (void)state;
    enum { CELLS = 512, AROUND = 40 };
    struct seeded r = draw_start("calibration_curve nodes", 7);
    for (int t = 0; t < 40; t++) {
        struct curve_anchor a[6];
        for (int i = 0; i < 6; i++) {
            a[i] = six[i];
            a[i].height *= 1 + 1e-3 * draw_uniform(&r);
        }
        struct calibration_curve *c = curve_of(a, 6);
        const double top = 2 * a[5].height;
        for (int k = 1; k < CELLS; k++) {
            float p = (float)(top * k / CELLS), before = 0;
            for (int j = 0; j < AROUND / 2; j++)
                p = nextafterf(p, 0);
            for (int j = 0; j < AROUND; j++, p = nextafterf(p, INFINITY)) {
                const float e = calibration_curve_value(c, p).energy_eV;
                assert_true(e >= before);
                before = e;
            }
        }
        calibration_curve_free(c);
    }
}

/* The slope between nodes is that of the curve. */
static void slopes_are_right_to_a_millionth(void **state) {
    (void)state;
    struct calibration_curve *c = curve_of(six, 6);
    double worst = 0;
    for (float p = 3000; p < 13000; p += 1.7F)
        worst = fmax(worst, fabs((double)calibration_curve_value(c, p).slope / calibration_curve_slope(c, (double)p) - 1));
    print_message("worst slope %.2g\n", worst);
    assert_true(worst < 1e-5);
    calibration_curve_free(c);
}

static void random_smooth_detectors_come_back(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_curve detectors", 5);
    static const double lines[] = {278.21, 392.25, 524.45, 705.01, 848.85, 926.98};
    double worst = 0;
    for (int t = 0; t < 200; t++) {
        double gain = 5 + 15 * draw_uniform(&r), bend = 0.35e-3 * draw_uniform(&r);
        struct curve_anchor a[6];
        for (int i = 0; i < 6; i++)
            a[i] = (struct curve_anchor){.height = gain * lines[i] / (1 + bend * lines[i]), .energy_eV = lines[i]};
        struct calibration_curve *c = curve_of(a, 6);
        for (double e = 230; e < 950; e += 3)
            worst = fmax(worst, fabs((double)calibration_curve_value(c, (float)(gain * e / (1 + bend * e))).energy_eV - e));
        calibration_curve_free(c);
    }
    printf("worst energy error of a saturating detector inside the trust region: %.4f eV\n", worst);
    assert_true(worst < 0.05);
}

/* The published sigma against the scatter of curves whose anchors are moved by their errors. */
static void sigma_is_the_scatter_of_curves(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_curve sigma", 17);
    struct calibration_curve *c = curve_of(six, 6);
    static const float at[] = {3000, 4500, 6000, 8000, 9700, 11000, 11920};
    enum { POINTS = 7, TRIALS = 400 };
    double sum[POINTS] = {0}, square[POINTS] = {0}, table[POINTS] = {0};
    for (int t = 0; t < TRIALS; t++) {
        struct curve_anchor moved[6], other[6];
        for (int i = 0; i < 6; i++) {
            moved[i] = other[i] = six[i];
            moved[i].height += six[i].height_sigma * draw_normal(&r);
            other[i].energy_eV += six[i].energy_unc_eV * draw_normal(&r);
        }
        struct calibration_curve *m = curve_of(moved, 6), *o = curve_of(other, 6);
        for (int k = 0; k < POINTS; k++) {
            double e = (double)calibration_curve_value(c, at[k]).energy_eV;
            double d = (double)calibration_curve_value(m, at[k]).energy_eV - e, q = (double)calibration_curve_value(o, at[k]).energy_eV - e;
            sum[k] += d;
            square[k] += d * d;
            table[k] += q * q;
        }
        calibration_curve_free(m);
        calibration_curve_free(o);
    }
    for (int k = 0; k < POINTS; k++) {
        struct curve_value v = calibration_curve_value(c, at[k]);
        double sd = sqrt(square[k] / TRIALS), common = sqrt(table[k] / TRIALS);
        printf("%7.0f: sigma %.3f scatter %.3f, common %.3f scatter %.3f\n", (double)at[k], (double)v.sigma_eV, sd, (double)v.common_sigma_eV, common);
        assert_true(fabs((double)v.sigma_eV / sd - 1) < 0.15 && fabs((double)v.common_sigma_eV / common - 1) < 0.15);
    }
    calibration_curve_free(c);
}

static void bad_anchors_are_refused(void **state) {
    (void)state;
    struct calibration_curve *c = NULL;
    struct curve_anchor a[6];
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, six, 1, &c), STATUS_BAD_VALUE);
    memcpy(a, six, sizeof a);
    a[2].height = 7000;  /* N above O */
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, a, 6, &c), STATUS_BAD_VALUE);
    memcpy(a, six, sizeof a);
    a[0].height = NAN;
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, a, 6, &c), STATUS_BAD_VALUE);
    a[0].height = -5;
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, a, 6, &c), STATUS_BAD_VALUE);
    /* C and N so close in height that the gain turns over below them */
    const struct curve_anchor turn[] = {{100, 0, 100, 0}, {1000, 0, 101, 0}, {1100, 0, 900, 0}};
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, turn, 3, &c), STATUS_NOT_CONVERGED);
    assert_null(c);
    struct calibration_curve *two = curve_of((const struct curve_anchor[]){{1000, 1, 100, 1}, {2900, 1, 300, 1}}, 2);
    assert_true(fabs((double)calibration_curve_value(two, 2000).energy_eV - 2000 / (10 - (2000.0 - 1000) / 1900 * (10 - 2900.0 / 300))) < 1e-3);
    calibration_curve_free(two);
    calibration_curve_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_through_the_anchors_and_inverts), cmocka_unit_test(lookup_is_within_a_thousandth_eV_of_the_spline),
        cmocka_unit_test(increases_everywhere_and_knows_where_it_ends), cmocka_unit_test(random_smooth_detectors_come_back),
        cmocka_unit_test(rows_are_what_one_photon_gets),
        cmocka_unit_test(increases_from_float_to_float_at_the_nodes), cmocka_unit_test(slopes_are_right_to_a_millionth),
        cmocka_unit_test(sigma_is_the_scatter_of_curves), cmocka_unit_test(bad_anchors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
