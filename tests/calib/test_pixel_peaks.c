#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/pixel_peaks.h"
#include "tests/calib/line_mix.h"

static void the_strong_lines_are_listed(void **state) {
    (void)state;
    struct seeded r = draw_start("pixel_peaks", 131);
    struct mix_pixel p = {.gain = 12, .bend = 1.5e-4, .resolution_eV = 2};
    float *h = mix_heights(&p, 4000, &r);
    struct pixel_calibration c;
    assert_int_equal(pixel_peaks_list(&(struct calibration_heights){.heights = h, .n = 4000}, &c), STATUS_OK);
    assert_int_equal(c.verdict, VERDICT_NO_TABLE);
    assert_null(c.curve);
    assert_true(c.n_fits >= 7);
    for (uint32_t k = 1; k < c.n_fits; k++)
        assert_true(c.fits[k].counts <= c.fits[k - 1].counts && !c.fits[k].used && isnan(c.fits[k].energy_eV));
    static const double strong[] = {278.21, 392.25, 524.45, 705.01, 848.85, 926.98, 1000};
    for (size_t i = 0; i < 7; i++) {
        double nearest = INFINITY;
        for (uint32_t k = 0; k < c.n_fits; k++)
            nearest = fmin(nearest, fabs(c.fits[k].height - mix_height(&p, strong[i])));
        assert_true(nearest < 3 * p.gain);
    }
    assert_non_null(strstr(c.reason, "no line table"));
    free(h);
}

static void few_or_odd_heights_end_well(void **state) {
    (void)state;
    struct pixel_calibration c;
    float h[400];
    for (int i = 0; i < 400; i++)
        h[i] = i % 2 ? 1e30f : 1e-30f;
    assert_int_equal(pixel_peaks_list(&(struct calibration_heights){.heights = h, .n = 150}, &c), STATUS_OK);
    assert_int_equal(c.verdict, VERDICT_BAD);
    assert_non_null(strstr(c.reason, "too few pulses (150"));
    assert_int_equal(pixel_peaks_list(&(struct calibration_heights){.heights = h, .n = 400}, &c), STATUS_OK);
    for (int i = 0; i < 400; i++)
        h[i] = NAN;
    assert_int_equal(pixel_peaks_list(&(struct calibration_heights){.heights = h, .n = 400}, &c), STATUS_OK);
    assert_int_equal(c.n_fits, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_strong_lines_are_listed), cmocka_unit_test(few_or_odd_heights_end_well)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
