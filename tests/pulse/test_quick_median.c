/* Bit for bit what robust.h says, whatever the values and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "pulse/quick_median.h"
#include "tests/pulse/synthetic.h"

enum { MOST = 1500, KINDS = 9 };

static double value_of(struct synthetic *s, int kind, size_t i, size_t n) {
    switch (kind) {
    case 0: return synthetic_gauss(s);
    case 1: return (double)(float)(5000 + 3 * synthetic_gauss(s));
    case 2: return (double)(synthetic_bits(s) % 4);
    case 3: return (double)i;
    case 4: return -(double)i;
    case 5: return 7;
    case 6: return i % 16 ? (double)i : -1e9;                           /* a period of the places that are looked at */
    case 7: return synthetic_bits(s) % 40 ? 3 : synthetic_gauss(s);     /* nearly all are equal */
    default: return i < n / 2 ? 1e6 + synthetic_gauss(s) : synthetic_gauss(s);   /* the middle ones are far apart */
    }
}

static void check(const struct value_sieve *sieve, const double *values, size_t n) {
    double work[MOST + VALUE_SIEVE_SLACK], room[MOST + VALUE_SIEVE_SLACK], same[MOST + VALUE_SIEVE_SLACK];
    memcpy(work, values, n * sizeof *work);
    double want = robust_median(work, n), got = quick_median(sieve, values, n, room);
    assert_memory_equal(&got, &want, sizeof got);
    memcpy(work, values, n * sizeof *work);
    memcpy(same, values, n * sizeof *same);
    struct robust_centre centre = robust_centre(work, n), quick = quick_centre(sieve, same, n, room);
    assert_memory_equal(&quick, &centre, sizeof quick);
    for (size_t i = 0; i < n; i++)
        assert_true(same[i] == fabs(values[i] - centre.median));
}

static void test_medians_are_those_of_robust(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(17);
    for (const struct value_sieve *sieve = value_sieves; sieve->name; sieve++)
        for (int kind = 0; kind < KINDS && (strcmp(sieve->name, "avx2") != 0 || __builtin_cpu_supports("avx2")); kind++)
            for (size_t n = 1; n <= MOST; n += 1 + n / 30) {
                double values[MOST];
                for (size_t i = 0; i < n; i++)
                    values[i] = value_of(&s, kind, i, n);
                check(sieve, values, n);
            }
}

static void test_nothing_has_no_median(void **state) {
    (void)state;
    double room[VALUE_SIEVE_SLACK] = { 0 };
    assert_true(isnan(quick_median(value_sieve_best(), room, 0, room)));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_medians_are_those_of_robust), cmocka_unit_test(test_nothing_has_no_median) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
