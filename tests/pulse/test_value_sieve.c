/* Every variant against the definition: all lengths, alignments, values on the bounds, and the list as its own output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/value_sieve.h"
#include "tests/pulse/synthetic.h"

enum { MOST = 70, SHIFTS = 4 };
typedef double room_for[MOST + SHIFTS + VALUE_SIEVE_SLACK];

static int runs(const struct value_sieve *s) {
    return s->name != NULL && (strcmp(s->name, "avx2") != 0 || __builtin_cpu_supports("avx2"));
}

static void check(const struct value_sieve *s, const double *values, size_t n, double low, double high) {
    room_for want, got;
    struct sieved all = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        all.below += values[i] < low;
        if (values[i] >= low && values[i] <= high)
            want[all.n++] = values[i];
    }
    struct sieved in = s->between(values, n, low, high, got);
    assert_true(in.n == all.n && in.below == all.below);
    assert_memory_equal(got, want, in.n * sizeof *got);
    memcpy(got, values, n * sizeof *got);
    in = s->between(got, n, low, high, got);
    assert_true(in.n == all.n && in.below == all.below);
    assert_memory_equal(got, want, in.n * sizeof *got);
}

static void check_near(const struct value_sieve *s, const double *values, size_t n, double centre, double reach) {
    room_for want, got;
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        if (fabs(values[i] - centre) <= reach)
            want[all++] = values[i];
    assert_true(s->near(values, n, centre, reach, got) == all);
    assert_memory_equal(got, want, all * sizeof *got);
}

static void test_variants_keep_the_same(void **state) {
    (void)state;
    struct synthetic draw = synthetic_seed(3);
    assert_string_equal(value_sieves[0].name, "scalar");
    for (const struct value_sieve *s = value_sieves; s->name; s++)
        for (size_t n = 0; runs(s) && n <= MOST; n++)
            for (size_t shift = 0; shift < SHIFTS; shift++) {
                room_for all;
                double *values = all + shift;
                for (size_t i = 0; i < n; i++)
                    values[i] = n % 2 ? synthetic_gauss(&draw) : (double)(synthetic_bits(&draw) % 6);
                check(s, values, n, -0.5, 1);
                check(s, values, n, 2, 4);
                check(s, values, n, -(double)INFINITY, 3);
                check(s, values, n, 3, (double)INFINITY);
                check_near(s, values, n, 2, 1);
                check_near(s, values, n, 0.1, 0.4);
            }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_ranks_are_those_of_sorting(void **state) {
    (void)state;
    struct synthetic draw = synthetic_seed(4);
    for (const struct value_sieve *s = value_sieves; s->name; s++)
        for (size_t n = 1; runs(s) && n <= VALUE_SIEVE_FEW; n++)
            for (int kind = 0; kind < 4; kind++) {
                double values[VALUE_SIEVE_FEW], sorted[VALUE_SIEVE_FEW];
                for (size_t i = 0; i < n; i++)
                    values[i] = kind == 0 ? synthetic_gauss(&draw) : kind == 1 ? (double)(synthetic_bits(&draw) % 4) : kind == 2 ? 7 : i % 5 ? -(double)i : (double)INFINITY;
                memcpy(sorted, values, n * sizeof *sorted);
                qsort(sorted, n, sizeof *sorted, ascending);
                for (size_t low = 0; low < n; low++)
                    for (size_t high = low; high < n; high++) {
                        struct value_pair got = s->ranks(values, n, low, high);
                        assert_true(got.low == sorted[low] && got.high == sorted[high]);
                    }
            }
}

static void test_the_best_is_one_of_them(void **state) {
    (void)state;
    const struct value_sieve *s = value_sieves;
    while (s->name && s != value_sieve_best())
        s++;
    assert_non_null(s->name);
    assert_true(runs(s));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_variants_keep_the_same), cmocka_unit_test(test_ranks_are_those_of_sorting),
                                       cmocka_unit_test(test_the_best_is_one_of_them) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
