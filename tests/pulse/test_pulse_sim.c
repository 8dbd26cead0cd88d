#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/pulse_sim.h"
#include "tests/pulse/drawn_pixel.h"

enum { N = 512 };

static const struct pulse_train nobody[2] = {{NULL, 0}, {NULL, 0}};

static struct pulse_stream *stream_of(const struct pixel_sim *p, struct pulse_train train, const struct pulse_train neighbours[2],
                                      const struct disturbance *faults, size_t n_faults) {
    struct random_stream random;
    random_stream_init(&random, test_seed(), 0, 1);
    struct pulse_stream *s = NULL;
    assert_int_equal(pulse_stream_new(p, train, neighbours, faults, n_faults, &random, N, &s), STATUS_OK);
    return s;
}

/* Many pulses in and around the records, so that tails, pile-up and saturation all count: the fast way is the slow one to rounding. */
static void test_samples_are_the_signal(void **state) {
    (void)state;
    const struct pixel_sim p = quiet_pixel(3);
    struct deposit d[60];
    struct random_stream r;
    random_stream_init(&r, test_seed(), 0, 2);
    double at = 0;
    for (int i = 0; i < 60; i++)
        d[i] = (struct deposit){at += 300 * random_stream_exponential(&r), random_stream_between(&r, 0.1, 1.2)};
    const struct pulse_train train = {d, 60};
    struct pulse_stream *s = stream_of(&p, train, nobody, NULL, 0);
    uint16_t x[N];
    for (int64_t first = 17; first < (int64_t)at; first += 300) {
        pulse_stream_read(s, first, x);
        for (int k = 0; k < N; k += 7)
            assert_true(fabs(x[k] - p.baseline_counts - pulse_sim_signal(&p, train, (double)(first + k))) < 0.51);
    }
    pulse_stream_free(s);
}

static void test_shared_samples_are_the_same(void **state) {
    (void)state;
    const struct pixel_sim p = drawn_pixel(5, PIXEL_GOOD);
    const struct deposit d[] = {{700.3, 0.5}, {900.8, 0.9}};
    static const int64_t starts[] = {0, 1, 400, 400, 700, 1212, 1724, 9000};
    struct pulse_stream *s = stream_of(&p, (struct pulse_train){d, 2}, nobody, NULL, 0);
    uint16_t last[N], x[N];
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        pulse_stream_read(s, starts[i], x);
        const int64_t shift = i == 0 ? N : starts[i] - starts[i - 1];
        if (shift < N)
            assert_memory_equal(x, last + shift, (size_t)(N - shift) * sizeof *x);
        memcpy(last, x, sizeof x);
    }
    pulse_stream_free(s);
}

/* Energy-dependent shape: the same pulse at three times the energy is not three times as high, and its tail is less compressed. */
static void test_pulses_saturate(void **state) {
    (void)state;
    const struct pixel_sim p = quiet_pixel(0);
    double low[N], high[N];
    pulse_sim_shape(&p, 0.3, 10.5, low, N);
    pulse_sim_shape(&p, 0.9, 10.5, high, N);
    double top_low = 0, top_high = 0;
    for (int k = 0; k < N; k++) {
        top_low = fmax(top_low, low[k]);
        top_high = fmax(top_high, high[k]);
    }
    assert_true(low[10] == 0 && low[11] > 0);
    assert_true(top_high / top_low > 2.5 && top_high / top_low < 2.92);
    assert_true(high[250] / low[250] > top_high / top_low);
    const struct deposit both[] = {{100, 0.5}, {110, 0.5}};
    const double sum = pulse_sim_signal(&p, (struct pulse_train){both, 1}, 130) + pulse_sim_signal(&p, (struct pulse_train){both + 1, 1}, 130);
    assert_true(pulse_sim_signal(&p, (struct pulse_train){both, 2}, 130) < 0.98 * sum);
}

static void test_crosstalk_faults_and_range(void **state) {
    (void)state;
    struct pixel_sim p = quiet_pixel(2);
    p.crosstalk = 0.01;
    const struct deposit far = {50.2, 0.8};
    const struct pulse_train neighbours[2] = {{NULL, 0}, {&far, 1}};
    const struct disturbance faults[] = {{300, 4096}, {350, 0}, {400, -4096}};
    struct pulse_stream *s = stream_of(&p, (struct pulse_train){NULL, 0}, neighbours, faults, 3);
    uint16_t x[N];
    pulse_stream_read(s, 0, x);
    assert_true(fabs(x[49] - p.baseline_counts) < 0.51);
    const double seen = x[66] - p.baseline_counts;
    assert_true(seen > 0.006 * p.gain_counts_per_keV && seen < 0.0085 * p.gain_counts_per_keV);
    assert_true(x[300] - x[299] > 4080 && x[300] - x[299] < 4110 && abs(x[350] - x[349]) < 10 && x[400] - x[399] < -4080);
    pulse_stream_free(s);

    p.baseline_counts = 65000;
    s = stream_of(&p, (struct pulse_train){&far, 1}, nobody, NULL, 0);
    pulse_stream_read(s, 0, x);
    assert_int_equal(x[66], 65535);
    assert_int_equal(x[10], 65000);
    pulse_stream_free(s);
}

static void test_lock_jump_adds_a_constant(void **state) {
    (void)state;
    struct pixel_sim before = quiet_pixel(4), after = before;
    before.jump_counts = after.jump_counts = 230;
    before.jump_s = 1e9;
    after.jump_s = 0;
    for (int i = 1; i <= 3; i++) {
        const double keV = 0.3 * i;
        double a[N], b[N], step = 0;
        pulse_sim_shape(&before, keV, 10, a, N);
        pulse_sim_shape(&after, keV, 10, b, N);
        for (int k = 0; k < N; k++)
            step = fmax(step, b[k] - a[k]);
        assert_true(step > 120 && step < 240);
    }
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)test_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_are_the_signal),
        cmocka_unit_test(test_shared_samples_are_the_same),
        cmocka_unit_test(test_pulses_saturate),
        cmocka_unit_test(test_crosstalk_faults_and_range),
        cmocka_unit_test(test_lock_jump_adds_a_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
