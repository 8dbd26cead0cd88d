/* A pixel whose gains are off is brought to the array's lines, with errors that are true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "calib/gain_match.h"
#include "tests/calib/draw.h"

enum { ARRAY_PHOTONS = 300000, PIXEL_PHOTONS = 1500, CELLS = 2, TERMS = 4, PIXELS = 60 };
enum { STEP, SLOPE, NOTHING, CURVE };
static const double sigma_eV = 0.6;
static const double truth[TERMS] = { 4e-4, -3e-4, 0, 2e-4 };

/* Cell 0 has three lines, cell 1 two and a continuum: of what lies before the step, and behind it. */
static double drawn(struct seeded *r, size_t cell) {
    static const double lines[CELLS][3] = { { 277, 525, 930 }, { 640, 780, 0 } };
    const double line = lines[cell][(size_t)(3 * draw_uniform(r))];
    return (line > 0 ? line : 500 + 300 * draw_uniform(r)) + sigma_eV * draw_normal(r);
}

static struct array_spectra *array(struct seeded *r) {
    struct array_spectra *s;
    assert_int_equal(array_spectra_new(200, 1000, 0.6, CELLS, &s), STATUS_OK);
    for (size_t i = 0; i < ARRAY_PHOTONS; i++)
        array_spectra_add(s, i % CELLS, drawn(r, i % CELLS));
    assert_int_equal(array_spectra_settle(s), STATUS_OK);
    return s;
}

static void points_new(struct gain_match_points *p) {
    *p = (struct gain_match_points){ .n = PIXEL_PHOTONS, .n_terms = TERMS };
    p->energy_eV = malloc(PIXEL_PHOTONS * sizeof *p->energy_eV);
    p->slope = calloc(PIXEL_PHOTONS * TERMS, sizeof *p->slope);
    p->cell = malloc(PIXEL_PHOTONS * sizeof *p->cell);
    assert_true(p->energy_eV != NULL && p->slope != NULL && p->cell != NULL);
}

static void points_free(struct gain_match_points *p) {
    free(p->energy_eV);
    free(p->slope);
    free(p->cell);
}

/* Every photon is where it is not yet corrected. A step that lies between the cells: no cell has photons of both sides. */
static void draw_pixel(struct seeded *r, struct gain_match_points *p) {
    for (size_t i = 0; i < p->n; i++) {
        const size_t cell = i % CELLS;
        const double energy = drawn(r, cell), wander = draw_normal(r) + (cell == 1 ? 0.7 : 0);
        double *row = p->slope + i * TERMS;
        row[STEP] = cell == 1 ? energy : 0;
        row[SLOPE] = energy * wander;
        row[CURVE] = energy;
        p->cell[i] = (uint16_t)cell;
        p->energy_eV[i] = energy;
        for (unsigned k = 0; k < TERMS; k++)
            p->energy_eV[i] -= truth[k] * row[k];
    }
}

static void gains_are_found_with_true_errors(void **state) {
    (void)state;
    struct seeded r = draw_start("gains_are_found_with_true_errors", 13);
    struct array_spectra *s = array(&r);
    struct gain_match_points p;
    double mean[TERMS] = { 0 }, pull[TERMS] = { 0 }, sigma[TERMS] = { 0 };
    points_new(&p);
    for (int trial = 0; trial < PIXELS; trial++) {
        double found[TERMS] = { 0 }, covariance[TERMS * TERMS];
        draw_pixel(&r, &p);
        assert_int_equal(gain_match_climb(s, &p, found), STATUS_OK);
        assert_int_equal(gain_match_covariance(s, &p, found, covariance), STATUS_OK);
        assert_true(found[NOTHING] == 0 && covariance[NOTHING * TERMS + NOTHING] >= 0);
        for (unsigned k = 0; k < TERMS; k++) {
            const double error = found[k] - truth[k], of = sqrt(covariance[k * TERMS + k]);
            mean[k] += error / PIXELS;
            sigma[k] += of / PIXELS;
            pull[k] += k == NOTHING ? 0 : error * error / (of * of) / PIXELS;
        }
    }
    for (unsigned k = 0; k < TERMS; k++)
        print_message("term %u: %.1e, off by %.1e in the mean, sigma %.1e, pull %.2f\n", k, truth[k], mean[k], sigma[k], sqrt(pull[k]));
    for (unsigned k = 0; k < TERMS; k++)
        if (k != NOTHING) {
            assert_true(fabs(mean[k]) < 4 * sigma[k] / sqrt(PIXELS));
            assert_true(sqrt(pull[k]) > 0.75 && sqrt(pull[k]) < 1.3);
            assert_true(sigma[k] < 1e-4);
        }
    points_free(&p);
    array_spectra_free(s);
}

static void photons_that_tell_nothing_change_nothing(void **state) {
    (void)state;
    struct array_spectra *s;
    struct gain_match_points p;
    struct seeded r = draw_start("photons_that_tell_nothing_change_nothing", 14);
    double found[TERMS] = { 1, 2, 3, 4 }, covariance[TERMS * TERMS];
    points_new(&p);
    draw_pixel(&r, &p);
    assert_int_equal(array_spectra_new(200, 1000, 0.6, CELLS, &s), STATUS_OK);   /* nobody's */
    assert_int_equal(array_spectra_settle(s), STATUS_OK);
    assert_int_equal(gain_match_climb(s, &p, found), STATUS_NOT_POSITIVE);
    assert_int_equal(gain_match_covariance(s, &p, found, covariance), STATUS_NOT_POSITIVE);
    assert_true(found[0] == 1 && found[3] == 4);
    points_free(&p);
    array_spectra_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(gains_are_found_with_true_errors), cmocka_unit_test(photons_that_tell_nothing_change_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
