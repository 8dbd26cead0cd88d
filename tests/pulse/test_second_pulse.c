/* Second pulses of all heights at all places: found where they are, and none found where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/linear.h"
#include "pulse/second_pulse.h"
#include "tests/pulse/synthetic.h"

enum { N = 400, P = 100, LEVEL = 20000, HEIGHT = 3000 };

struct fixture { struct pulse_shape *shape; struct second_search *search; };

static void whitener_of_synthetic(double *taps) {
    double column[WHITENER_ORDER + 1], error;
    for (unsigned j = 0; j <= WHITENER_ORDER; j++)
        column[j] = synthetic_covariance(j) + (j == 0 ? 1.0 / 12 : 0);
    linear_prediction(column, WHITENER_ORDER, taps, &error);
    for (unsigned j = 0; j <= WHITENER_ORDER; j++)
        taps[j] /= sqrt(error);
}

static void set_up(struct fixture *f, int sign) {
    double shape[N], taps[WHITENER_ORDER + 1];
    for (int k = 0; k < N; k++)
        shape[k] = sign * synthetic_shape(k - P);
    whitener_of_synthetic(taps);
    assert_int_equal(pulse_shape_from_template(shape, N, P, HEIGHT, &f->shape), STATUS_OK);
    assert_int_equal(second_search_new(f->shape, P, taps, &f->search), STATUS_OK);
}

static void tear_down(struct fixture *f) {
    second_search_free(f->search);
    pulse_shape_free(f->shape);
}

/* A record with its own pulse and another at sample `at`. */
static struct second_pulse look(struct synthetic *s, const struct fixture *f, int sign, double other, double at) {
    uint16_t d[N];
    struct second_pulse found;
    double late = 0.1 * synthetic_uniform(s) - 0.05;
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)rint(LEVEL + synthetic_noise(s) + sign * (HEIGHT * synthetic_shape(k - P - late) + other * synthetic_shape(k - at)));
    /* height and phase as a filter would say that is somewhat misled */
    second_search_find(f->search, dot_kernel_best(), d, LEVEL, HEIGHT + 0.1 * other, late, &found);
    return found;
}

static double quiet_limit(struct synthetic *s, const struct fixture *f, int sign) {
    double most = 0;
    for (int i = 0; i < 400; i++)
        most = fmax(most, (double)look(s, f, sign, 0, 0).significance);
    return most;
}

static void test_found_where_it_is(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct synthetic s = synthetic_seed(71);
        struct fixture f;
        set_up(&f, sign);
        double limit = quiet_limit(&s, &f, sign);
        print_message("sign %d: most significant of 400 without a second pulse %.1f\n", sign, limit);
        assert_true(limit < 8);
        for (double height = 150; height <= 10000; height *= 4)
            for (int at = 30; at < N - 40; at += 11) {
                if (abs(at - P) < 15)
                    continue;
                struct second_pulse p = look(&s, &f, sign, height, at + synthetic_uniform(&s) - 0.5);
                assert_true((double)p.significance > limit);
                assert_true(abs((int)p.sample - at) <= 2);
                assert_true(fabs((double)p.height / height - 1) < 0.35);
            }
        tear_down(&f);
    }
}

/* Small ones near the end of the record, or near the first pulse, are harder; large ones are not missed even there. */
static void test_near_the_edges(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(72);
    struct fixture f;
    set_up(&f, 1);
    double limit = quiet_limit(&s, &f, 1);
    for (int at = P + 5; at < P + 15; at += 3)
        assert_true((double)look(&s, &f, 1, 1500, at).significance > limit);
    for (int at = N - 40; at < N - 12; at += 4)
        assert_true((double)look(&s, &f, 1, 1500, at).significance > limit);
    tear_down(&f);
}

static void test_scalar_finds_the_same(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(73);
    struct fixture f;
    uint16_t d[N];
    set_up(&f, 1);
    synthetic_record(&s, d, N, P, LEVEL, HEIGHT, 0);
    for (int k = 0; k < N; k++)
        d[k] = (uint16_t)(d[k] + 500 * synthetic_shape(k - 222));
    for (size_t v = 0; dot_kernel_at(v); v++) {
        struct second_pulse p;
        assert_true(second_search_find(f.search, dot_kernel_at(v), d, LEVEL, HEIGHT, 0, &p));
        print_message("%s: %u, %.2f, %.3f\n", dot_kernel_at(v)->name, p.sample, (double)p.height, (double)p.significance);
        assert_true(abs((int)p.sample - 222) <= 1 && fabs((double)p.height / 500 - 1) < 0.1);
    }
    tear_down(&f);
}

/* What the search finds the first look has seen, whatever kernel, wherever the record's own pulse arrives; of records with nothing in them it passes over most. */
static void test_a_first_look_misses_nothing(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(77);
    struct fixture f;
    int found = 0, quiet = 0, seen = 0;
    set_up(&f, 1);
    double limit = quiet_limit(&s, &f, 1);
    for (int i = 0; i < 4000; i++) {
        uint16_t d[N];
        struct second_pulse p;
        double late = rint(4 * synthetic_uniform(&s) - 2) + 0.1 * synthetic_uniform(&s) - 0.05, at = 16 + (N - 32) * synthetic_uniform(&s), other = i % 2 ? exp(log(20) + 5 * synthetic_uniform(&s)) : 0;
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)rint(LEVEL + synthetic_noise(&s) + HEIGHT * synthetic_shape(k - P - late) + other * synthetic_shape(k - at));
        second_search_find(f.search, dot_kernel_best(), d, LEVEL, HEIGHT, late, &p);
        double look = (double)second_search_glance(f.search, dot_kernel_at((size_t)i % 2), d, LEVEL, HEIGHT, late);
        if ((double)p.significance > limit) {
            found++;
            if (!(look > SECOND_GLANCE_LEAST * limit)) printf("t %.2f look %.2f limit %.2f late %.2f at %.1f (%u) other %.1f\n", (double)p.significance, look, limit, late, at, p.sample, other);
        }
        quiet += other == 0;
        seen += other == 0 && look > SECOND_GLANCE_LEAST * limit;
    }
    print_message("%d found, every one seen; of %d with nothing in them %d\n", found, quiet, seen);
    assert_true(found > 1000 && quiet > 500 && seen < quiet / 3);
    tear_down(&f);
}

/* No samples whatever do more than be found odd. */
static void test_any_samples(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(74);
    struct fixture f;
    set_up(&f, 1);
    for (int i = 0; i < 100; i++) {
        uint16_t d[N];
        struct second_pulse p;
        for (int k = 0; k < N; k++)
            d[k] = (uint16_t)(i % 3 == 0 ? 0 : i % 3 == 1 ? synthetic_bits(&s) : (uint64_t)(k > i) * 65535);
        second_search_find(f.search, dot_kernel_best(), d, 0, i % 7 ? 1e5 : (double)NAN, i % 5 ? 0 : (double)NAN, &p);
        float look = second_search_glance(f.search, dot_kernel_best(), d, 0, i % 7 ? 1e5 : (double)NAN, i % 5 ? 0 : (double)NAN);
        assert_true(look >= 0 || isnan(look));
        assert_true(p.sample < N + 4 && (p.significance >= 0 || isnan(p.significance)));
    }
    tear_down(&f);
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
        cmocka_unit_test(test_a_first_look_misses_nothing), cmocka_unit_test(test_any_samples), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
