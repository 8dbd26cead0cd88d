#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "calib/emission_model.h"

static uint64_t seed(void) {
    const char *text = getenv("TESD_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 20260302;
}

static void test_shares_and_profiles(void **state) {
    (void)state;
    struct emission_model m = {.n = 0};
    emission_model_add(&m, (struct emission_component){EMISSION_LINE, 500, 0, 4, 3});
    emission_model_add(&m, (struct emission_component){EMISSION_ELASTIC, 900, 0, 0, 1});
    emission_model_add(&m, (struct emission_component){EMISSION_FLUORESCENCE, 700, 2, 0, 2});
    emission_model_add(&m, (struct emission_component){EMISSION_CONTINUUM, 300, 0, 100, 4});
    emission_model_add(&m, (struct emission_component){EMISSION_FEATURE, 1, 0, 0, 0});
    assert_int_equal(m.n, 4);
    assert_true(m.total == 10 && emission_model_total(&m, EMISSION_CONTINUUM) == 4 && emission_model_total(&m, EMISSION_FEATURE) == 0);
    emission_model_scale(&m, 0.1);
    struct random_stream r;
    random_stream_init(&r, seed(), 0, 0);
    enum { N = 100000 };
    int count[N_EMISSION_KINDS] = {0}, inside = 0;
    double line_sum = 0, line_square = 0;
    for (int i = 0; i < N; i++) {
        enum emission_kind kind;
        const double e = emission_model_sample(&m, &r, &kind);
        count[kind]++;
        if (kind == EMISSION_LINE) {
            line_sum += e - 500;
            line_square += (e - 500) * (e - 500);
        }
        inside += kind == EMISSION_FLUORESCENCE && fabs(e - 700) < 1;
        assert_true(kind != EMISSION_ELASTIC || e == 900);
        assert_true(kind != EMISSION_CONTINUUM || (e >= 250 && e < 350));
        assert_true(kind != EMISSION_FLUORESCENCE || fabs(e - 700) <= 25);
    }
    static const double share[N_EMISSION_KINDS] = {[EMISSION_LINE] = 0.3, [EMISSION_ELASTIC] = 0.1, [EMISSION_FLUORESCENCE] = 0.2, [EMISSION_CONTINUUM] = 0.4};
    for (int k = 0; k < N_EMISSION_KINDS; k++)
        assert_true(fabs(count[k] - N * share[k]) <= 5 * sqrt(N * share[k]));
    const double n = count[EMISSION_LINE];
    assert_true(fabs(line_sum / n) < 5 * 1.7 / sqrt(n));
    assert_true(fabs(2.35482 * sqrt(line_square / n) - 4) < 0.08);
    /* Half of a Lorentzian lies within its half width; the cut wings take 2.5 % of all. */
    assert_true(fabs(inside / (double)count[EMISSION_FLUORESCENCE] - 0.5 / 0.9746) < 0.02);
}

int main(void) {
    printf("TESD_SEED=%llu\n", (unsigned long long)seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_and_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
