#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/table_fault.h"
#include "tests/calib/line_mix.h"

enum { PIXELS = 30, LINES = 6 };

static const double energies[LINES] = {278.21, 392.25, 524.45, 705.01, 848.85, 926.98};

/* Heights at the true energies with an error of `noise` eV each. */
static void draw_heights(double *height, double noise, struct seeded *r) {
    for (int p = 0; p < PIXELS; p++) {
        struct mix_pixel pixel = mix_pixel_random(r);
        for (int k = 0; k < LINES; k++)
            height[p * LINES + k] = mix_height(&pixel, energies[k] + noise * draw_normal(r));
    }
}

static void the_wrong_line_is_named(void **state) {
    (void)state;
    struct seeded r = draw_start("table_fault", 121);
    double height[PIXELS * LINES], energy[LINES];
    struct table_fault f;
    for (int k = 0; k < LINES; k++)
        for (double wrong = -4; wrong <= 4; wrong += 2) {
            draw_heights(height, 0.3, &r);
            memcpy(energy, energies, sizeof energy);
            energy[k] += wrong;
            enum status status = table_fault_find(height, PIXELS, energy, LINES, 1.2, &f);
            assert_int_equal(status, fabs(wrong) > 1 ? STATUS_OK : STATUS_NOT_FOUND);
            if (status != STATUS_OK)
                continue;
            assert_int_equal(f.line, k);
            assert_true(fabs(f.fault_eV - wrong) < 5 * f.sigma_eV + 0.1);
            assert_true(f.sigma_eV > 0 && f.sigma_eV < 0.6);
        }
}

static void pixels_own_errors_are_no_fault(void **state) {
    (void)state;
    struct seeded r = draw_start("table_fault none", 122);
    double height[PIXELS * LINES];
    struct table_fault f;
    for (int t = 0; t < 50; t++) {
        draw_heights(height, 2, &r);
        assert_int_equal(table_fault_find(height, PIXELS, energies, LINES, 1.2, &f), STATUS_NOT_FOUND);
    }
    assert_int_equal(table_fault_find(height, PIXELS, energies, 5, 1.2, &f), STATUS_TOO_FEW);
    assert_int_equal(table_fault_find(height, 2, energies, LINES, 1.2, &f), STATUS_TOO_FEW);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_wrong_line_is_named), cmocka_unit_test(pixels_own_errors_are_no_fault)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
