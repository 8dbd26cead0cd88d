#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "calib/even_samples.h"
#include "tests/calib/draw.h"

enum { MOST = 20000 };

/* What is taken of n values is every stride-th, by the smallest power of 2 that is enough. */
static void assert_even(const struct even_samples *s, const float *all, size_t n) {
    size_t stride = 1;
    while ((n + stride - 1) / stride > EVEN_SAMPLES)
        stride *= 2;
    assert_int_equal(s->seen, n);
    assert_int_equal(s->stride, stride);
    assert_int_equal(s->n, (n + stride - 1) / stride);
    for (size_t i = 0; i < s->n; i++)
        assert_true(s->values[i] == all[i * stride]);
}

/* In runs of any length, some of which hold values that are none. */
static void every_stride_th_is_taken(void **state) {
    (void)state;
    static float all[MOST], run[1500];
    struct seeded r = draw_start("even_samples", 17);
    for (int round = 0; round < 60; round++) {
        struct even_samples s;
        even_samples_clear(&s);
        for (size_t n = 0, upto = (size_t)(draw_uniform(&r) * (MOST - 1500)); n < upto;) {
            const size_t length = 1 + (size_t)(draw_uniform(&r) * (draw_uniform(&r) < 0.5 ? 20 : 1499));
            const int whole = draw_uniform(&r) < 0.7;
            const size_t before = n;
            for (size_t i = 0; i < length; i++) {
                run[i] = whole || draw_uniform(&r) < 0.9 ? (float)draw_uniform(&r) : draw_uniform(&r) < 0.5 ? NAN : INFINITY;
                if (isfinite(run[i]))
                    all[n++] = run[i];
            }
            for (size_t i = 0; i < length && !whole; i++)
                even_samples_add(&s, run[i]);
            if (whole)
                even_samples_add_finite(&s, run, length);
            assert_int_equal(s.seen - before, n - before);
        }
        assert_even(&s, all, s.seen);
    }
}

static void one_more_than_fit_halves(void **state) {
    (void)state;
    static float all[EVEN_SAMPLES + 1];
    struct even_samples s;
    even_samples_clear(&s);
    for (size_t i = 0; i <= EVEN_SAMPLES; i++)
        all[i] = (float)i;
    even_samples_add_finite(&s, all, EVEN_SAMPLES);
    assert_even(&s, all, EVEN_SAMPLES);
    even_samples_add(&s, all[EVEN_SAMPLES]);
    assert_even(&s, all, EVEN_SAMPLES + 1);
    even_samples_clear(&s);
    even_samples_add_finite(&s, all, EVEN_SAMPLES + 1);
    assert_even(&s, all, EVEN_SAMPLES + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stride_th_is_taken),
        cmocka_unit_test(one_more_than_fit_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
