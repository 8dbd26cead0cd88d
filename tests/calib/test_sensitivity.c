#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "calib/sensitivity.h"
#include "tests/dice.h"

enum { N_PIXELS = 5, N_POINTS = 40 };

struct data { uint32_t counts[N_PIXELS][N_POINTS]; int64_t live_ns[N_PIXELS][N_POINTS][2]; uint8_t used[N_PIXELS]; };

static const double truth[N_PIXELS] = { 0.5, 1, 1.25, 1.5, 0.75 };

static struct sensitivity_part part_of(const struct data *d) {
    return (struct sensitivity_part){ N_POINTS, d->counts[0], d->live_ns[0][0] + 1, 2, d->used };
}

/* Counts exactly as expected, live times that differ from pixel to pixel and point to point. */
static void fill(struct data *d, struct dice *dice) {
    memset(d->used, 1, sizeof d->used);
    for (int p = 0; p < N_PIXELS; p++)
        for (int i = 0; i < N_POINTS; i++) {
            double live_s = 0.1 + dice_unit(dice);
            d->live_ns[p][i][1] = llround(live_s * 1e9);
            d->counts[p][i] = (uint32_t)lround(truth[p] * live_s * 1e6 * (1 + i % 3));
        }
}

static void known_sensitivities_are_found(void **state) {
    (void)state;
    struct dice dice = dice_new();
    struct data a, b;
    fill(&a, &dice);
    fill(&b, &dice);
    struct sensitivity_part parts[2] = { part_of(&a), part_of(&b) };
    double eps[N_PIXELS];
    assert_int_equal(sensitivity_fit(parts, 2, N_PIXELS, eps), STATUS_OK);
    for (int p = 0; p < N_PIXELS; p++)
        assert_true(fabs(eps[p] - truth[p]) < 1e-4);
}

/* A pixel that is live in the bright points only is not thereby more sensitive. */
static void live_time_and_sensitivity_are_told_apart(void **state) {
    (void)state;
    struct dice dice = dice_new();
    struct data d;
    fill(&d, &dice);
    for (int i = 0; i < N_POINTS; i++)
        if (i % 3 != 2)
            d.counts[2][i] = 0, d.live_ns[2][i][1] = 0;
    d.used[4] = 0;
    struct sensitivity_part part = part_of(&d);
    double eps[N_PIXELS];
    assert_int_equal(sensitivity_fit(&part, 1, N_PIXELS, eps), STATUS_OK);
    double mean = (truth[0] + truth[1] + truth[2] + truth[3]) / 4;
    for (int p = 0; p < 4; p++)
        assert_true(fabs(eps[p] * mean - truth[p]) < 1e-4);
    assert_true(eps[4] == 1);
}

static void nothing_counted_is_sensitivity_one(void **state) {
    (void)state;
    struct data d = { .used = { 1, 1, 1, 1, 1 } };
    struct sensitivity_part part = part_of(&d);
    double eps[N_PIXELS];
    assert_int_equal(sensitivity_fit(&part, 1, N_PIXELS, eps), STATUS_OK);
    assert_int_equal(sensitivity_fit(NULL, 0, N_PIXELS, eps), STATUS_OK);
    for (int p = 0; p < N_PIXELS; p++)
        assert_true(eps[p] == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_sensitivities_are_found),
        cmocka_unit_test(live_time_and_sensitivity_are_told_apart),
        cmocka_unit_test(nothing_counted_is_sensitivity_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
