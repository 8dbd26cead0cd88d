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

/* Pulses of one pixel: recorded when the gap before is a record, and for isolated the one behind npost; counted: no pulse within npost behind, and no
 * record within the window before. */
static void run_pixel(struct dice *d, const struct lossy_trigger *t, double rate_Hz, double duration_s, double *recorded, double *counted) {
    double at = 0, before = 1, next, last = -1;
    while (at < duration_s) {
        next = -log(1 - dice_unit(d)) / rate_Hz;
        bool kept = before >= record_s && (!t->isolated || next >= post_s);
        *recorded += kept;
        *counted += kept && next >= post_s && at - last >= t->window_s;
        last = kept ? at : last;
        before = next;
        at += next;
    }
}

static void check(struct dice *d, bool isolated, double crowd, double window_s) {
    const struct lossy_trigger t = { record_s, post_s, window_s, 0, isolated };
    double eps[PIXELS], sum = 0, rate_Hz = crowd / (record_s + post_s), recorded = 0, clean = 0, live_s = 0, duration_s = 2e6 / (PIXELS * rate_Hz);
    for (int p = 0; p < PIXELS; p++)
        sum += eps[p] = exp(0.35 * (dice_unit(d) + dice_unit(d) + dice_unit(d) + dice_unit(d) - 2) * sqrt(3));
    for (int p = 0; p < PIXELS; p++) {
        eps[p] *= PIXELS / sum;
        run_pixel(d, &t, eps[p] * rate_Hz, duration_s, &recorded, &clean);
    }
    double rate = lossy_trigger_rate(&t, eps, PIXELS, recorded, duration_s);
    for (int p = 0; p < PIXELS; p++)
        live_s += eps[p] * duration_s * lossy_trigger_live(&t, eps[p] * rate);
    double yield = clean / live_s / rate_Hz - 1, sigma = (1 + lossy_trigger_gain(&t, rate_Hz)) / sqrt(clean), dropped = clean / (PIXELS * duration_s) / rate_Hz - 1;
    printf("%-8s r (N + npost) %.2f, window %.1f records: rate %+.2f %%, yield %+.2f +- %.2f %%, without live time %+.1f %%\n", isolated ? "isolated" : "single", crowd, window_s / record_s, 100 * (rate / rate_Hz - 1),
           100 * yield, 100 * sigma, 100 * dropped);
    assert_true(fabs(yield) < 0.001 + 3.5 * sigma);
    assert_true(dropped < -0.8 * crowd * exp(-crowd));
}

static void yields_are_true_up_to_the_limit(void **state) {
    (void)state;
    struct dice d = dice_new();
    static const double crowds[] = { 0.03, 0.1, 0.2, 0.35 };
    static const double windows[] = { 1, 2, 3.5 };   /* records: the trigger's own veto; as long as tails reach; longer than two records fit in */
    for (int k = 0; k < 4; k++)
        for (int w = 0; w < 3; w++) {
            check(&d, false, crowds[k], windows[w] * record_s);
            check(&d, true, crowds[k], windows[w] * record_s);
        }
}

static void crowded_points_are_refused(void **state) {
    (void)state;
    const struct lossy_trigger t = { record_s, post_s, record_s, 0, true }, windowed = { record_s, post_s, 10 * record_s, 0, false };
    const double clear_s = record_s + post_s, mean_s = 0.4 * 9 * record_s;
    static const double eps[2] = { 1, 1 };
    double rate = 0.41 / clear_s, counts = 2 * rate * exp(-rate * clear_s);
    assert_true(isnan(lossy_trigger_rate(&t, eps, 2, counts, 1)));
    rate = 0.39 / clear_s;
    counts = 2 * rate * exp(-rate * clear_s);
    assert_true(fabs(lossy_trigger_rate(&t, eps, 2, counts, 1) / rate - 1) < 1e-9);
    assert_true(fabs(lossy_trigger_rate(&t, eps, 2, 0, 1)) < 1e-9);
    assert_true(isnan(lossy_trigger_rate(&t, eps, 0, 1, 1)) && isnan(lossy_trigger_rate(&t, eps, 2, 1, 0)));
    rate = 0.41 / mean_s;   /* a long window */
    assert_true(isnan(lossy_trigger_rate(&windowed, eps, 2, 2 * rate * exp(-rate * record_s), 1)));
    rate = 0.39 / mean_s;
    assert_true(fabs(lossy_trigger_rate(&windowed, eps, 2, 2 * rate * exp(-rate * record_s), 1) / rate - 1) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(yields_are_true_up_to_the_limit), cmocka_unit_test(crowded_points_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
