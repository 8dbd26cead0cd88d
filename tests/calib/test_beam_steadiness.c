#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <cmocka.h>

#include "calib/beam_steadiness.h"
#include "tests/dice.h"

enum { POINTS = 20, PIXELS = 8 };
static const int64_t zero = INT64_C(1747000000000000000), point_ns = 1000000000;

/* Counts at 60/s per pixel and, of every 0.1 s, `off` of it without a beam. */
static double dispersion_of(struct dice *d, double off) {
    int64_t start[POINTS], end[POINTS], *times = malloc(sizeof(int64_t) * 100000);
    for (int k = 0; k < POINTS; k++) {
        start[k] = zero + k * point_ns;
        end[k] = start[k] + point_ns - 50000000;
    }
    struct beam_steadiness *b;
    assert_non_null(times);
    assert_int_equal(beam_steadiness_new(start, end, POINTS, &b), STATUS_OK);
    assert_true(isnan(beam_steadiness_dispersion(b, 0, POINTS)));
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        size_t n = 0;
        double rate_Hz = 60 / (1 - off);
        for (double at = -0.5; at < POINTS; at -= log(1 - dice_unit(d)) / rate_Hz)
            if (at * 10 - floor(at * 10) >= off)
                times[n++] = zero + llround(at * 1e9);
        beam_steadiness_add(b, times, n);
    }
    double all = beam_steadiness_dispersion(b, 0, POINTS);
    assert_true(isfinite(beam_steadiness_dispersion(b, 3, 1)) && isnan(beam_steadiness_dispersion(b, 3, 0)));
    beam_steadiness_free(b);
    free(times);
    return all;
}

static void a_steady_beam_has_one_a_chopped_one_more(void **state) {
    (void)state;
    struct dice d = dice_new();
    double steady = dispersion_of(&d, 0), chopped = dispersion_of(&d, 0.2);
    printf("dispersion %.3f steady, %.3f with the beam off for 20 %%\n", steady, chopped);
    assert_true(fabs(steady - 1) < 4 * sqrt(2.0 / (POINTS * 95)));
    assert_true(chopped > BEAM_STEADY_MOST);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_steady_beam_has_one_a_chopped_one_more) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
