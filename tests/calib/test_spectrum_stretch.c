#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/spectrum_stretch.h"
#include "tests/calib/line_mix.h"

static const double lines[] = {278.21, 392.25, 524.45, 705.01, 848.85, 926.98};

/* Gains spread by a factor 2 either way, 300 pulses per pixel: every line lands within the 17 eV in which its maximum is
 * looked for (doc/methods.md, Lines and curves). */
static void lines_land_in_their_search_range_with_300_pulses(void **state) {
    (void)state;
    struct seeded r = draw_start("spectrum_stretch", 31);
    struct mix_pixel reference = {.gain = 13, .bend = 1.5e-4, .resolution_eV = 2.5};
    float *h = mix_heights(&reference, 3000, &r);
    struct stretch_reference *s = NULL;
    assert_int_equal(stretch_reference_new(h, 3000, &s), STATUS_OK);
    double worst = 0, square = 0;
    for (int t = 0; t < 60; t++) {
        struct mix_pixel p = mix_pixel_random(&r);
        p.gain = 13 * exp(log(2) * (2 * draw_uniform(&r) - 1));
        float *v = mix_heights(&p, 300, &r);
        struct stretch found;
        assert_int_equal(stretch_find(s, v, 300, &found), STATUS_OK);
        for (int i = 0; i < 6; i++) {
            double off = stretch_map(&found, mix_height(&reference, lines[i])) - mix_height(&p, lines[i]);
            double eV = off / (mix_height(&p, lines[i] + 1) - mix_height(&p, lines[i]));
            worst = fmax(worst, fabs(eV));
            square += eV * eV;
        }
        free(v);
    }
    printf("worst line %.1f eV, rms %.1f eV from where it was stretched to\n", worst, sqrt(square / 360));
    assert_true(worst < 17 && sqrt(square / 360) < 6);
    stretch_reference_free(s);
    free(h);
}

static void same_spectrum_is_not_stretched(void **state) {
    (void)state;
    struct seeded r = draw_start("spectrum_stretch same", 32);
    struct mix_pixel p = {.gain = 13, .bend = 1.5e-4, .resolution_eV = 2.5};
    float *h = mix_heights(&p, 3000, &r);
    struct stretch_reference *s = NULL;
    struct stretch found;
    assert_int_equal(stretch_reference_new(h, 3000, &s), STATUS_OK);
    assert_int_equal(stretch_find(s, h, 3000, &found), STATUS_OK);
    assert_true(fabs(found.s - 1) < 0.003 && fabs(found.q) < 0.01);
    stretch_reference_free(s);
    free(h);
}

static void too_little_is_refused(void **state) {
    (void)state;
    float h[200];
    for (int i = 0; i < 200; i++)
        h[i] = (float)(1000 + 10 * i);
    struct stretch_reference *s = NULL;
    struct stretch found;
    assert_int_equal(stretch_reference_new(h, 50, &s), STATUS_TOO_FEW);
    assert_int_equal(stretch_reference_new(h, 200, &s), STATUS_OK);
    assert_int_equal(stretch_find(s, h, 5, &found), STATUS_TOO_FEW);
    float same[100];
    for (int i = 0; i < 100; i++)
        same[i] = 1000;
    assert_int_equal(stretch_find(s, same, 100, &found), STATUS_TOO_FEW);
    stretch_reference_free(s);
    assert_int_equal(stretch_reference_new(same, 100, &s), STATUS_TOO_FEW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_land_in_their_search_range_with_300_pulses),
        cmocka_unit_test(same_spectrum_is_not_stretched),
        cmocka_unit_test(too_little_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
