/* Noise of known covariance in, its covariance out; bad records and gaps survived. Agreement with mass is in tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"
#include "pulse/noise_model.h"
#include "tests/pulse/synthetic.h"

enum { N = 128, RECORDS = 1200 };

/* One stream cut into records; frames say whether they touch. */
static void make_noise(struct synthetic *s, struct record_store *store, uint32_t gap) {
    record_store_init(store, STORE_FIRST, N, N / 4, RECORDS);
    for (int64_t i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        synthetic_record(s, d, N, N / 4, 6000, 0, 0);
        for (uint32_t k = 0; k < gap; k++)
            (void)synthetic_noise(s);
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = N / 4, .trigger_frame = i * (N + gap) };
        assert_int_equal(record_store_add(store, &r), STATUS_OK);
    }
}

/* A pulse in record i and its tail in the next. */
static void add_pulse(struct record_store *store, uint32_t i) {
    for (uint32_t k = 0; k < 2 * N; k++)
        store->samples[i * N + k] = (uint16_t)(store->samples[i * N + k] + 3000 * synthetic_shape((double)k - 40));
}

static double worst_error(const double *covariance) {
    double worst = 0;
    for (unsigned j = 0; j < N; j++)
        worst = fmax(worst, fabs(covariance[j] - synthetic_covariance(j) - (j == 0 ? 1.0 / 12 : 0)));
    return worst / synthetic_covariance(0);
}

static bool positive(const double *covariance) {
    double b[N] = { 1 }, x[N];
    return linear_toeplitz(covariance, N, b, 1, x) == STATUS_OK;
}

static void stream_is_right(struct synthetic *s, uint32_t gap, bool pulses) {
    struct record_store store;
    struct noise_plan *plan;
    bool good[RECORDS];
    double covariance[N], sd;
    make_noise(s, &store, gap);
    if (pulses)
        for (uint32_t i = 100; i < RECORDS - 1; i += 200)
            add_pulse(&store, i);
    uint32_t kept = noise_model_select(&store, good, &sd);
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(noise_model_covariance(plan, &store, good, NOISE_STREAM, covariance), STATUS_OK);
    print_message("gap %u, pulses %d: %u of %u kept, sd %.2f, error %.1f %% of R[0]\n", gap, pulses, kept, RECORDS, sd, 100 * worst_error(covariance));
    assert_true(worst_error(covariance) < (gap ? 0.1 : 0.05));  /* lags across records have far more products */
    assert_true(kept > RECORDS - 60);
    for (uint32_t i = 100; pulses && i < RECORDS - 1; i += 200)
        assert_false(good[i]);
    if (gap == 0)
        assert_true(positive(covariance));
    noise_plan_free(plan);
    record_store_done(&store);
}

static void test_stream(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(10);
    stream_is_right(&s, 0, false);
    stream_is_right(&s, 0, true);
    stream_is_right(&s, 77, false);
}

/* Mean removal per record takes out more than noise: the reason why the stream estimator is the one in use. */
static void test_biased_is_too_small(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(11);
    struct record_store store;
    struct noise_plan *plan;
    bool good[RECORDS];
    double stream[N], biased[N], unbiased[N];
    make_noise(&s, &store, 0);
    assert_int_equal(noise_model_select_excursion(&store, 1000, good), RECORDS);
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(noise_model_covariance(plan, &store, good, NOISE_STREAM, stream), STATUS_OK);
    assert_int_equal(noise_model_covariance(plan, &store, good, NOISE_BIASED, biased), STATUS_OK);
    assert_int_equal(noise_model_covariance(plan, &store, good, NOISE_UNBIASED, unbiased), STATUS_OK);
    assert_true(positive(biased));
    assert_true(worst_error(stream) < worst_error(biased) && worst_error(stream) < worst_error(unbiased));
    for (uint32_t j = 0; j < N; j++)
        assert_true(fabs(biased[j] - unbiased[j] * (N - j) / N) < 1e-9);
    noise_plan_free(plan);
    record_store_done(&store);
}

static void test_white_spectrum(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(12);
    struct record_store store;
    struct noise_plan *plan;
    bool good[RECORDS];
    double density[N / 2 + 1];
    make_noise(&s, &store, 0);
    for (uint32_t i = 0; i < RECORDS * N; i++)
        store.samples[i] = (uint16_t)(6000.5 + 10 * synthetic_gauss(&s));
    noise_model_select_excursion(&store, 1000, good);
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    for (int hann = 0; hann < 2; hann++) {
        assert_int_equal(noise_model_spectrum(plan, &store, good, hann, 1e-5, density), STATUS_OK);
        for (uint32_t f = 2; f < N / 2; f++)
            assert_true(fabs(density[f] / (2 * 100 * 1e-5) - 1) < 0.25);
    }
    noise_plan_free(plan);
    record_store_done(&store);
}

static void test_too_little(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(13);
    struct record_store store;
    struct noise_plan *plan, *other;
    bool good[RECORDS] = { false };
    double covariance[N];
    make_noise(&s, &store, 0);
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(noise_plan_new(N + 1, &other), STATUS_OK);
    assert_int_equal(noise_model_covariance(plan, &store, good, NOISE_STREAM, covariance), STATUS_TOO_FEW);
    assert_int_equal(noise_model_covariance(plan, &store, good, NOISE_LONG_CHUNK, covariance), STATUS_TOO_FEW);
    assert_int_equal(noise_model_spectrum(plan, &store, good, true, 1e-5, covariance), STATUS_TOO_FEW);
    assert_int_equal(noise_model_covariance(other, &store, good, NOISE_STREAM, covariance), STATUS_BAD_VALUE);
    noise_plan_free(plan);
    noise_plan_free(other);
    record_store_done(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream), cmocka_unit_test(test_biased_is_too_small), cmocka_unit_test(test_white_spectrum),
        cmocka_unit_test(test_too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
