#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "calib/calibration_sigma.h"
#include "tests/calib/draw.h"

enum { ANCHORS = 6, PIXELS = 64 };
static const double energy[ANCHORS] = { 278, 392, 524, 705, 849, 927 };

static double true_height(double energy_eV, double gain) {
    return gain * energy_eV * (1 - 1.5e-4 * energy_eV);
}

/* A pixel whose anchors lie where they are, with these errors; the table tells energies off by table_eV[k]. */
static struct calibration_curve *curve_of(double gain, const double *height_error, double sigma, const double *table_error, double unc_eV) {
    struct curve_anchor a[ANCHORS];
    for (int k = 0; k < ANCHORS; k++)
        a[k] = (struct curve_anchor){ true_height(energy[k], gain) + height_error[k], sigma, energy[k] + table_error[k], unc_eV };
    struct calibration_curve *c = NULL;
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, a, ANCHORS, &c), STATUS_OK);
    return c;
}

static struct pixel_calibration pixels[PIXELS];
static const double none[ANCHORS];

static struct calibration_table array_of(struct seeded *r, double fit_units, const double *table_error, double unc_eV) {
    for (int p = 0; p < PIXELS; p++) {
        double error[ANCHORS];
        for (int k = 0; k < ANCHORS; k++)
            error[k] = fit_units * draw_normal(r);
        pixels[p] = (struct pixel_calibration){ .curve = curve_of(12, error, fit_units, table_error, unc_eV) };
    }
    return (struct calibration_table){ .n_pixels = PIXELS, .pixels = pixels };
}

static void array_done(void) {
    for (int p = 0; p < PIXELS; p++)
        calibration_curve_free(pixels[p].curve);
}

/* Of the pixels added: what fits are off by averages away, what the table is off by does not. */
static void sums_are_off_by_what_is_told(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_sigma", 5);
    enum { TRIALS = 60 };
    double chi2[3] = { 0 };
    for (int trial = 0; trial < TRIALS; trial++) {
        double table_error[ANCHORS];
        for (int k = 0; k < ANCHORS; k++)
            table_error[k] = 0.3 * draw_normal(&r);
        struct calibration_table t = array_of(&r, 6, table_error, 0.3);
        static const double at[3] = { 330, 600, 800 };
        for (int i = 0; i < 3; i++) {
            struct energy_sigma s = calibration_sigma_at(&t, NULL, at[i]);
            double mean = 0, square = 0;
            for (int p = 0; p < PIXELS; p++) {
                double e = (double)calibration_curve_value(pixels[p].curve, (float)true_height(at[i], 12)).energy_eV;
                mean += e / PIXELS;
                square += e * e / PIXELS;
            }
            chi2[i] += (mean - at[i]) * (mean - at[i]) / (s.sum_eV * s.sum_eV);
            assert_int_equal(s.n_pixels, PIXELS);
            assert_true(s.common_eV > 0.15 && s.common_eV < 0.4 && s.sum_eV > s.common_eV && s.sum_eV < 1.1 * s.common_eV);
            assert_true(fabs(sqrt(square - mean * mean) / s.pixel_eV - 1) < 0.45);
        }
        array_done();
    }
    for (int i = 0; i < 3; i++) {
        printf("chi2 of the sum's energy: %.1f for %d trials\n", chi2[i], TRIALS);
        assert_true(fabs(chi2[i] - TRIALS) < 4 * sqrt(2.0 * TRIALS));
    }
}

static void only_pixels_used_count(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_sigma mask", 6);
    struct calibration_table t = array_of(&r, 6, none, 0.3);
    uint8_t used[PIXELS] = { [3] = 1, [7] = 1, [9] = 1, [20] = 1 };
    struct energy_sigma four = calibration_sigma_at(&t, used, 500), one = calibration_sigma_of(pixels[3].curve, 500);
    assert_int_equal(four.n_pixels, 4);
    assert_true(fabs(four.sum_eV - hypot(four.common_eV, four.pixel_eV / 2)) < 1e-12);
    assert_true(fabs(one.sum_eV - hypot(one.common_eV, one.pixel_eV)) < 1e-12 && fabs(one.pixel_eV / four.pixel_eV - 1) < 0.1);
    calibration_curve_free(pixels[3].curve);
    pixels[3].curve = NULL;
    assert_int_equal(calibration_sigma_at(&t, used, 500).n_pixels, 3);
    struct energy_sigma nowhere = calibration_sigma_at(&t, (const uint8_t[PIXELS]){ 0 }, 500);
    assert_true(nowhere.n_pixels == 0 && isnan(nowhere.sum_eV) && isnan(calibration_sigma_at(&t, used, 1e5).common_eV));
    array_done();
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(sums_are_off_by_what_is_told), cmocka_unit_test(only_pixels_used_count) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
