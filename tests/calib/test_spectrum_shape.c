#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/spectrum_shape.h"
#include "tests/calib/line_mix.h"

enum { PIXELS = 12 };

static double *energies(const struct mix_pixel *p, size_t n, double factor, struct seeded *r) {
    double *e = malloc(n * sizeof *e);
    for (size_t i = 0; i < n;) {
        double energy = mix_energy(p, r);
        if (energy > 0)
            e[i++] = factor * energy;
    }
    return e;
}

static void a_pixel_unlike_the_others_stands_out(void **state) {
    (void)state;
    struct seeded r = draw_start("spectrum_shape", 111);
    struct spectrum_shapes *s;
    assert_int_equal(spectrum_shapes_new(250, 1060, 1, PIXELS + 1, &s), STATUS_OK);
    for (uint32_t i = 0; i < PIXELS; i++) {
        struct mix_pixel p = mix_pixel_random(&r);
        p.without = i == 1 ? "CK" : NULL;
        double *e = energies(&p, i == 2 ? 300 : 3000, i == 0 ? 1.05 : 1, &r);
        e[5] = NAN;
        assert_int_equal(spectrum_shapes_add(s, i, e, i == 2 ? 300 : 3000), STATUS_OK);
        free(e);
    }
    assert_int_equal(spectrum_shapes_finish(s), STATUS_OK);
    for (uint32_t i = 0; i < PIXELS; i++)
        printf("%.3f ", spectrum_shapes_distance(s, i, i == 1 ? 350 : 250));
    printf("\n");
    assert_true(spectrum_shapes_distance(s, 0, 250) > 0.4);
    assert_true(spectrum_shapes_distance(s, 1, 250) > 0.1);   /* no carbon */
    for (uint32_t i = 1; i < PIXELS; i++)
        assert_true(spectrum_shapes_distance(s, i, i == 1 ? 350 : 250) < 0.1);
    assert_true(isnan(spectrum_shapes_distance(s, PIXELS, 250)));   /* not added */
    assert_true(isnan(spectrum_shapes_distance(s, 3, 5000)));
    spectrum_shapes_free(s);
}

static void few_pixels_have_no_median(void **state) {
    (void)state;
    struct spectrum_shapes *s = NULL;
    double e[3] = {300, 400, 500};
    assert_int_equal(spectrum_shapes_new(300, 200, 1, 3, &s), STATUS_BAD_VALUE);
    assert_int_equal(spectrum_shapes_new(300, NAN, 1, 3, &s), STATUS_BAD_VALUE);
    assert_null(s);
    assert_int_equal(spectrum_shapes_new(200, 600, 1, 8, &s), STATUS_OK);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(spectrum_shapes_add(s, i, e, 3), STATUS_OK);
    assert_int_equal(spectrum_shapes_finish(s), STATUS_TOO_FEW);
    spectrum_shapes_free(s);
    spectrum_shapes_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_pixel_unlike_the_others_stands_out), cmocka_unit_test(few_pixels_have_no_median)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
