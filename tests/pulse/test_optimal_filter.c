/* What the filter promises: blind to a constant, gain 1, arrival found, noise as predicted, better than white. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"
#include "pulse/optimal_filter.h"
#include "tests/pulse/synthetic.h"

enum { N = 250, P = 64, HEIGHT = 5000 };

struct fixture { double shape[N], covariance[N], weights[N], variance; struct optimal_filter *filter; };

static void make_shape(double late, double *shape) {
    for (int k = 0; k < N; k++)
        shape[k] = synthetic_shape(k - P - late);
    double peak = 0;
    for (int k = 0; k < N; k++)
        peak = fmax(peak, shape[k]);
    for (int k = 0; k < N; k++)
        shape[k] /= peak;
}

static void set_up(struct fixture *f, bool white, const struct dot_kernel *kernel) {
    make_shape(0, f->shape);
    for (unsigned j = 0; j < N; j++)
        f->covariance[j] = synthetic_covariance(j) + (j == 0 ? 1.0 / 12 : 0);
    assert_int_equal(optimal_filter_design(f->shape, N, white ? NULL : f->covariance, f->weights, &f->variance), STATUS_OK);
    assert_int_equal(optimal_filter_new(f->weights, N - 4, kernel, &f->filter), STATUS_OK);
}

static struct lag_parabola apply(const struct fixture *f, const uint16_t *d) {
    return optimal_filter_apply(f->filter, d, d[0]);
}

static void test_gain_and_blindness(void **state) {
    (void)state;
    for (size_t v = 0; dot_kernel_at(v); v++)
        for (int white = 0; white < 2; white++) {
            struct fixture f;
            set_up(&f, white, dot_kernel_at(v));
            double sum = 0;
            for (int k = 0; k < N - 4; k++)
                sum += f.weights[k];
            assert_true(fabs(sum) < 1e-12);
            assert_true(fabs(optimal_filter_on_template(f.weights, N - 4, f.shape).height - 1) < 1e-12);
            for (unsigned level = 0; level <= 60000; level += 20000) {
                uint16_t d[N];
                for (int k = 0; k < N; k++)
                    d[k] = (uint16_t)(level + rint(HEIGHT * f.shape[k]));
                double height = apply(&f, d).height;
                assert_true(fabs(height - HEIGHT) < 0.2);
                for (int k = 0; k < N; k++)
                    d[k] = (uint16_t)level;
                assert_true(fabs(optimal_filter_apply(f.filter, d, 0).height) < 0.01);
            }
            optimal_filter_free(f.filter);
        }
}

static void test_arrival(void **state) {
    (void)state;
    struct fixture f;
    set_up(&f, false, NULL);
    double before = -INFINITY;
    for (double late = -1.5; late <= 1.5; late += 0.1) {
        double shape[N];
        uint16_t d[N];
        make_shape(late, shape);
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)(3000 + rint(HEIGHT * shape[k]));
        struct lag_parabola p = apply(&f, d);
        assert_true(p.peaked && p.arrival_samples > before);
        assert_true(fabs(late) > 1 || fabs(p.arrival_samples - late) < 0.15);
        assert_true(fabs(p.height / HEIGHT - 1) < 0.01);
        before = p.arrival_samples;
    }
    optimal_filter_free(f.filter);
}

/* sd of heights of pulses at one arrival, at the lag of the template itself: the parabola adds its own small share. */
static double measured_sd(struct synthetic *s, const struct fixture *f, int records) {
    double sum = 0, squares = 0;
    for (int i = 0; i < records; i++) {
        uint16_t d[N];
        synthetic_record(s, d, N, P, 8000, HEIGHT, 0);
        double height = apply(f, d).height;
        sum += height;
        squares += height * height;
    }
    double mean = sum / records;
    return sqrt(squares / records - mean * mean);
}

static void test_noise_is_as_predicted(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(14);
    struct fixture best, white;
    set_up(&best, false, NULL);
    set_up(&white, true, NULL);
    double sd_best = measured_sd(&s, &best, 4000), sd_white = measured_sd(&s, &white, 4000);
    double promise_white = sqrt(linear_toeplitz_form(best.covariance, white.weights, N - 4));
    print_message("sd / prediction: %.3f, white filter %.3f, white / best %.3f\n", sd_best / sqrt(best.variance), sd_white / promise_white, sd_white / sd_best);
    assert_true(fabs(sd_best / sqrt(best.variance) - 1) < 0.06);
    assert_true(fabs(sd_white / promise_white - 1) < 0.06);
    assert_true(sd_white > 1.02 * sd_best);
    assert_true(fabs(optimal_filter_resolving_power(HEIGHT, best.variance) - HEIGHT / (2.3548 * sqrt(best.variance))) < 0.1);
    optimal_filter_free(best.filter);
    optimal_filter_free(white.filter);
}

/* Any other zero-sum filter of gain 1 is noisier. */
static void test_it_is_the_best(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(15);
    struct fixture f;
    set_up(&f, false, NULL);
    double at_zero = 0;
    for (int k = 0; k < N - 4; k++)
        at_zero += f.weights[k] * f.shape[k + 2];
    for (int trial = 0; trial < 20; trial++) {
        double other[N], gain = 0, mean = 0;
        for (int k = 0; k < N - 4; k++) {
            other[k] = f.weights[k] + 1e-4 * synthetic_gauss(&s);
            mean += other[k] / (N - 4);
        }
        for (int k = 0; k < N - 4; k++)
            gain += (other[k] - mean) * f.shape[k + 2];
        for (int k = 0; k < N - 4; k++)
            other[k] = (other[k] - mean) / gain * at_zero;
        assert_true(linear_toeplitz_form(f.covariance, other, N - 4) > f.variance);
    }
    optimal_filter_free(f.filter);
}

/* A covariance that is positive for zero-sum filters only gives the same filter as one that is positive for all. */
static void test_constant_in_the_covariance_is_free(void **state) {
    (void)state;
    struct fixture f;
    double lowered[N], weights[N], variance;
    set_up(&f, false, NULL);
    for (int j = 0; j < N; j++)
        lowered[j] = f.covariance[j] - 3;
    double rhs[N] = { 1 }, x[N];
    assert_int_equal(linear_toeplitz(lowered, N - 4, rhs, 1, x), STATUS_NOT_POSITIVE);
    assert_int_equal(optimal_filter_design(f.shape, N, lowered, weights, &variance), STATUS_OK);
    for (int k = 0; k < N - 4; k++)
        assert_true(fabs(weights[k] - f.weights[k]) < 1e-9);
    assert_true(fabs(variance / f.variance - 1) < 1e-9);
    optimal_filter_free(f.filter);
}

/* Pulses of which the record holds less and less: heights stay what the prediction says they are. */
static void test_pulses_longer_than_the_record(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(35);
    for (double speed = 0.4; speed > 0.1; speed -= 0.1) {
        double shape[N], weights[N], variance, peak = 0, sum = 0, squares = 0;
        struct optimal_filter *filter;
        for (int k = 0; k < N; k++) {
            shape[k] = synthetic_shape(speed * (k - P));
            peak = fmax(peak, shape[k]);
        }
        for (int k = 0; k < N; k++)
            shape[k] /= peak;
        assert_int_equal(optimal_filter_design(shape, N, NULL, weights, &variance), STATUS_OK);
        assert_int_equal(optimal_filter_new(weights, N - 4, NULL, &filter), STATUS_OK);
        for (int i = 0; i < 2000; i++) {
            uint16_t d[N];
            for (int k = 0; k < N; k++)
                d[k] = (uint16_t)rint(3000 + HEIGHT * shape[k] + 10 * synthetic_gauss(&s));
            double height = optimal_filter_apply(filter, d, d[0]).height;
            sum += height / 2000;
            squares += height * height / 2000;
        }
        double arrival = optimal_filter_on_template(weights, N - 4, shape).arrival_samples, ratio = sqrt((squares - sum * sum) / (100 * variance));
        print_message("speed %.1f: template at %.2f, height %.1f, sd / prediction %.3f\n", speed, arrival, sum, ratio);
        assert_true(fabs(arrival) < 1 && fabs(sum - HEIGHT) < 2 && fabs(ratio - 1) < 0.07);
        optimal_filter_free(filter);
    }
}

static void test_refusals(void **state) {
    (void)state;
    double shape[N] = { 0 }, covariance[N] = { 1, 2, 1 }, weights[N], variance = -7;
    struct optimal_filter *filter = NULL;
    assert_int_equal(optimal_filter_design(shape, N, NULL, weights, &variance), STATUS_BAD_VALUE);
    make_shape(0, shape);
    assert_int_equal(optimal_filter_design(shape, N, covariance, weights, &variance), STATUS_NOT_POSITIVE);
    assert_int_equal(optimal_filter_design(shape, 12, NULL, weights, &variance), STATUS_BAD_VALUE);
    assert_int_equal(optimal_filter_new(shape, 3, NULL, &filter), STATUS_BAD_VALUE);
    assert_true(variance == -7);
    assert_null(filter);
    optimal_filter_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gain_and_blindness), cmocka_unit_test(test_arrival), cmocka_unit_test(test_noise_is_as_predicted),
        cmocka_unit_test(test_it_is_the_best), cmocka_unit_test(test_constant_in_the_covariance_is_free), cmocka_unit_test(test_pulses_longer_than_the_record),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
