/* Rates recorded by the vetoing triggers, from their own rules, give back the true rates; crowded ones are refused (doc/methods.md, Live time). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <cmocka.h>

#include "calib/lossy_trigger.h"
#include "tests/dice.h"

enum { PIXELS = 24 };
static const double record_s = 2e-3, post_s = 1e-3;

/* Pulses of one pixel: recorded when the gap before is a record, and for isolated the one behind npost; clean: none within npost behind. */
static void run_pixel(struct dice *d, bool isolated, double rate_Hz, double duration_s, double *recorded, double *clean) {
    double at = 0, before = 1, next;
    while (at < duration_s) {
        next = -log(1 - dice_unit(d)) / rate_Hz;
        bool kept = before >= record_s && (!isolated || next >= post_s);
        *recorded += kept;
        *clean += kept && next >= post_s;
        before = next;
        at += next;
    }
}

static void check(struct dice *d, bool isolated, double crowd) {
    const struct lossy_trigger t = { isolated ? record_s + post_s : record_s, record_s + post_s };
    double eps[PIXELS], sum = 0, rate_Hz = crowd / t.clear_s, recorded = 0, clean = 0, live_s = 0, duration_s = 2e6 / (PIXELS * rate_Hz);
    for (int p = 0; p < PIXELS; p++)
        sum += eps[p] = exp(0.35 * (dice_unit(d) + dice_unit(d) + dice_unit(d) + dice_unit(d) - 2) * sqrt(3));
    for (int p = 0; p < PIXELS; p++) {
        eps[p] *= PIXELS / sum;
        run_pixel(d, isolated, eps[p] * rate_Hz, duration_s, &recorded, &clean);
    }
    double rate = lossy_trigger_rate(&t, eps, PIXELS, recorded, duration_s);
    for (int p = 0; p < PIXELS; p++)
        live_s += eps[p] * duration_s * lossy_trigger_live(&t, eps[p] * rate);
    double yield = clean / live_s / rate_Hz - 1, sigma = (1 + lossy_trigger_gain(&t, rate_Hz)) / sqrt(clean), dropped = clean / (PIXELS * duration_s) / rate_Hz - 1;
    printf("%-8s r (N + npost) %.2f: rate %+.2f %%, yield %+.2f +- %.2f %%, without live time %+.1f %%\n", isolated ? "isolated" : "single", crowd, 100 * (rate / rate_Hz - 1),
           100 * yield, 100 * sigma, 100 * dropped);
    assert_true(fabs(yield) < 0.007 + 3 * sigma);
    assert_true(dropped < -0.8 * crowd * exp(-crowd));
}

static void yields_are_true_up_to_the_limit(void **state) {
    (void)state;
    struct dice d = dice_new();
    static const double crowds[] = { 0.03, 0.1, 0.2, 0.35 };
    for (int k = 0; k < 4; k++) {
        check(&d, false, crowds[k]);
        check(&d, true, crowds[k]);
    }
}

static void crowded_points_are_refused(void **state) {
    (void)state;
    const struct lossy_trigger t = { 3e-3, 3e-3 };
    static const double eps[2] = { 1, 1 };
    double rate = 0.41 / t.clear_s, counts = 2 * rate * exp(-rate * t.veto_s);
    assert_true(isnan(lossy_trigger_rate(&t, eps, 2, counts, 1)));
    rate = 0.39 / t.clear_s;
    counts = 2 * rate * exp(-rate * t.veto_s);
    assert_true(fabs(lossy_trigger_rate(&t, eps, 2, counts, 1) / rate - 1) < 1e-9);
    assert_true(fabs(lossy_trigger_rate(&t, eps, 2, 0, 1)) < 1e-9);
    assert_true(isnan(lossy_trigger_rate(&t, eps, 0, 1, 1)) && isnan(lossy_trigger_rate(&t, eps, 2, 1, 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(yields_are_true_up_to_the_limit), cmocka_unit_test(crowded_points_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
