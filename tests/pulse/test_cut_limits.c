/* Limits learnt from pulses of which some are bad: the good ones stay, the bad ones go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/cut_limits.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 64, RECORDS = 600 };
enum kind { GOOD, TAIL, PILE_UP, NOISE, LATE, SATURATED, N_KINDS };

static enum kind kind_of(int i) {
    return i % 10 ? GOOD : (enum kind)(1 + i / 10 % (N_KINDS - 1));
}

static void make_record(struct synthetic *s, enum kind kind, double height, uint16_t *d) {
    synthetic_record(s, d, N, P, 20000, kind == NOISE ? 0 : height, kind == LATE ? 40 : 0);
    for (int k = 0; k < N; k++) {
        double more = kind == TAIL ? 800 * exp(-k / 40.0) : kind == PILE_UP ? 900 * synthetic_shape(k - P - 90) : kind == SATURATED && k > P ? 50000 : 0;
        d[k] = (uint16_t)fmin(65535, d[k] + more);
    }
}

static void make_pulses(struct synthetic *s, bool inverted, struct record_store *store) {
    record_store_init(store, STORE_FIRST, N, P, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        make_record(s, kind_of(i), 1500 + 3000 * synthetic_uniform(s), d);
        for (int k = 0; inverted && k < N; k++)
            d[k] = (uint16_t)(65535 - d[k]);
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
        assert_int_equal(record_store_add(store, &r), STATUS_OK);
    }
}

static void learns(bool inverted) {
    struct synthetic s = synthetic_seed(18);
    struct record_store store;
    struct cut_limits limits;
    bool good[RECORDS];
    uint32_t peak, lost = 0, n_good = 0;
    make_pulses(&s, inverted, &store);
    assert_int_equal(cut_limits_inverted(&store), inverted);
    assert_true(cut_limits_learn(&store, inverted, &limits, &peak, good) > 500);
    for (int i = 0; i < RECORDS; i++) {
        n_good += kind_of(i) == GOOD;
        lost += kind_of(i) == GOOD && !good[i];
        assert_false(kind_of(i) != GOOD && good[i]);
    }
    print_message("inverted %d: %u of %u good ones lost; peak %u, sd <= %.1f, rise <= %.1f, late <= %.1f\n", inverted, lost, n_good, peak,
                  (double)limits.pretrigger_sd_max, (double)limits.pretrigger_slope_max, (double)limits.late_rise_max);
    assert_true(lost <= n_good / 100);
    assert_true(abs((int)peak - P - 10) <= 1);
    assert_true(isinf(limits.residual_max));
    record_store_done(&store);
}

static void test_learns(void **state) {
    (void)state;
    learns(false);
    learns(true);
}

static void test_nothing_to_learn(void **state) {
    (void)state;
    struct record_store store;
    struct cut_limits limits;
    uint32_t peak;
    bool good[1];
    record_store_init(&store, STORE_FIRST, N, P, 4);
    assert_false(cut_limits_inverted(&store));
    assert_int_equal(cut_limits_learn(&store, false, &limits, &peak, good), 0);
    uint16_t dead[N] = { 0 };
    struct pulse_record r = { .samples = dead, .n_samples = N, .n_presamples = P };
    assert_int_equal(record_store_add(&store, &r), STATUS_OK);
    assert_int_equal(cut_limits_learn(&store, false, &limits, &peak, good), 0);
    record_store_done(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_learns), cmocka_unit_test(test_nothing_to_learn) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
