/* A first look for second pulses: what a search would find it sees, and most records with nothing in them it passes over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "pulse/second_glance.h"
#include "tests/pulse/second_fixture.h"

static struct second_glance *glance_of(const struct second_fixture *f) {
    double taps[WHITENER_ORDER + 1];
    struct second_glance *glance;
    second_fixture_whitener(taps);
    assert_int_equal(second_glance_new(f->shape, taps, &glance), STATUS_OK);
    return glance;
}

/* What the search finds the first look has seen, whatever kernel, wherever the record's own pulse arrives; of records with nothing in them it passes over most. */
static void test_a_first_look_misses_nothing(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(77);
    struct second_fixture f;
    int found = 0, quiet = 0, seen = 0;
    second_fixture_init(&f, 1);
    struct second_glance *glance = glance_of(&f);
    double limit = second_fixture_quiet_limit(&s, &f, 1);
    for (int i = 0; i < 4000; i++) {
        uint16_t d[N];
        struct second_pulse p;
        double late = rint(4 * synthetic_uniform(&s) - 2) + 0.1 * synthetic_uniform(&s) - 0.05, at = 16 + (N - 32) * synthetic_uniform(&s), other = i % 2 ? exp(log(20) + 5 * synthetic_uniform(&s)) : 0;
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)rint(LEVEL + synthetic_noise(&s) + HEIGHT * synthetic_shape(k - P - late) + other * synthetic_shape(k - at));
        second_search_find(f.search, dot_kernel_best(), d, LEVEL, HEIGHT, late, &p);
        double look = (double)second_glance_look(glance, dot_kernel_at((size_t)i % 2), d, LEVEL, HEIGHT, late);
        if ((double)p.significance > limit) {
            found++;
            assert_true(look > SECOND_GLANCE_LEAST * limit);
        }
        quiet += other == 0;
        seen += other == 0 && look > SECOND_GLANCE_LEAST * limit;
    }
    print_message("%d found, every one seen; of %d with nothing in them %d\n", found, quiet, seen);
    assert_true(found > 1000 && quiet > 500 && seen < quiet / 3);
    second_glance_free(glance);
    second_fixture_done(&f);
}

/* The search looks first with the same glance. */
static void test_the_search_has_it(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(78);
    struct second_fixture f;
    uint16_t d[N];
    second_fixture_init(&f, -1);
    struct second_glance *glance = glance_of(&f);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)rint(LEVEL + synthetic_noise(&s) - HEIGHT * synthetic_shape(k - P) - 100 * synthetic_shape(k - 200 - i));
        float look = second_glance_look(glance, dot_kernel_best(), d, LEVEL, HEIGHT, 0);
        assert_true(look > 8 && look == second_search_glance(f.search, dot_kernel_best(), d, LEVEL, HEIGHT, 0));
    }
    second_glance_free(glance);
    second_fixture_done(&f);
}

static void test_any_samples(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(74);
    struct second_fixture f;
    second_fixture_init(&f, 1);
    struct second_glance *glance = glance_of(&f);
    for (int i = 0; i < 100; i++) {
        uint16_t d[N];
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)(i % 3 == 0 ? 0 : i % 3 == 1 ? synthetic_bits(&s) : (uint64_t)(k > i) * 65535);
        float look = second_glance_look(glance, dot_kernel_best(), d, 0, i % 7 ? 1e5 : (double)NAN, i % 5 ? 0 : (double)NAN);
        assert_true(look >= 0 || isnan(look));
    }
    second_glance_free(glance);
    second_fixture_done(&f);
}

/* Noise that no filter whitens, records too short and too long, a shape without a pulse. */
static void test_refusals(void **state) {
    (void)state;
    struct second_fixture f;
    struct second_glance *glance = NULL;
    double taps[WHITENER_ORDER + 1] = { 1 }, nothing[WHITENER_ORDER + 1] = { NAN };
    second_fixture_init(&f, 1);
    assert_int_equal(second_glance_new(f.shape, nothing, &glance), STATUS_BAD_VALUE);
    second_fixture_done(&f);
    const uint32_t samples[] = { 4 * WHITENER_ORDER - 1, N, SECOND_SAMPLES_MAX + 1 };
    for (int i = 0; i < 3; i++) {
        struct pulse_shape *shape;
        assert_int_equal(pulse_shape_new(samples[i], 20, 1, &shape), STATUS_OK);
        assert_int_equal(second_glance_new(shape, taps, &glance), STATUS_BAD_VALUE);
        pulse_shape_free(shape);
    }
    assert_null(glance);
    second_glance_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_first_look_misses_nothing), cmocka_unit_test(test_the_search_has_it), cmocka_unit_test(test_any_samples),
                                        cmocka_unit_test(test_refusals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
