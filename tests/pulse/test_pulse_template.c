/* The shape that comes out of records whose shape is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/pulse_template.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 64, RECORDS = 400 };

/* Two lines, one record in 20 piled up. */
static void make_pulses(struct synthetic *s, bool inverted, struct record_store *store) {
    record_store_init(store, STORE_FIRST, N, P, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        synthetic_record(s, d, N, P, 20000, i % 2 ? 3000 : 5000, 0);
        for (int k = 0; i % 20 == 7 && k < N; k++)
            d[k] = (uint16_t)(d[k] + 2000 * synthetic_shape(k - P - 60));
        for (int k = 0; inverted && k < N; k++)
            d[k] = (uint16_t)(65535 - d[k]);
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
        assert_int_equal(record_store_add(store, &r), STATUS_OK);
    }
}

static void learns(bool inverted) {
    struct synthetic s = synthetic_seed(16);
    struct record_store store;
    bool good[RECORDS], used[RECORDS];
    double shape[N], peak, worst = 0, sign = inverted ? -1 : 1;
    uint32_t n_used;
    make_pulses(&s, inverted, &store);
    for (int i = 0; i < RECORDS; i++)
        good[i] = i % 7 != 0;
    assert_int_equal(pulse_template_learn(&store, good, inverted, used, shape, &n_used, &peak), STATUS_OK);
    double top = 0;
    for (int k = 0; k < N; k++)
        top = fmax(top, synthetic_shape(k - P));
    for (int k = 0; k < N; k++)
        worst = fmax(worst, fabs(sign * shape[k] - synthetic_shape(k - P) / top));
    print_message("inverted %d: %u used, peak %.0f counts, worst sample off by %.1e\n", inverted, n_used, peak, worst);
    assert_true(n_used >= TEMPLATE_RECORDS_WANTED);
    assert_true(worst < 2e-3);
    assert_true(peak > 2500 && peak < 5500);
    for (int i = 0; i < RECORDS; i++)
        assert_false(used[i] && (!good[i] || i % 20 == 7));
    for (int k = 0; k < P - 3; k++)
        assert_true(shape[k] == 0);
    record_store_done(&store);
}

static void test_learns_through_pile_up(void **state) {
    (void)state;
    learns(false);
    learns(true);
}

static void test_average_and_preparation(void **state) {
    (void)state;
    struct record_store store;
    const uint16_t a[24] = { 10, 10, 10, 10, 10, 10, 10, 10, 20, 30, 20 }, b[24] = { 50, 50, 50, 50, 50, 50, 50, 50, 80, 90, 60 };
    bool both[2] = { true, true }, one[2] = { false, true }, none[2] = { false, false };
    double average[24], shape[24];
    record_store_init(&store, STORE_FIRST, 24, 8, 2);
    struct pulse_record r = { .samples = a, .n_samples = 24, .n_presamples = 8 };
    assert_int_equal(record_store_add(&store, &r), STATUS_OK);
    r.samples = b;
    assert_int_equal(record_store_add(&store, &r), STATUS_OK);
    assert_int_equal(pulse_template_average(&store, both, average), 2);
    assert_true(average[0] == 0 && average[8] == 20 && average[9] == 30 && average[10] == 10);
    assert_int_equal(pulse_template_average(&store, one, average), 1);
    assert_true(average[9] == 40);
    assert_true(pulse_template_prepare(average, 24, 8, false, shape) == 40);
    assert_true(shape[9] == 1 && shape[8] == 0.75 && shape[0] == 0);
    assert_int_equal(pulse_template_average(&store, none, average), 0);
    assert_true(average[9] == 0 && pulse_template_prepare(average, 24, 8, false, shape) <= 0);
    record_store_done(&store);
}

static void test_too_few(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(17);
    struct record_store store;
    bool good[RECORDS] = { true, true, true }, used[RECORDS];
    double shape[N], peak = -1;
    uint32_t n_used = 77;
    make_pulses(&s, false, &store);
    assert_int_equal(pulse_template_learn(&store, good, false, used, shape, &n_used, &peak), STATUS_TOO_FEW);
    assert_true(n_used == 77 && peak == -1);
    record_store_done(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_through_pile_up), cmocka_unit_test(test_average_and_preparation), cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
