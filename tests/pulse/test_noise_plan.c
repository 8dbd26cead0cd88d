/* The transforms against their definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/noise_plan.h"
#include "tests/pulse/synthetic.h"

enum { N = 30 };

static void transform_slowly(const double *x, int n, int f, double out[2]) {
    out[0] = out[1] = 0;
    for (int k = 0; k < n; k++) {
        out[0] += x[k] * cos(2 * M_PI * f * k / n);
        out[1] -= x[k] * sin(2 * M_PI * f * k / n);
    }
}

static void compare(const double *x, int n, const double *spectrum) {
    for (int f = 0; f <= n / 2; f++) {
        double want[2];
        transform_slowly(x, n, f, want);
        assert_true(fabs(spectrum[2 * f] - want[0]) < 1e-10 && fabs(spectrum[2 * f + 1] - want[1]) < 1e-10);
    }
}

static void test_transforms(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(8);
    struct noise_plan *plan;
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(noise_plan_n_samples(plan), N);
    double *x = noise_plan_buffer(2 * N), *back = noise_plan_buffer(2 * N), *spectrum = noise_plan_buffer(2 * (N + 1));
    assert_true(x && back && spectrum);
    for (int k = 0; k < 2 * N; k++)
        x[k] = synthetic_gauss(&s);
    noise_plan_record(plan, x, spectrum);
    compare(x, N, spectrum);
    noise_plan_forward(plan, x, spectrum);
    compare(x, 2 * N, spectrum);
    noise_plan_backward(plan, spectrum, back);
    for (int k = 0; k < 2 * N; k++)
        assert_true(fabs(back[k] / (2 * N) - x[k]) < 1e-12);
    noise_plan_release(x);
    noise_plan_release(back);
    noise_plan_release(spectrum);
    noise_plan_free(plan);
}

static void test_lengths_refused(void **state) {
    (void)state;
    struct noise_plan *plan = NULL;
    assert_int_equal(noise_plan_new(0, &plan), STATUS_BAD_VALUE);
    assert_int_equal(noise_plan_new(UINT32_MAX, &plan), STATUS_BAD_VALUE);
    assert_null(plan);
    noise_plan_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_transforms), cmocka_unit_test(test_lengths_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
