#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/calibration_form.h"
#include "tests/calib/line_mix.h"

enum { PIXELS = 12, PULSES = 5000 };

/* The same pixels by each form of the curve: median over pixels of |error| at energies between the anchors. */
static double middle_error(const struct calibration_table *t, const struct mix_pixel *pixel) {
    double sum = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < t->n_pixels; i++)
        for (double e = 300; e < 950 && t->pixels[i].curve; e += 50) {
            sum += fabs((double)calibration_curve_value(t->pixels[i].curve, (float)mix_height(&pixel[i], e)).energy_eV - e);
            n++;
        }
    return sum / (double)n;
}

static void every_form_calibrates(void **state) {
    (void)state;
    struct seeded r = draw_start("calibration_form", 61);
    struct line_table *lines = mix_table();
    struct mix_pixel pixel[PIXELS];
    struct calibration_heights h[PIXELS];
    struct calibration_table *t = NULL;
    double loo[N_CURVE_FORMS], error[N_CURVE_FORMS];
    for (int i = 0; i < PIXELS; i++) {
        pixel[i] = mix_pixel_random(&r);
        h[i] = (struct calibration_heights){.heights = mix_heights(&pixel[i], PULSES, &r), .n = PULSES};
    }
    assert_int_equal(calibration_table_learn(lines, 1000, h, PIXELS, NULL, &t, NULL), STATUS_OK);
    for (int form = N_CURVE_FORMS - 1; form >= 0; form--) {   /* ends with the spline: back again */
        enum curve_form named;
        assert_true(calibration_form_named(curve_form_names[form], &named) && (int)named == form);
        assert_int_equal(calibration_form_set(t, named), STATUS_OK);
        assert_int_equal(t->form, named);
        size_t n = 0;
        for (int i = 0; i < PIXELS; i++) {
            assert_non_null(t->pixels[i].curve);
            assert_int_equal(calibration_curve_form(t->pixels[i].curve), named);
            n += t->pixels[i].rank > 0;
        }
        assert_int_equal(n, PIXELS);
        error[form] = middle_error(t, pixel);
        loo[form] = t->lines[2].residual_eV;
        printf("%-9s mean |error| %.3f eV, leave-one-out of %s in the typical pixel %+.2f eV\n", curve_form_names[form], error[form], t->lines[2].line, loo[form]);
        assert_true(error[form] < 0.5);
    }
    assert_true(fabs(loo[CURVE_QUADRATIC] - loo[CURVE_SPLINE]) > 1e-3);
    assert_true(error[CURVE_SMOOTHING] < 1.05 * error[CURVE_SPLINE]);   /* the detector is smooth: what it takes away is noise */
    calibration_table_free(t);
    line_table_free(lines);
    for (int i = 0; i < PIXELS; i++)
        free((void *)(uintptr_t)h[i].heights);
}

static void names(void **state) {
    (void)state;
    enum curve_form form;
    assert_false(calibration_form_named("cubic", &form));
    assert_false(calibration_form_named("", &form));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_form_calibrates), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
