#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/height_jump.h"
#include "tests/calib/line_mix.h"

/* Channel 9 and channel 3 of SSRL 10-1, first and second calibration (doc/methods.md, Lines and curves). */
static const double nine[] = {4573.1, 6192.2, 7970.1, 10195.6, 11872.6, 12722.3}, nine_moved[] = {200, 225, 247, 239, 246, 248};
static const double three[] = {3819.2, 5302.6, 6916.8, 8926.4, 10438.6, 11213.3}, three_moved[] = {7, 0, -10, -14, -19, -24};

static double offset_of(const double *old, const double *moved, double *scale, double *error) {
    double now[6];
    for (int i = 0; i < 6; i++)
        now[i] = old[i] + moved[i];
    return height_jump_offset(old, now, 6, 12, scale, error);
}

static void measured_jump_and_measured_drift_differ(void **state) {
    (void)state;
    double scale, error, offset = offset_of(nine, nine_moved, &scale, &error);
    printf("channel 9: offset %.0f(%.0f) units, scale %.4f\n", offset, error, scale);
    assert_true(offset > 150 && offset < 260 && error < 30 && fabs(scale - 1) < 0.007);
    offset = offset_of(three, three_moved, &scale, &error);
    printf("channel 3: offset %.0f(%.0f) units, scale %.4f\n", offset, error, scale);
    assert_true(fabs(offset) < 40);
}

static void pure_offsets_and_pure_gains_are_exact(void **state) {
    (void)state;
    double now[6], scale, error;
    for (int i = 0; i < 6; i++)
        now[i] = nine[i] - 150;
    assert_true(fabs(height_jump_offset(nine, now, 6, 1, &scale, &error) + 150) < 1 && fabs(scale - 1) < 1e-4);
    for (int i = 0; i < 6; i++)
        now[i] = nine[i] * 0.985;
    assert_true(fabs(height_jump_offset(nine, now, 6, 1, &scale, &error)) < 2 && fabs(scale - 0.985) < 2e-4);
}

static void moved_lines_are_found_in_the_new_spectrum(void **state) {
    (void)state;
    struct seeded r = draw_start("height_jump search", 51);
    static const double lines[] = {278.21, 392.25, 524.45, 705.01, 848.85, 926.98};
    for (int t = 0; t < 20; t++) {
        struct mix_pixel p = {.gain = 13, .bend = 1.5e-4, .resolution_eV = 2.5};
        double old[6], jump = 400 * (2 * draw_uniform(&r) - 1);
        for (int i = 0; i < 6; i++)
            old[i] = mix_height(&p, lines[i]);
        p.offset = jump;
        float *h = mix_heights(&p, 1000, &r);
        struct spectrum *s = NULL, *smooth = NULL;
        assert_int_equal(spectrum_new(2000, 5, 2400, &s), STATUS_OK);
        spectrum_fill(s, h, 1000);
        assert_int_equal(spectrum_smooth(s, 50, &smooth), STATUS_OK);
        struct height_move m = height_jump_search(smooth, old, 6, 500);
        assert_true(fabs(m.offset + (m.scale - 1) * 8500 - jump) < 40);
        spectrum_free(s);
        spectrum_free(smooth);
        free(h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_jump_and_measured_drift_differ),
        cmocka_unit_test(pure_offsets_and_pure_gains_are_exact),
        cmocka_unit_test(moved_lines_are_found_in_the_new_spectrum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
