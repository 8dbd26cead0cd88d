/* The density of a line is known, and what is not known pulls nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "calib/array_spectra.h"
#include "tests/calib/draw.h"

enum { PHOTONS = 200000 };
static const double line_eV = 525, sigma_eV = 0.6, kernel_eV = 0.4;

/* Of a Gaussian that is smoothed by another: psi = (line - E) / (both variances); its square, smoothed once more, is that of the mean and the kernel's variance. */
static void a_line_pulls_to_its_middle(void **state) {
    (void)state;
    struct seeded r = draw_start("a_line_pulls_to_its_middle", 11);
    struct array_spectra *s;
    const double variance = sigma_eV * sigma_eV + kernel_eV * kernel_eV;
    assert_int_equal(array_spectra_new(500, 600, kernel_eV, 3, &s), STATUS_OK);
    for (size_t i = 0; i < PHOTONS; i++)
        array_spectra_add(s, 1, line_eV + sigma_eV * draw_normal(&r));
    array_spectra_add(s, 2, 700);
    array_spectra_add(s, 2, NAN);
    assert_int_equal(array_spectra_settle(s), STATUS_OK);
    for (double off = -1.2; off <= 1.21; off += 0.3) {
        const struct array_pull p = array_spectra_pull(s, 1, line_eV + off);
        assert_true(fabs(p.psi + off / variance) < 0.05);
        assert_true(fabs(p.weight - (off * off + kernel_eV * kernel_eV) / (variance * variance)) < 0.15);
    }
    for (size_t cell = 0; cell < 3; cell += 2) {
        const struct array_pull p = array_spectra_pull(s, cell, line_eV + 0.5);
        assert_true(p.psi == 0 && p.weight == 0);
    }
    const double outside[] = { 499, 601, NAN, INFINITY, -INFINITY };
    for (size_t k = 0; k < sizeof outside / sizeof outside[0]; k++)
        assert_true(array_spectra_pull(s, 1, outside[k]).psi == 0 && array_spectra_pull(s, 1, outside[k]).weight == 0);
    array_spectra_clear(s);
    assert_int_equal(array_spectra_settle(s), STATUS_OK);
    assert_true(array_spectra_pull(s, 1, line_eV + 0.5).psi == 0);
    array_spectra_free(s);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    struct array_spectra *s;
    assert_int_equal(array_spectra_new(0, 100, 0, 1, &s), STATUS_BAD_VALUE);
    assert_int_equal(array_spectra_new(0, 100, NAN, 1, &s), STATUS_BAD_VALUE);
    assert_int_equal(array_spectra_new(100, 100, 1, 1, &s), STATUS_BAD_VALUE);
    assert_int_equal(array_spectra_new(0, NAN, 1, 1, &s), STATUS_BAD_VALUE);
    assert_int_equal(array_spectra_new(0, 100, 1, 0, &s), STATUS_BAD_VALUE);
    array_spectra_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_line_pulls_to_its_middle), cmocka_unit_test(nonsense_is_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
