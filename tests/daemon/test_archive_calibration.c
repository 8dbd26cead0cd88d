#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/sink/archive.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_table.h"

enum { PIXELS = 4, ANCHORS = 6, FITS = 9 };

static void read_doubles(hid_t file, const char *name, double *out, hssize_t n) {
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(d);
    assert_true(d >= 0);
    assert_int_equal(H5Sget_simple_extent_npoints(space), n);
    assert_true(H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Sclose(space);
    H5Dclose(d);
}

static void check_curves(hid_t f, const struct calibration_table *t) {
    double heights[PIXELS * ANCHORS], gains[PIXELS * ANCHORS], covariance[PIXELS * ANCHORS * ANCHORS];
    read_doubles(f, "entry/calibration_0002/anchor_height", heights, PIXELS * ANCHORS);
    read_doubles(f, "entry/calibration_0002/anchor_gain", gains, PIXELS * ANCHORS);
    read_doubles(f, "entry/calibration_0002/gain_covariance", covariance, PIXELS * ANCHORS * ANCHORS);
    assert_true(isnan(heights[0]) && isnan(covariance[0]));
    for (int p = 1; p < PIXELS; p++) {
        const struct curve_anchor *anchors;
        assert_int_equal(calibration_curve_anchors(t->pixels[p].curve, &anchors), ANCHORS);
        for (int k = 0; k < ANCHORS; k++) {
            assert_true(fabs(heights[p * ANCHORS + k] - anchors[k].height) <= 0);
            assert_true(fabs(gains[p * ANCHORS + k] - anchors[k].height / anchors[k].energy_eV) <= 0);
        }
        assert_memory_equal(&covariance[p * ANCHORS * ANCHORS], calibration_curve_covariance(t->pixels[p].curve), ANCHORS * ANCHORS * sizeof(double));
    }
}

/* Errors on a grid of energies, the pixel's apart from the table's, and of all pixels added; how peaks could be assigned. */
static void check_doubts(hid_t f, const struct calibration_table *t) {
    enum { GRID = 61, K = PIXELS * MATCH_KEPT };
    double energy[GRID], own[PIXELS * GRID], common[PIXELS * GRID], score[K], heights[K * MATCH_MAX_LINES], energies[K * MATCH_MAX_LINES];
    read_doubles(f, "entry/calibration_0002/sigma_energy_eV", energy, GRID);
    read_doubles(f, "entry/calibration_0002/curve_sigma_eV", own, PIXELS * GRID);
    read_doubles(f, "entry/calibration_0002/curve_common_sigma_eV", common, PIXELS * GRID);
    assert_true(fabs(energy[0] - 0.7 * 277) < 1e-9 && fabs(energy[GRID - 1] - 1.13 * 278) < 1e-9);
    for (int k = 0; k < GRID; k++) {
        assert_true(isnan(own[k]) && isnan(common[k]) && own[GRID + k] > 0);
        for (int p = 1; p < PIXELS; p++) {
            struct curve_value v = calibration_curve_value(t->pixels[p].curve, (float)calibration_curve_height(t->pixels[p].curve, energy[k]));
            assert_true(fabs(own[p * GRID + k] - (double)v.sigma_eV) <= 0 && fabs(common[p * GRID + k] - (double)v.common_sigma_eV) <= 0);
        }
    }
    read_doubles(f, "entry/calibration_0002/assignment_score", score, K);
    read_doubles(f, "entry/calibration_0002/assignment_height", heights, K * MATCH_MAX_LINES);
    read_doubles(f, "entry/calibration_0002/assignment_energy_eV", energies, K * MATCH_MAX_LINES);
    for (int k = 0; k < K; k++) {
        const struct pixel_calibration *p = &t->pixels[k / MATCH_KEPT];
        uint32_t choice = (uint32_t)k % MATCH_KEPT;
        bool there = choice < p->n_choices;
        assert_true(there ? fabs(score[k] - p->choices[choice].score) <= 0 : isnan(score[k]));
        for (size_t l = 0; l < MATCH_MAX_LINES; l++) {
            bool line = there && l < p->choices[choice].n;
            assert_true(line ? fabs(heights[(size_t)k * MATCH_MAX_LINES + l] - p->choices[choice].height[l]) <= 0 : isnan(heights[(size_t)k * MATCH_MAX_LINES + l]));
            assert_true(line ? fabs(energies[(size_t)k * MATCH_MAX_LINES + l] - t->lines[l].energy_eV) <= 0 : isnan(energies[(size_t)k * MATCH_MAX_LINES + l]));
        }
    }
}

static void a_table_is_stored_pixel_by_pixel(void **state) {
    (void)state;
    uint64_t seed = 4;
    struct calibration_table *t = made_table(PIXELS, &seed);
    t->pixels[2].correction.gain[TERM_BASELINE] = -2e-5;
    struct archive *a;
    assert_true(archive_create(in_folder("t.nxs"), false, &a));
    assert_true(archive_calibration(a, t, "learnt"));
    assert_true(archive_finish(a, "t", 0, 0, &(struct archive_process){ .state = "final" }));
    hid_t f = H5Fopen(in_folder("t.nxs"), H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(f >= 0);
    check_curves(f, t);
    check_doubts(f, t);
    double residuals[PIXELS * FITS], slopes[PIXELS], gains[PIXELS * N_CORRECTION_TERMS];
    read_doubles(f, "entry/calibration_0002/line_residual_eV", residuals, PIXELS * FITS);
    read_doubles(f, "entry/calibration_0002/drift_slope", slopes, PIXELS);
    assert_true(isnan(residuals[0]) && isnan(residuals[FITS]) && isnan(residuals[FITS + 3]));
    assert_true(fabs(residuals[3 * FITS + 8] - t->pixels[3].fits[8].residual_eV) <= 0);
    read_doubles(f, "entry/calibration_0002/correction_gain", gains, PIXELS * N_CORRECTION_TERMS);
    assert_true(fabs(slopes[2] + 2e-5) <= 0 && fabs(gains[2 * N_CORRECTION_TERMS + TERM_BASELINE] + 2e-5) <= 0);
    assert_memory_equal(gains + 3 * N_CORRECTION_TERMS, t->pixels[3].correction.gain, sizeof t->pixels[3].correction.gain);
    H5Fclose(f);
    calibration_table_free(t);
}

/* A calibration that found nothing is written too: its verdicts say why. */
static void a_table_without_curves_or_fits_is_stored(void **state) {
    (void)state;
    uint64_t seed = 4;
    struct calibration_table *t = made_table(1, &seed);
    t->reference_pixel = UINT32_MAX;
    struct archive *a;
    assert_true(archive_create(in_folder("t.nxs"), false, &a));
    assert_true(archive_calibration(a, t, "learnt"));
    assert_true(archive_finish(a, "t", 0, 0, &(struct archive_process){ .state = "final" }));
    calibration_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_stored_pixel_by_pixel),
        cmocka_unit_test(a_table_without_curves_or_fits_is_stored),
    };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
