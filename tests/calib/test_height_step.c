#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/height_step.h"
#include "tests/calib/line_mix.h"

enum { PULSES = 1500 };

static const double energies[] = {278.21, 392.25, 524.45, 705.01, 848.85, 926.98};

static struct height_step find(const struct mix_pixel *p, const float *heights, size_t n) {
    double line[6];
    struct height_step s = {.units = NAN};
    for (int i = 0; i < 6; i++)
        line[i] = mix_height(p, energies[i]);
    assert_int_equal(height_step_find(heights, n, line, 6, 40 * p->gain, 3 * p->gain, &s), STATUS_OK);
    return s;
}

static void quiet_pixels_have_no_step(void **state) {
    (void)state;
    struct seeded r = draw_start("height_step quiet", 101);
    for (int k = 0; k < 200; k++) {
        struct mix_pixel p = mix_pixel_random(&r);
        size_t n = k % 2 ? 300 : PULSES;
        float *h = mix_heights(&p, n, &r);
        struct height_step s = find(&p, h, n);
        if (s.index > 0)
            fail_msg("pixel %d: %+.1f units found at %zu of %zu", k, s.units, s.index, n);
        free(h);
    }
}

static void steps_are_found_with_their_size_and_place(void **state) {
    (void)state;
    struct seeded r = draw_start("height_step steps", 102);
    int missed = 0;
    for (int k = 0; k < 60; k++) {
        struct mix_pixel p = mix_pixel_random(&r);
        float *h = mix_heights(&p, PULSES, &r);
        size_t at = (size_t)(PULSES * (0.15 + 0.7 * draw_uniform(&r)));
        double units = (k % 2 ? 1 : -1) * (6 + 20 * draw_uniform(&r)) * p.gain;
        for (size_t i = at; i < PULSES; i++)
            h[i] += (float)units;
        struct height_step s = find(&p, h, PULSES);
        if (s.index == 0) {
            missed++;
        } else {
            assert_true(fabs((double)s.index - (double)at) < PULSES / 16);
            assert_true(s.units * units > 0 && fabs(s.units) > 0.4 * fabs(units) && fabs(s.units) < 1.6 * fabs(units));
        }
        free(h);
    }
    printf("missed %d of 60\n", missed);
    assert_true(missed <= 1);
}

static void what_cannot_be_judged_is_refused(void **state) {
    (void)state;
    float h[300] = {0};
    double line[] = {100, 200};
    struct height_step s = {.units = 5};
    assert_int_equal(height_step_find(h, 199, line, 2, 10, 3, &s), STATUS_TOO_FEW);
    assert_int_equal(height_step_find(h, 300, line, 1, 10, 3, &s), STATUS_TOO_FEW);
    assert_true(s.units > 4);
    assert_int_equal(height_step_find(h, 300, line, 2, 10, 3, &s), STATUS_OK);
    assert_int_equal(s.index, 0);
    for (int i = 0; i < 300; i++)
        h[i] = i % 3 ? NAN : INFINITY;
    assert_int_equal(height_step_find(h, 300, line, 2, 10, 3, &s), STATUS_OK);
    assert_int_equal(s.index, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_pixels_have_no_step),
        cmocka_unit_test(steps_are_found_with_their_size_and_place),
        cmocka_unit_test(what_cannot_be_judged_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
