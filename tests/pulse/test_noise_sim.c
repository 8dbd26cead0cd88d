#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pulse/noise_sim.h"
#include "tests/pulse/drawn_pixel.h"

enum { LAGS = 60 };

static struct noise_sim shaped(void) {
    struct noise_sim n;
    noise_sim_shape(&n, 6.4e-6, 32e-6, 480e-6, (struct noise_levels){.johnson = 2, .thermal = 4, .flicker_30_Hz = 0});
    for (int i = 0; i < 3; i++)
        n.weight_counts[i] = 0;   /* the slow poles need hours to average */
    return n;
}

/* Short pieces with gaps between them: the covariance of pairs inside a piece and across a gap is that of the formula. */
static void test_covariance_across_gaps(void **state) {
    (void)state;
    enum { PIECE = 8, PIECES = 40000 };
    static const int gaps[] = {0, 1, 5, 40};
    const struct noise_sim n = shaped();
    double want[LAGS];
    noise_sim_autocovariance(&n, want, LAGS);
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        struct random_stream random;
        random_stream_init(&random, test_seed(), g, 1);
        struct noise_stream s;
        noise_stream_init(&s, &n, &random, -100);
        double sum[3] = {0}, last = NAN;
        for (int i = 0; i < PIECES; i++) {
            double x[PIECE] = {0};
            noise_stream_add(&s, (int64_t)i * (PIECE + gaps[g]), x, PIECE);
            sum[0] += x[0] * x[0];
            sum[1] += x[0] * x[PIECE - 1];
            sum[2] += isnan(last) ? 0 : last * x[0];
            last = x[PIECE - 1];
        }
        /* Neighbouring pieces are correlated: the error of the mean is several times 1 / sqrt(PIECES). */
        const double error = 0.06 * want[0];
        assert_true(fabs(sum[0] / PIECES - want[0]) < error);
        assert_true(fabs(sum[1] / PIECES - want[PIECE - 1]) < error);
        assert_true(fabs(sum[2] / (PIECES - 1) - want[gaps[g] + 1]) < error);
    }
}

static void test_spectrum_has_its_parts(void **state) {
    (void)state;
    struct noise_sim n;
    noise_sim_shape(&n, 6.4e-6, 32e-6, 480e-6, (struct noise_levels){.johnson = 2, .thermal = 4, .flicker_30_Hz = 5});
    enum { LONG = 1 << 17 };
    double *r = malloc(LONG * sizeof *r);
    assert_non_null(r);
    noise_sim_autocovariance(&n, r, LONG);
    /* Density (relative to white, in amplitude) at some frequencies, by summing the covariance with a soft end. */
    static const double f_Hz[] = {10, 100, 1000, 10000, 60000};
    double density[5];
    for (int i = 0; i < 5; i++) {
        double s = r[0];
        for (int k = 1; k < LONG; k++) {
            const double u = (double)k / LONG;
            s += 2 * r[k] * exp(-8 * u * u) * cos(6.283185307179586 * f_Hz[i] * 6.4e-6 * k);
        }
        density[i] = sqrt(s);
        assert_true(i == 0 || density[i] < density[i - 1]);
    }
    free(r);
    assert_true(density[4] > 0.6 && density[4] < 1.2);
    assert_true(density[0] > 8 && density[2] > 2 && density[2] < 7);
}

static void test_tone_is_continuous(void **state) {
    (void)state;
    const struct noise_sim n = {.white_counts = 0, .pole = {0.1, 0.2, 0.3, 0.4, 0.5}, .tone = {{3, 60 * 6.4e-6, 0.4}, {1, 0.01, 2}}};
    struct random_stream random;
    random_stream_init(&random, test_seed(), 0, 2);
    struct noise_stream s;
    noise_stream_init(&s, &n, &random, 0);
    for (int64_t first = 0; first < 2000000000; first = 3 * first + 1000) {
        double x[100] = {0};
        noise_stream_add(&s, first, x, 100);
        for (int k = 0; k < 100; k++) {
            const double at = (double)(first + k);
            const double want = 3 * sin(6.283185307179586 * fmod(at * 60 * 6.4e-6, 1) + 0.4) + sin(6.283185307179586 * fmod(at * 0.01, 1) + 2);
            assert_true(fabs(x[k] - want) < 1e-5);
        }
    }
}

/* Its phase is that of the formula wherever a record begins, and its frequency within a record the derivative of that. */
static void test_mains_wanders(void **state) {
    (void)state;
    const struct noise_sim n = {.pole = {0.1, 0.2, 0.3, 0.4, 0.5}, .tone = {{3, 60 * 6.4e-6, 0.4}}, .wander = {{2, 1e-7, 0.3}, {0.5, 1e-6, 1}}};
    struct random_stream random;
    random_stream_init(&random, test_seed(), 0, 2);
    struct noise_stream s;
    noise_stream_init(&s, &n, &random, 0);
    for (int64_t first = 0; first < 2000000000; first = 3 * first + 1000) {
        double x[1000] = {0};
        noise_stream_add(&s, first, x, 1000);
        for (int k = 0; k < 1000; k += 100) {
            const double at = (double)(first + k), two_pi = 6.283185307179586;
            const double phase = two_pi * fmod(at * 60 * 6.4e-6, 1) + 0.4 + 2 * sin(two_pi * 1e-7 * at + 0.3) + 0.5 * sin(two_pi * 1e-6 * at + 1);
            assert_true(fabs(x[k] - 3 * sin(phase)) < 1e-4);
        }
    }
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)test_seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_covariance_across_gaps),
        cmocka_unit_test(test_spectrum_has_its_parts),
        cmocka_unit_test(test_tone_is_continuous),
        cmocka_unit_test(test_mains_wanders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
