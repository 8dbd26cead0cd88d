/* Mains in a noise run is found and taken out, whatever its frequency is off by; the rest of the noise stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/noise_mains.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, RECORDS = 1500, LAGS_LOOKED_AT = 100 };
static const double period_s = 2e-5;

/* wander_Hz: the frequency swings by so much within four seconds. */
static void fill(struct synthetic *s, struct record_store *store, double amplitude, double Hz, double wander_Hz, int gap_every) {
    uint16_t d[N];
    int64_t frame = 1000;
    record_store_init(store, STORE_FIRST, N, N / 4, 2048);
    for (int i = 0; i < RECORDS; i++, frame += N) {
        frame += gap_every > 0 && i % gap_every == 7 ? 12345 : 0;
        for (int k = 0; k < N; k++) {
            double t = period_s * (double)(frame + k), phase = 2 * M_PI * Hz * t + wander_Hz * 4 * sin(2 * M_PI * t / 4);
            d[k] = (uint16_t)rint(5000 + synthetic_noise(s) + amplitude * sin(phase + 0.3) + (i == 40 ? 500 : 0));
        }
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = N / 4, .trigger_frame = frame };
        assert_int_equal(record_store_add(store, &r), STATUS_OK);
    }
}

static struct noise_mains look(double amplitude, double Hz, double wander_Hz, int gap_every, double *worst) {
    struct synthetic s = synthetic_seed(301);
    struct record_store store;
    struct noise_plan *plan;
    struct noise_mains found = { 0 };
    static bool good[RECORDS];
    double covariance[N];
    fill(&s, &store, amplitude, Hz, wander_Hz, gap_every);
    for (int i = 0; i < RECORDS; i++)
        good[i] = i != 40;
    assert_int_equal(noise_plan_new(N, &plan), STATUS_OK);
    assert_int_equal(noise_mains_covariance(plan, &store, good, period_s, covariance, &found), STATUS_OK);
    *worst = 0;
    for (unsigned j = 0; j < LAGS_LOOKED_AT; j++)
        *worst = fmax(*worst, fabs(covariance[j] - synthetic_covariance(j) - (j == 0 ? 1. / 12 : 0)));
    memset(good, 0, sizeof good);
    assert_int_equal(noise_mains_covariance(plan, &store, good, period_s, covariance, &found), STATUS_TOO_FEW);
    noise_plan_free(plan);
    record_store_done(&store);
    print_message("%.2f Hz: amplitude %.2f (%.2f), covariance off by %.3f of %.1f\n", found.Hz, found.amplitude_counts, amplitude, *worst, synthetic_covariance(0));
    return found;
}

static void mains_is_taken_out(void **state) {
    (void)state;
    double worst;
    struct noise_mains m = look(8, 60.04, 0, 0, &worst);
    assert_true(m.Hz == 60 && fabs(m.amplitude_counts - 8) < 0.3 && worst < 0.6);
    m = look(8, 49.97, 0.05, 0, &worst);
    assert_true(m.Hz == 50 && fabs(m.amplitude_counts - 8) < 0.3 && worst < 0.6);
    m = look(5, 60, 0.02, 50, &worst);
    assert_true(m.Hz == 60 && fabs(m.amplitude_counts - 5) < 0.3 && worst < 0.6);
}

static void noise_without_mains_stays(void **state) {
    (void)state;
    double worst;
    struct noise_mains m = look(0, 60, 0, 0, &worst);
    assert_true(m.amplitude_counts < 1 && worst < 0.6);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(mains_is_taken_out), cmocka_unit_test(noise_without_mains_stays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
