#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/pulse_times.h"
#include "tests/dice.h"

enum { N = 1024, N_PRE = 256 };

/* Rise and fall with time constants in samples, from `arrival` on; noise is the peak's share. */
static void make_pulse(double *x, size_t stride, double arrival, double rise, double fall, double height, double noise, struct dice *d) {
    for (uint32_t i = 0; i < N; i++) {
        double t = i - arrival;
        x[i * stride] = t > 0 ? height * (exp(-t / fall) - exp(-t / rise)) : 0;
        if (d != NULL)
            x[i * stride] += height * noise * (dice_unit(d) + dice_unit(d) - 1);
    }
}

static void times_of_known_pulses_are_found(void **state) {
    (void)state;
    struct dice d = dice_new();
    static const struct { double rise, fall, height, noise; } cases[] = {
        { 4, 75, 1, 0 }, { 4, 75, -3000, 0 }, { 6, 40, 1, 0.005 }, { 5, 300, 1, 0.005 }, { 20, 120, -1, 0.002 }, { 5, 2000, 1, 0 },
    };
    double x[N * 3];
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (size_t stride = 1; stride <= 3; stride += 2) {
            double rise = cases[k].rise, fall = cases[k].fall, peak = log(fall / rise) * rise * fall / (fall - rise);
            make_pulse(x, stride, N_PRE + 0.3, rise, fall, cases[k].height, cases[k].noise, &d);
            struct pulse_times t;
            assert_int_equal(pulse_times_of(x, stride, N, N_PRE, &t), STATUS_OK);
            assert_true(fabs(t.peak_samples - peak) < 0.1 * peak + 3);
            assert_true(fabs(t.decay_samples - fall) < 0.06 * fall);
        }
}

/* Of two decays the slower one decides how long a pulse can be felt. */
static void the_late_decay_counts(void **state) {
    (void)state;
    double x[N], slow[N];
    make_pulse(x, 1, N_PRE, 4, 30, 0.7, 0, NULL);
    make_pulse(slow, 1, N_PRE, 4, 200, 0.3, 0, NULL);
    for (int i = 0; i < N; i++)
        x[i] += slow[i];
    struct pulse_times t;
    assert_int_equal(pulse_times_of(x, 1, N, N_PRE, &t), STATUS_OK);
    assert_true(t.decay_samples > 120 && t.decay_samples <= 205);
}

static void shapes_without_a_pulse_are_refused(void **state) {
    (void)state;
    double x[N] = { 0 };
    struct pulse_times t = { 77, 77 };
    assert_int_equal(pulse_times_of(x, 1, N, N_PRE, &t), STATUS_BAD_VALUE);
    assert_int_equal(pulse_times_of(x, 1, N, N, &t), STATUS_BAD_VALUE);
    x[N_PRE + 5] = NAN;
    assert_int_equal(pulse_times_of(x, 1, N, N_PRE, &t), STATUS_BAD_VALUE);
    assert_true(t.peak_samples == 77);
    for (int i = N_PRE; i < N; i++)
        x[i] = i - N_PRE;   /* never falls */
    assert_int_equal(pulse_times_of(x, 1, N, N_PRE, &t), STATUS_OK);
    assert_true(t.decay_samples == 10.0 * N && t.peak_samples < N);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_known_pulses_are_found),
        cmocka_unit_test(the_late_decay_counts),
        cmocka_unit_test(shapes_without_a_pulse_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
