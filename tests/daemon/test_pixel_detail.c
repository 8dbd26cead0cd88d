#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/pixel_detail.h"

static const struct data_array *array(const struct pixel_detail *d, const char *name) {
    for (unsigned k = 0; k < d->n_arrays; k++)
        if (strcmp(d->arrays[k].name, name) == 0)
            return &d->arrays[k];
    return NULL;
}

static double number(const struct pixel_detail *d, const char *name, unsigned k) { return ((const double *)array(d, name)->data)[k]; }

static void bins(void **state) {
    (void)state;
    assert_int_equal(pixel_detail_bin(100), 0);
    assert_int_equal(pixel_detail_bin(100.5f), 1);
    assert_int_equal(pixel_detail_bin(99.9f), -1);
    assert_int_equal(pixel_detail_bin(1399.9f), DETAIL_BINS - 1);
    assert_int_equal(pixel_detail_bin(1400), -1);
    assert_int_equal(pixel_detail_bin(NAN), -1);
    assert_int_equal(pixel_detail_bin(INFINITY), -1);
}

static void what_is_not_known_is_not_there(void **state) {
    (void)state;
    static struct pixel_detail d;
    static uint32_t spectrum[DETAIL_BINS];
    pixel_detail_set(&d, NULL, NULL, NULL);
    assert_int_equal(d.n_arrays, 0);
    pixel_detail_set(&d, spectrum, NULL, NULL);
    assert_int_equal(d.n_arrays, 2);
    assert_true(array(&d, "counts")->data == spectrum && ((const float *)array(&d, "energy")->data)[1] == 100.75f);
}

/* Gain at the anchors is theirs; the curve runs from below the lowest to above the highest. */
static void the_curve_goes_through_its_anchors(void **state) {
    (void)state;
    const struct curve_anchor anchors[] = { { 1000, 1, 250, 0.1 }, { 2000, 1, 520, 0.1 }, { 3000, 1, 800, 0.1 } };
    static struct pixel_detail d;
    struct calibration_curve *curve;
    assert_int_equal(calibration_curve_new(CURVE_SPLINE, anchors, 3, &curve), STATUS_OK);
    pixel_detail_set(&d, NULL, NULL, curve);
    assert_int_equal(array(&d, "anchor_gain")->shape[0], 3);
    for (unsigned k = 0; k < 3; k++)
        assert_true(fabs(number(&d, "anchor_gain", k) - anchors[k].height / anchors[k].energy_eV) < 1e-12);
    assert_true(number(&d, "curve_energy", 0) < 250 && number(&d, "curve_energy", DETAIL_CURVE - 1) > 800);
    for (unsigned k = 1; k < DETAIL_CURVE; k++)
        assert_true(number(&d, "curve_energy", k) > number(&d, "curve_energy", k - 1));
    calibration_curve_free(curve);
}

/* Noise whose neighbours are alike by r: variance v, power 2 dt v (1 - r^2) / |1 - r e^-iw|^2; its sum over frequencies is the variance. */
static void noise_of_a_known_process(void **state) {
    (void)state;
    const double v = 9, r = 0.8, dt = 4e-6, sigma = sqrt(v * (1 - r * r));
    static struct pixel_detail d;
    struct pixel_pulse p;
    float template_pulse[8] = { 0, 0, 1, 0.5f, 0.2f, 0.1f, 0, 0 };
    struct pixel_model m = { .n_samples = 8, .n_presamples = 2, .sample_period_s = dt, .template_pulse = template_pulse, .second = (struct second_search *)(void *)template_pulse };
    m.whitener[0] = 1 / sigma;
    m.whitener[1] = -r / sigma;
    pixel_pulse_of(&m, &p);
    pixel_detail_set(&d, NULL, &p, NULL);
    assert_int_equal(array(&d, "pulse")->shape[0], 8);
    double sum = 0;
    for (unsigned k = 0; k < PULSE_NOISE; k++) {
        const double w = (double)M_PI * k / (PULSE_NOISE - 1), want = 2 * dt * sigma * sigma / (1 - 2 * r * cos(w) + r * r), got = number(&d, "noise_psd", k);
        assert_true(fabs(got / want - 1) < 1e-12);
        sum += got * (k == 0 || k == PULSE_NOISE - 1 ? 0.5 : 1) * 0.5 / dt / (PULSE_NOISE - 1);
    }
    assert_true(fabs(sum / v - 1) < 1e-6);
    m.second = NULL;   /* no search for second pulses: nothing is known of its noise */
    pixel_pulse_of(&m, &p);
    pixel_detail_set(&d, NULL, &p, NULL);
    assert_null(array(&d, "noise_psd"));
}

/* Without noise records the filter takes noise for white: the variance of the residuals, at all frequencies, and it says so. */
static void noise_that_is_taken_for_white(void **state) {
    (void)state;
    const double dt = 4e-6, sigma = 3;
    static struct pixel_detail d;
    struct pixel_pulse p;
    float template_pulse[8] = { 0, 0, 1, 0.5f, 0.2f, 0.1f, 0, 0 };
    struct pixel_model m = { .n_samples = 8, .n_presamples = 2, .sample_period_s = dt, .template_pulse = template_pulse, .second = (struct second_search *)(void *)template_pulse, .white_noise = true };
    m.whitener[0] = 1 / sigma;
    pixel_pulse_of(&m, &p);
    pixel_detail_set(&d, NULL, &p, NULL);
    for (unsigned k = 0; k < PULSE_NOISE; k++)
        assert_true(fabs(number(&d, "noise_psd", k) / (2 * dt * sigma * sigma) - 1) < 1e-12);
    json_t *keys = pixel_detail_keys(3, &p);
    assert_true(json_is_true(json_object_get(keys, "noise_is_white")) && json_integer_value(json_object_get(keys, "n_presamples")) == 2);
    json_decref(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(bins), cmocka_unit_test(what_is_not_known_is_not_there), cmocka_unit_test(the_curve_goes_through_its_anchors),
                                        cmocka_unit_test(noise_of_a_known_process),
                                        cmocka_unit_test(noise_that_is_taken_for_white) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
