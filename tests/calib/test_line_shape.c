#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cerf.h>
#include <math.h>
#include <string.h>

#include "calib/line_shape.h"

enum { BINS = 60 };
struct result {
    double area[BINS], per_centre[BINS], per_fwhm[BINS];
};

static struct result bins_of(const struct line_shape *s, double fwhm, double centre, double width) {
    struct result r;
    memset(&r, 0, sizeof r);
    line_shape_add_bins(s, fwhm, 1, -0.5 * BINS * width - centre, width, BINS, &(struct shape_bins){r.area, r.per_centre, r.per_fwhm});
    return r;
}

static struct line_shape mixed(void) {
    struct reference_line line = {.name = "A", .energy_eV = 100, .n_components = 3,
                                  .components = {{'G', 100, 0, 0.8, 2}, {'L', 102, 1.0, 0, 1}, {'V', 97, 0.5, 1.0, 1}}};
    struct line_shape s;
    line_shape_init(&s, &line);
    return s;
}

/* 200-point Riemann sum of the sum of Voigt profiles against the bin integrals. */
static void bins_hold_the_integral_of_the_profile(void **state) {
    (void)state;
    struct line_shape s = mixed();
    struct result r = bins_of(&s, 1.5, 0.3, 0.4);
    for (int i = 0; i < BINS; i++) {
        double sum = 0;
        for (int k = 0; k < 200; k++) {
            double x = -12 + 0.4 * (i + (k + 0.5) / 200) - 0.3;
            for (size_t c = 0; c < s.n; c++)
                sum += s.component[c].share * voigt(x - s.component[c].offset_eV, hypot(s.component[c].gauss_fwhm_eV, 1.5) / 2.3548200450309493,
                                                    s.component[c].lorentz_fwhm_eV / 2) * 0.4 / 200;
        }
        assert_true(fabs(r.area[i] - sum) < 2e-6 + 5e-4 * sum);
    }
}

static void derivatives_are_those_of_the_integral(void **state) {
    (void)state;
    struct line_shape s = mixed();
    struct result at = bins_of(&s, 1.5, 0.3, 0.4), right = bins_of(&s, 1.5, 0.3001, 0.4), left = bins_of(&s, 1.5, 0.2999, 0.4);
    struct result wide = bins_of(&s, 1.5001, 0.3, 0.4), narrow = bins_of(&s, 1.4999, 0.3, 0.4);
    for (int i = 0; i < BINS; i++) {
        assert_true(fabs(at.per_centre[i] - (right.area[i] - left.area[i]) / 2e-4) < 1e-4);
        assert_true(fabs(at.per_fwhm[i] - (wide.area[i] - narrow.area[i]) / 2e-4) < 1e-4);
    }
}

static void width_of_known_profiles(void **state) {
    (void)state;
    struct line_shape s;
    line_shape_init(&s, &(struct reference_line){.energy_eV = 100});
    assert_true(s.total_is_gauss && isnan(s.intrinsic_fwhm_eV) && fabs(line_shape_fwhm(&s, 3) - 3) < 1e-9);
    line_shape_init(&s, &(struct reference_line){.energy_eV = 100, .n_components = 1, .components = {{'G', 100, 0, 2.7, 1}}});
    assert_true(s.total_is_gauss && fabs(s.intrinsic_fwhm_eV - 2.7) < 1e-9 && fabs(line_shape_fwhm(&s, 3) - 3) < 1e-9);
    line_shape_init(&s, &(struct reference_line){.energy_eV = 100, .n_components = 1, .components = {{'L', 100, 2, 0, 1}}});
    assert_true(!s.total_is_gauss && fabs(line_shape_fwhm(&s, 1e-3) - 2) < 1e-3);
    double l = 2, g = 1.5, olivero = 0.5346 * l + sqrt(0.2166 * l * l + g * g);
    assert_true(fabs(line_shape_fwhm(&s, g) / olivero - 1) < 1e-3);
    /* two equal lines 10 apart: the width is that of one of them */
    line_shape_init(&s, &(struct reference_line){.energy_eV = 100, .n_components = 2, .components = {{'G', 95, 0, 1, 1}, {'G', 105, 0, 1, 1}}});
    assert_true(fabs(line_shape_fwhm(&s, 1) - sqrt(2)) < 2e-3);
}

/* A Gaussian with an exponential tail has a closed form: exp(x/t + s^2/2t^2) erfc((x/s + s/t)/sqrt 2) / 2t. */
static void a_tail_is_the_convolution_with_an_exponential(void **state) {
    (void)state;
    struct line_shape s;
    line_shape_init(&s, &(struct reference_line){.energy_eV = 100});
    s.tail = (struct line_tail){0.3, 1.7};
    double sigma = 2.0 / 2.3548200450309493, t = 1.7, worst = 0, width = 0.3;
    struct result r = bins_of(&s, 2.0, 0.3, width);
    for (int i = 0; i < BINS; i++) {
        double sum = 0;
        for (int k = 0; k < 200; k++) {
            double x = width * (i - BINS / 2 + (k + 0.5) / 200) - 0.3;
            double tail = exp(x / t + sigma * sigma / (2 * t * t)) * erfc((x / sigma + sigma / t) / sqrt(2)) / (2 * t);
            sum += (0.7 * voigt(x, sigma, 0) + 0.3 * tail) * width / 200;
        }
        worst = fmax(worst, fabs(r.area[i] - sum));
    }
    assert_true(worst < 3e-4);
    struct result right = bins_of(&s, 2.0, 0.3001, width), left = bins_of(&s, 2.0, 0.2999, width), wide = bins_of(&s, 2.0001, 0.3, width), narrow = bins_of(&s, 1.9999, 0.3, width);
    for (int i = 0; i < BINS; i++) {
        assert_true(fabs(r.per_centre[i] - (right.area[i] - left.area[i]) / 2e-4) < 1e-4);
        assert_true(fabs(r.per_fwhm[i] - (wide.area[i] - narrow.area[i]) / 2e-4) < 1e-4);
    }
}

static void a_line_may_get_a_width_of_its_own(void **state) {
    (void)state;
    struct line_shape s, voigt_line = mixed();
    line_shape_init(&s, &(struct reference_line){.energy_eV = 100, .n_components = 1, .components = {{'G', 100, 0, 2.7, 1}}});
    line_shape_separate(&s, 4);
    assert_true(!s.total_is_gauss && fabs(line_shape_fwhm(&s, 3) - 5) < 1e-9 && fabs(s.intrinsic_fwhm_eV - 4) < 1e-12);
    double was = line_shape_fwhm(&voigt_line, 2);
    line_shape_separate(&voigt_line, 4);
    assert_true(fabs(line_shape_fwhm(&voigt_line, 2) - was) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_hold_the_integral_of_the_profile),
        cmocka_unit_test(derivatives_are_those_of_the_integral),
        cmocka_unit_test(width_of_known_profiles),
        cmocka_unit_test(a_tail_is_the_convolution_with_an_exponential),
        cmocka_unit_test(a_line_may_get_a_width_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
