/* The windows of a pixel's grades: what was learnt of tails, counted from where each trigger's blindness ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "daemon/grade_windows.h"

enum { N = 500, P = 125 };
static const double DECAY = 100, PERIOD_S = 4e-6;

static struct livetime_table windows(enum trigger_kind kind, double decays, double isolation_s) {
    static float pulse[N];
    for (int k = P; k < N; k++)
        pulse[k] = (float)(exp(-(k - P) / DECAY) - exp(-(k - P) / 6.));
    struct pixel_model m = { .n_samples = N, .n_presamples = P, .sample_period_s = PERIOD_S, .template_pulse = pulse, .isolation_decays = decays };
    const struct channel_shape shape = { .n_samples = N, .n_presamples = P, .sample_period_s = PERIOD_S };
    struct livetime_table t;
    assert_true(grade_windows_make(&m, &shape, kind, isolation_s, &t));
    return t;
}

static double waits(enum trigger_kind kind, double decays, double isolation_s) {   /* in decays */
    return (double)windows(kind, decays, isolation_s).boxes[0].before_lo_ns * 1e-9 / PERIOD_S / DECAY;
}

static void tails_are_waited_for(void **state) {
    (void)state;
    assert_true(fabs(waits(TRIGGER_KIND_EDGE_MULTI, 6, 0) - 6) < 0.2);
    assert_true(fabs(waits(TRIGGER_KIND_EDGE_MULTI, 14, 0) - 14) < 0.4);
    assert_true(fabs(waits(TRIGGER_KIND_ISOLATED, 14, 0) - 10) < 0.3);   /* pulses without a record */
    assert_true(fabs(waits(TRIGGER_KIND_EDGE_MULTI, 14, 12 * DECAY * PERIOD_S) - 12) < 0.01);
}

/* The record's 500 samples and one are over where an edge trigger's grades begin to count. */
static void an_edge_trigger_is_blind_first(void **state) {
    (void)state;
    assert_true(fabs(waits(TRIGGER_KIND_EDGE, 14, 0) - (14 - (N + 1) / DECAY)) < 0.4);
    assert_true(fabs(waits(TRIGGER_KIND_EDGE, 6, 0) - 6) < 0.2);
}

static void spans_are_those_of_the_table(void **state) {
    (void)state;
    struct livetime_table t = windows(TRIGGER_KIND_EDGE_MULTI, 14, 0);
    struct grade_spans s = grade_windows_spans(&t);
    assert_true(fabs(s.window_s - (N - P) * PERIOD_S) < 1e-9);
    assert_true(fabs(s.tail_s - 1e-9 * (double)(t.boxes[0].before_lo_ns - t.boxes[2].before_lo_ns)) < 1e-12 && s.tail_s > 5 * DECAY * PERIOD_S);
    assert_true(s.unresolved_s > 0 && s.unresolved_s < 20 * PERIOD_S);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(tails_are_waited_for), cmocka_unit_test(an_edge_trigger_is_blind_first), cmocka_unit_test(spans_are_those_of_the_table) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
