/* Measuring with a model put together by hand, as one read back from a file is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/cut_limits.h"
#include "pulse/optimal_filter.h"
#include "pulse/pixel_model.h"
#include "pulse/pulse_shape.h"
#include "tests/pulse/synthetic.h"

enum { N = 250, P = 64 };

static struct pixel_model *make_model(void) {
    struct pixel_model *m = calloc(1, sizeof *m);
    double shape[N], weights[N], variance;
    assert_non_null(m);
    *m = (struct pixel_model){ .n_samples = N, .n_presamples = P, .limits = cut_limits_open() };
    for (int k = 0; k < N; k++)
        shape[k] = synthetic_shape(k - P);
    assert_int_equal(optimal_filter_design(shape, N, NULL, weights, &variance), STATUS_OK);
    assert_int_equal(optimal_filter_new(weights, N - 4, NULL, &m->filter), STATUS_OK);
    assert_int_equal(pulse_shape_from_template(shape, N, P, 1000, &m->shape), STATUS_OK);
    return m;
}

static struct measured_pulse measure(const struct pixel_model *m, const uint16_t *d, uint32_t n, uint32_t p) {
    struct pulse_record r = { .samples = d, .n_samples = n, .n_presamples = p, .trigger_time_ns = -1000, .trigger_frame = 3 };
    struct measured_pulse out;
    memset(&out, 0xff, sizeof out);
    pixel_model_measure(m, &r, &out);
    assert_true(out.time_ns == -1000 && out.frame == 3);
    return out;
}

static void test_other_lengths_are_short(void **state) {
    (void)state;
    struct pixel_model *m = make_model();
    uint16_t d[N + 1] = { 0 };
    for (int i = 0; i < 3; i++) {
        struct measured_pulse p = measure(m, d, i == 0 ? N - 1 : i == 1 ? N + 1 : N, i == 2 ? P + 1 : P);
        assert_int_equal(p.cuts, CUT_BIT(CUT_SHORT));
        assert_true(isnan(p.height) && isnan(p.arrival_samples) && isnan(p.residual));
    }
    pixel_model_free(m);
}

/* The residual is the noise of a record that fits, and is blind to height and arrival. */
static void test_residual(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(30);
    struct pixel_model *m = make_model();
    double noise = sqrt(synthetic_covariance(0) + 1.0 / 12), worst = 0;
    for (int i = 0; i < 200; i++) {
        uint16_t d[N];
        synthetic_record(&s, d, N, P, 20000, 500 + 10 * i, 0);
        struct measured_pulse p = measure(m, d, N, P);
        assert_int_equal(p.cuts, 0);
        worst = fmax(worst, p.residual / noise);
    }
    print_message("largest residual / noise %.2f\n", worst);
    assert_true(worst < 2);
    m->limits.residual_max = (float)(2 * noise);
    uint16_t odd[N];
    synthetic_record(&s, odd, N, P, 20000, 3000, 0);
    for (int k = P; k < N; k++)
        odd[k] = (uint16_t)(odd[k] + 300 * synthetic_shape(0.5 * (k - P)));
    struct measured_pulse p = measure(m, odd, N, P);
    assert_int_equal(p.cuts, CUT_BIT(CUT_RESIDUAL));
    pixel_model_free(m);
}

/* No bytes whatever may do more than be cut. */
static void test_any_samples(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(32);
    struct pixel_model *m = make_model();
    m->limits = (struct cut_limits){ 8, 30, P, P + 20, 40, 30 };
    for (int i = 0; i < 2000; i++) {
        uint16_t d[N];
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)(i % 4 == 0 ? 0 : i % 4 == 1 ? 65535 : i % 4 == 2 ? synthetic_bits(&s) : (uint64_t)(k > i % N) * 65535);
        struct measured_pulse p = measure(m, d, N, P);
        assert_true(p.cuts != 0 && isfinite(p.height));
    }
    pixel_model_free(m);
    pixel_model_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_lengths_are_short), cmocka_unit_test(test_residual), 
        cmocka_unit_test(test_any_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
