/* A height to which a gain x the pretrigger's mean is added has the variance that is told, whatever the gain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/offset_noise.h"
#include "pulse/optimal_filter.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 100, MEAN = P - 3, WEIGHTS = N - 4, TRIALS = 6000, LEVEL = 7000, HEIGHT = 2000 };

struct scene { double covariance[N], weights[WEIGHTS], variance, arrival; struct optimal_filter *filter; struct offset_noise noise; };

static void make(struct scene *x) {
    double template_pulse[N];
    for (unsigned k = 0; k < N; k++) {
        template_pulse[k] = synthetic_shape((double)k - P);
        x->covariance[k] = synthetic_covariance(k) + (k == 0 ? 1. / 12 : 0);
    }
    assert_int_equal(optimal_filter_design(template_pulse, N, x->covariance, x->weights, &x->variance), STATUS_OK);
    x->arrival = optimal_filter_on_template(x->weights, WEIGHTS, template_pulse).arrival_samples;
    assert_int_equal(optimal_filter_new(x->weights, WEIGHTS, NULL, &x->filter), STATUS_OK);
    assert_int_equal(offset_noise_of(x->weights, WEIGHTS, x->arrival, MEAN, x->covariance, &x->noise), STATUS_OK);
}

static double mean_of(const uint16_t *d) {
    double sum = 0;
    for (int k = 0; k < MEAN; k++)
        sum += d[k];
    return sum / MEAN;
}

static void noise_is_as_promised(void **state) {
    (void)state;
    struct scene x;
    struct synthetic s = synthetic_seed(419);
    double hh = 0, oo = 0, ho = 0;
    make(&x);
    for (int i = 0; i < TRIALS; i++) {
        uint16_t d[N];
        synthetic_record(&s, d, N, P, LEVEL, HEIGHT, 0);
        double h = optimal_filter_apply(x.filter, d, LEVEL).height - HEIGHT, o = mean_of(d) - LEVEL;
        hh += h * h / TRIALS, oo += o * o / TRIALS, ho += h * o / TRIALS;
    }
    print_message("variance of the mean %.3f (%.3f), covariance with the height %.3f (%.3f)\n", oo, x.noise.variance, ho, x.noise.covariance);
    assert_true(fabs(oo / x.noise.variance - 1) < 0.1 && fabs(ho - x.noise.covariance) < 5 * sqrt(hh * oo / TRIALS));
    assert_true(fabs(x.noise.covariance) > 10 * sqrt(hh * oo / TRIALS));   /* or the test could not tell */
    double best = -x.noise.covariance / x.noise.variance;
    for (double share = -1; share <= 3; share += 0.5) {
        double gain = share * best, seen = hh + 2 * gain * ho + gain * gain * oo, told = offset_noise_after(&x.noise, x.variance, gain);
        assert_true(fabs(seen / told - 1) < 0.1);
        assert_true(offset_noise_after(&x.noise, x.variance, best) <= told);
    }
    struct offset_noise half = { x.noise.variance, NAN };
    assert_true(fabs(offset_noise_after(&half, x.variance, best) / offset_noise_after(&x.noise, x.variance, best) - 1) < 1e-9);
    optimal_filter_free(x.filter);
}

/* Against the double sum, for means of every length. */
static void sums_are_those_of_the_matrix(void **state) {
    (void)state;
    struct scene x;
    double row[N];
    make(&x);
    optimal_filter_row_at(x.weights, WEIGHTS, x.arrival, row);
    for (uint32_t n_mean = 1; n_mean <= N; n_mean += n_mean < 4 ? 1 : 36) {
        struct offset_noise o;
        double variance = 0, covariance = 0;
        assert_int_equal(offset_noise_of(x.weights, WEIGHTS, x.arrival, n_mean, x.covariance, &o), STATUS_OK);
        for (uint32_t k = 0; k < n_mean; k++)
            for (uint32_t i = 0; i < N; i++) {
                double t = x.covariance[i > k ? i - k : k - i] / n_mean;
                variance += i < n_mean ? t / n_mean : 0;
                covariance += row[i] * t;
            }
        assert_true(fabs(o.variance / variance - 1) < 1e-9 && fabs(o.covariance - covariance) < 1e-9 * x.covariance[0]);
    }
    struct offset_noise untouched = { 1, 2 };
    assert_int_equal(offset_noise_of(x.weights, WEIGHTS, x.arrival, 0, x.covariance, &untouched), STATUS_BAD_VALUE);
    assert_int_equal(offset_noise_of(x.weights, WEIGHTS, x.arrival, N + 1, x.covariance, &untouched), STATUS_BAD_VALUE);
    assert_true(untouched.variance == 1 && untouched.covariance == 2);
    optimal_filter_free(x.filter);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(noise_is_as_promised), cmocka_unit_test(sums_are_those_of_the_matrix) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
