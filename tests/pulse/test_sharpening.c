#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/sharpening.h"
#include "tests/pulse/synthetic.h"

enum { N = 3000, TERMS = 2 };
static const double sigma = 2;

struct made { double height[N], slope[N * TERMS]; size_t ends[2]; };

/* Two groups with lines in different places; slopes without a mean. `moved`: coefficients that are to be found again, with the other sign. */
static struct sharpening_points make(struct synthetic *s, struct made *m, const double moved[TERMS]) {
    for (size_t i = 0; i < N; i++) {
        double line = i < N / 2 ? 200 + 50.0 * (double)(i % 3) : 230 + 61.0 * (double)(i % 2);
        m->height[i] = (i % 6 == 5 ? 150 + 250 * synthetic_uniform(s) : line) + sigma * synthetic_gauss(s);
        for (int k = 0; k < TERMS; k++) {
            m->slope[i * TERMS + (size_t)k] = synthetic_gauss(s);
            m->height[i] -= moved[k] * m->slope[i * TERMS + (size_t)k];
        }
    }
    m->ends[0] = N / 2;
    m->ends[1] = N;
    return (struct sharpening_points){ .n = N, .n_groups = 2, .n_terms = TERMS, .sigma = sigma, .height = m->height, .slope = m->slope, .group_end = m->ends,
                                       .limit = { 30, 30 } };
}

static void coefficients_are_found_within_their_errors(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(61);
    static struct made m;
    static const double moved[][TERMS] = { { 0, 0 }, { 1.5, -0.7 }, { 9, 4 } };
    for (size_t trial = 0; trial < sizeof moved / sizeof *moved; trial++) {
        struct sharpening_points p = make(&s, &m, moved[trial]);
        struct density *d;
        double c[TERMS] = { 0 }, covariance[TERMS * TERMS], none[TERMS] = { 0 };
        assert_int_equal(density_new(&p, &d), STATUS_OK);
        double before = sharpening_entropy(d, &p, none);
        sharpening_climb(d, &p, INFINITY, c);
        assert_int_equal(sharpening_covariance(d, &p, c, covariance), STATUS_OK);
        print_message("wanted %g %g, found %.3f %.3f, sigma %.3f; entropy %.3f -> %.3f\n", moved[trial][0], moved[trial][1], c[0], c[1], sqrt(covariance[0]), before,
                      sharpening_entropy(d, &p, c));
        for (int k = 0; k < TERMS; k++)
            assert_true(fabs(c[k] - moved[trial][k]) < 4.5 * sqrt(covariance[k * TERMS + k]));
        assert_true(sqrt(covariance[0]) < 0.1 && sqrt(covariance[0]) > 0.02);
        density_free(d);
    }
}

/* The gradient is that of the logarithm of a Gaussian line, -z/sigma^2 widened by the kernel, near its middle. */
static void the_gradient_is_that_of_the_line(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(62);
    static double height[20000], psi[20000];
    size_t end = 20000;
    for (size_t i = 0; i < end; i++)
        height[i] = 500 + sigma * synthetic_gauss(&s);
    struct sharpening_points p = { .n = end, .n_groups = 1, .sigma = sigma, .height = height, .group_end = &end };
    struct density *d;
    assert_int_equal(density_new(&p, &d), STATUS_OK);
    sharpening_gradient(d, &p, NULL, psi);
    for (size_t i = 0; i < end; i++)
        if (fabs(height[i] - 500) < 1.5 * sigma)
            assert_true(fabs(psi[i] + (height[i] - 500) / (2 * sigma * sigma)) < 0.04);
    density_free(d);
}

static void limits_hold_and_scans_find_the_right_valley(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(63);
    static struct made m;
    struct sharpening_points p = make(&s, &m, (const double[]){ 25, 0 });
    struct density *d;
    double c[TERMS] = { 0 };
    assert_int_equal(density_new(&p, &d), STATUS_OK);
    sharpening_scan(d, &p, 0, c);
    assert_true(fabs(c[0] - 25) < 4 && c[1] == 0);
    p.limit[0] = 5;
    c[0] = 0;
    sharpening_climb(d, &p, INFINITY, c);
    assert_true(fabs(c[0]) <= 5);
    density_free(d);
}

/* No points, one point, equal points, points further apart than the histogram has bins. */
static void odd_spectra_are_no_trouble(void **state) {
    (void)state;
    double few[] = { 5, 5, 1e12 }, slope[] = { 1, -1, 1e9 }, c[1] = { 0 };
    for (size_t n = 0; n <= 3; n++) {
        struct sharpening_points p = { .n = n, .n_groups = n > 0, .n_terms = 1, .sigma = 1e-3, .height = few, .slope = slope, .group_end = &n, .limit = { 1 } };
        struct density *d;
        assert_int_equal(density_new(&p, &d), STATUS_OK);
        sharpening_climb(d, &p, INFINITY, c);
        assert_true(isfinite(sharpening_entropy(d, &p, c)) && fabs(c[0]) <= 1);
        density_free(d);
    }
    density_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coefficients_are_found_within_their_errors), cmocka_unit_test(the_gradient_is_that_of_the_line),
        cmocka_unit_test(limits_hold_and_scans_find_the_right_valley), cmocka_unit_test(odd_spectra_are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
