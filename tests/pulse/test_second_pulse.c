/* Second pulses of all heights at all places: found where they are, and none found where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "pulse/second_pulse.h"
#include "tests/pulse/second_fixture.h"

static void test_found_where_it_is(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct synthetic s = synthetic_seed(71);
        struct second_fixture f;
        second_fixture_init(&f, sign);
        double limit = second_fixture_quiet_limit(&s, &f, sign);
        print_message("sign %d: most significant of 400 without a second pulse %.1f\n", sign, limit);
        assert_true(limit < 8);
        for (double height = 150; height <= 10000; height *= 4)
            for (int at = 30; at < N - 40; at += 11) {
                if (abs(at - P) < 15)
                    continue;
                struct second_pulse p = second_fixture_look(&s, &f, sign, height, at + synthetic_uniform(&s) - 0.5);
                assert_true((double)p.significance > limit);
                assert_true(abs((int)p.sample - at) <= 2);
                assert_true(fabs((double)p.height / height - 1) < 0.35);
            }
        second_fixture_done(&f);
    }
}

/* Small ones near the end of the record, or near the first pulse, are harder; large ones are not missed even there. */
static void test_near_the_edges(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(72);
    struct second_fixture f;
    second_fixture_init(&f, 1);
    double limit = second_fixture_quiet_limit(&s, &f, 1);
    for (int at = P + 5; at < P + 15; at += 3)
        assert_true((double)second_fixture_look(&s, &f, 1, 1500, at).significance > limit);
    for (int at = N - 40; at < N - 12; at += 4)
        assert_true((double)second_fixture_look(&s, &f, 1, 1500, at).significance > limit);
    second_fixture_done(&f);
}

static void test_scalar_finds_the_same(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(73);
    struct second_fixture f;
    uint16_t d[N];
    second_fixture_init(&f, 1);
    synthetic_record(&s, d, N, P, LEVEL, HEIGHT, 0);
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)(d[k] + 500 * synthetic_shape(k - 222));
    for (size_t v = 0; dot_kernel_at(v); v++) {
        struct second_pulse p;
        assert_true(second_search_find(f.search, dot_kernel_at(v), d, LEVEL, HEIGHT, 0, &p));
        print_message("%s: %u, %.2f, %.3f\n", dot_kernel_at(v)->name, p.sample, (double)p.height, (double)p.significance);
        assert_true(abs((int)p.sample - 222) <= 1 && fabs((double)p.height / 500 - 1) < 0.1);
    }
    second_fixture_done(&f);
}

/* No samples whatever do more than be found odd. */
static void test_any_samples(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(74);
    struct second_fixture f;
    second_fixture_init(&f, 1);
    for (int i = 0; i < 100; i++) {
        uint16_t d[N];
        struct second_pulse p;
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)(i % 3 == 0 ? 0 : i % 3 == 1 ? synthetic_bits(&s) : (uint64_t)(k > i) * 65535);
        second_search_find(f.search, dot_kernel_best(), d, 0, i % 7 ? 1e5 : (double)NAN, i % 5 ? 0 : (double)NAN, &p);
        assert_true(p.sample < N + 4 && (p.significance >= 0 || isnan(p.significance)));
    }
    second_fixture_done(&f);
}

static void test_refusals(void **state) {
    (void)state;
    struct pulse_shape *shape;
    struct second_search *search = NULL;
    double taps[WHITENER_ORDER + 1] = { 1 };
    assert_int_equal(pulse_shape_new(N, P, 1, &shape), STATUS_OK);
    assert_int_equal(second_search_new(shape, P, taps, &search), STATUS_BAD_VALUE);  /* no pulse in it */
    pulse_shape_free(shape);
    assert_int_equal(pulse_shape_new(SECOND_SAMPLES_MAX + 1, P, 1, &shape), STATUS_OK);
    assert_int_equal(second_search_new(shape, P, taps, &search), STATUS_BAD_VALUE);
    pulse_shape_free(shape);
    assert_null(search);
    second_search_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_where_it_is), cmocka_unit_test(test_near_the_edges), cmocka_unit_test(test_scalar_finds_the_same),
        cmocka_unit_test(test_any_samples), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
