/* Heights from coefficients, against the same filter run over the samples that the coefficients stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/pixel_model.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 64, BASES = 4 };

static const struct off_header header = { .n_bases = BASES, .n_samples = N, .n_presamples = P, .frame_period_s = 1e-5 };

/* Columns: constant, derivative, pulse, a slower pulse. */
static void make_basis(double *basis) {
    for (int k = 0; k < N; k++) {
        double t = k - P;
        basis[k * BASES] = 1;
        basis[k * BASES + 1] = synthetic_shape(t - 0.5) - synthetic_shape(t + 0.5);
        basis[k * BASES + 2] = synthetic_shape(t);
        basis[k * BASES + 3] = synthetic_shape(t / 3);
    }
}

static struct pixel_model *make_model(double *basis) {
    struct pixel_model *m;
    make_basis(basis);
    assert_int_equal(pixel_model_from_off(&header, P, basis, &m), STATUS_OK);
    return m;
}

/* Matched filter, zero before the trigger less 3 and of zero sum, over the samples themselves. */
static double height_from_samples(const double *basis, const double *d) {
    double q[N - 4], mean = 0, lags[LAGS] = { 0 }, gain[LAGS] = { 0 };
    for (int k = 0; k < N - 4; k++) {
        q[k] = k + 2 < P - 3 ? 0 : basis[(k + 2) * BASES + 2];
        mean += q[k] / (N - 4);
    }
    for (int i = 0; i < LAGS; i++)
        for (int k = 0; k < N - 4; k++) {
            lags[i] += (q[k] - mean) * d[k + i];
            gain[i] += (q[k] - mean) * basis[(k + i) * BASES + 2];
        }
    return lag_parabola_fit(lags).height / lag_parabola_fit(gain).height;
}

static void test_same_as_over_samples(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(24);
    double basis[N * BASES];
    struct pixel_model *m = make_model(basis);
    for (int trial = 0; trial < 50; trial++) {
        struct off_record r = { .n_samples = N, .n_presamples = P, .coefficients = { 5000, 0, 3000, 0 } };
        double d[N] = { 0 };
        r.coefficients[1] = (float)(1500 * (synthetic_uniform(&s) - 0.5));
        r.coefficients[3] = (float)(50 * synthetic_gauss(&s));
        for (int k = 0; k < N; k++)
            for (int j = 0; j < BASES; j++)
                d[k] += r.coefficients[j] * basis[k * BASES + j];
        struct measured_pulse p;
        pixel_model_measure_off(m, &r, &p);
        assert_true(fabs(p.height - height_from_samples(basis, d)) < 0.01);
        assert_int_equal(p.cuts, 0);
        assert_true((p.arrival_samples > 0) == (r.coefficients[1] > 0) || fabsf(r.coefficients[1]) < 500);
    }
    pixel_model_free(m);
}

static void test_gain(void **state) {
    (void)state;
    double basis[N * BASES];
    struct pixel_model *m = make_model(basis);
    struct off_record r = { .n_samples = N, .coefficients = { 123456, 0, 4000, 0 }, .pretrigger_mean = 1100 };
    struct measured_pulse p;
    pixel_model_measure_off(m, &r, &p);
    assert_true(fabsf(p.height - 4000) < 0.01F);
    pixel_model_free(m);
}

static void test_time_is_floored(void **state) {
    (void)state;
    double basis[N * BASES];
    struct pixel_model *m = make_model(basis);
    const int64_t times[][2] = { { 1999, 1000 }, { 2000, 2000 }, { -1, -1000 }, { -1000, -1000 }, { -1001, -2000 }, { 0, 0 } };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct off_record r = { .n_samples = N, .time_ns = times[i][0], .frame = 77 };
        struct measured_pulse p;
        pixel_model_measure_off(m, &r, &p);
        assert_int_equal(p.time_ns, times[i][1]);
        assert_int_equal(p.frame, 77);
    }
    pixel_model_free(m);
}

static void test_cuts(void **state) {
    (void)state;
    double basis[N * BASES];
    struct pixel_model *m = make_model(basis);
    struct off_record r = { .n_samples = N, .coefficients = { 0, 0, 4000, 0 }, .residual_sd = 20 };
    struct measured_pulse p;
    m->n_slices = 2;
    m->slice_width = 2000;
    m->slice_limit[0] = 10;
    m->slice_limit[1] = 20.5;
    pixel_model_measure_off(m, &r, &p);
    assert_int_equal(p.cuts, 0);
    r.residual_sd = 20.5F;
    pixel_model_measure_off(m, &r, &p);
    assert_int_equal(p.cuts, CUT_BIT(CUT_RESIDUAL));
    r.residual_sd = 1;
    r.coefficients[2] = 150;
    pixel_model_measure_off(m, &r, &p);
    assert_int_equal(p.cuts, CUT_BIT(CUT_RESIDUAL));
    r.coefficients[2] = -4000;  /* opens upwards */
    pixel_model_measure_off(m, &r, &p);
    assert_int_equal(p.cuts, CUT_BIT(CUT_RESIDUAL) | CUT_BIT(CUT_PEAK_TIME));
    assert_true(isfinite(p.height) && isnan(p.arrival_samples));
    r.coefficients[2] = NAN;
    r.n_samples = N - 1;
    pixel_model_measure_off(m, &r, &p);
    assert_int_equal(p.cuts, CUT_BIT(CUT_SHORT) | CUT_BIT(CUT_RESIDUAL) | CUT_BIT(CUT_PEAK_TIME));
    pixel_model_free(m);
}

/* Limits are those of the smallest slice centre that is not below the value. */
static void test_slices(void **state) {
    (void)state;
    static const struct { float pulse, limit; } cases[] = { { 500, 10 }, { 1000, 10 }, { 1000.5F, 20 }, { 3000, 20 }, { 4000, 30 }, { 1e9F, 30 } };
    double basis[N * BASES];
    struct pixel_model *m = make_model(basis);
    m->n_slices = 3;
    m->slice_width = 2000;
    for (int k = 0; k < 3; k++)
        m->slice_limit[k] = 10 * (k + 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int over = 0; over < 2; over++) {
            struct off_record r = { .n_samples = N, .coefficients = { 0, 0, cases[i].pulse, 0 }, .residual_sd = cases[i].limit - (over ? 0 : 0.1F) };
            struct measured_pulse p;
            pixel_model_measure_off(m, &r, &p);
            assert_int_equal((p.cuts & CUT_BIT(CUT_RESIDUAL)) != 0, over);
        }
    pixel_model_free(m);
}

static void test_useless_bases_are_refused(void **state) {
    (void)state;
    double basis[N * BASES] = { 0 };
    struct pixel_model *m = NULL;
    struct off_header h = header;
    assert_int_equal(pixel_model_from_off(&h, P, basis, &m), STATUS_BAD_VALUE);
    make_basis(basis);
    assert_int_equal(pixel_model_from_off(&h, N, basis, &m), STATUS_BAD_VALUE);
    assert_int_equal(pixel_model_from_off(&h, 0, basis, &m), STATUS_BAD_VALUE);
    h.n_bases = 2;
    assert_int_equal(pixel_model_from_off(&h, P, basis, &m), STATUS_BAD_VALUE);
    assert_null(m);
}

/* Of another basis, or with the trigger elsewhere, its heights would be others. */
static void test_of_its_basis(void **state) {
    (void)state;
    double basis[N * BASES];
    struct pixel_model *m = make_model(basis), *again = make_model(basis);
    assert_true(pixel_model_is_of_basis(m, &header, P, basis) && pixel_model_same_basis(m, again));
    assert_false(pixel_model_is_of_basis(m, &header, P + 1, basis));
    struct off_header fewer = header;
    fewer.n_bases--;
    assert_false(pixel_model_is_of_basis(m, &fewer, P, basis));
    basis[(P + 9) * BASES + 3] += 1e-3;   /* in a column that only adds to heights */
    assert_false(pixel_model_is_of_basis(m, &header, P, basis));
    pixel_model_free(again);
    assert_int_equal(pixel_model_from_off(&header, P, basis, &again), STATUS_OK);
    assert_false(pixel_model_same_basis(m, again));
    pixel_model_free(again);
    pixel_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_its_basis), cmocka_unit_test(test_same_as_over_samples), cmocka_unit_test(test_gain), cmocka_unit_test(test_time_is_floored),
        cmocka_unit_test(test_cuts), cmocka_unit_test(test_slices),
        cmocka_unit_test(test_useless_bases_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
