#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "calib/peak_find.h"

static struct spectrum *from(const double *counts, size_t n) {
    struct spectrum *s = NULL;
    assert_int_equal(spectrum_new(0, 1, n, &s), STATUS_OK);
    for (size_t i = 0; i < n; i++)
        spectrum_add(s, (double)i + 0.5, counts[i]);
    return s;
}

static void maxima_are_ranked_by_prominence_not_height(void **state) {
    (void)state;
    /* a ripple on top of a high plateau is less of a peak than a lower line that stands alone */
    const double counts[] = {0, 0, 50, 90, 95, 90, 92, 60, 0, 0, 30, 70, 30, 0, 0};
    struct spectrum *s = from(counts, 15);
    struct peak p[8];
    assert_int_equal(peak_find(s, p, 8), 3);
    assert_true(fabs(p[0].at - 11.5) < 1e-9 && fabs(p[0].prominence - 70) < 1e-9);
    assert_true(fmin(p[1].at, p[2].at) > 4 && fmin(p[1].at, p[2].at) < 5 && fmax(p[1].at, p[2].at) > 5.9 && fmax(p[1].at, p[2].at) < 7);
    assert_int_equal(peak_find(s, p, 1), 1);
    assert_true(fabs(p[0].at - 11.5) < 1e-9);
    assert_true(peak_find_highest(s, 8, 15, &p[0]) && fabs(p[0].at - 11.5) < 1e-9);
    assert_true(peak_find_highest(s, 0, 15, &p[0]) && p[0].at < 7);
    assert_false(peak_find_highest(s, 12.1, 15, &p[0]));
    assert_false(peak_find_highest(s, -100, -50, &p[0]));
    assert_false(peak_find_highest(s, 50, 100, &p[0]));
    spectrum_free(s);
}

static void top_is_the_vertex_of_a_parabola(void **state) {
    (void)state;
    double counts[41];
    for (int i = 0; i < 41; i++)
        counts[i] = 100 - (i + 0.5 - 20.3) * (i + 0.5 - 20.3) * 0.1;
    struct spectrum *s = from(counts, 41);
    struct peak p;
    assert_int_equal(peak_find(s, &p, 1), 1);
    assert_true(fabs(p.at - 20.3) < 1e-9 && fabs(p.value - 100) < 1e-9);
    spectrum_free(s);
}

static void flat_rising_and_tiny_spectra_have_no_peak(void **state) {
    (void)state;
    const double flat[10] = {0}, rising[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, two[2] = {1, 0};
    struct peak p;
    struct spectrum *s = from(flat, 10), *r = from(rising, 10), *t = from(two, 2);
    assert_int_equal(peak_find(s, &p, 1) + peak_find(r, &p, 1) + peak_find(t, &p, 1), 0);
    assert_false(peak_find_highest(s, 0, 10, &p) || peak_find_highest(r, 0, 10, &p) || peak_find_highest(t, 0, 10, &p));
    spectrum_free(s);
    spectrum_free(r);
    spectrum_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maxima_are_ranked_by_prominence_not_height),
        cmocka_unit_test(top_is_the_vertex_of_a_parabola),
        cmocka_unit_test(flat_rising_and_tiny_spectra_have_no_peak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
