/* Jumps that were put into records are found where they are and taken out to the last bit; pulses and pile-up are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "pulse/flux_jump.h"
#include "tests/pulse/synthetic.h"

enum { N = 500, P = 128, NOISE_SD = 6 };

static uint32_t find(const uint16_t *d, struct flux_jump jumps[FLUX_JUMPS_MAX]) {
    uint32_t n = 0;
    for (size_t v = 0; dot_kernel_at(v); v++) {
        struct flux_jump other[FLUX_JUMPS_MAX] = { 0 };
        uint32_t m = flux_jumps_find(dot_kernel_at(v), d, N, NOISE_SD, v == 0 ? jumps : other);
        if (v == 0)
            n = m;
        assert_int_equal(m, n);
    }
    return n;
}

static void test_found_and_removed(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(52);
    for (int i = 0; i < 500; i++) {
        uint16_t whole[N], d[N];
        struct flux_jump jumps[FLUX_JUMPS_MAX] = { 0 };
        synthetic_record(&s, whole, N, P, 3000, 2000 + 10 * i, 0);
        uint32_t at = i % 3 == 0 ? 2 + (uint32_t)(synthetic_uniform(&s) * (P - 10)) : P + 40 + (uint32_t)(synthetic_uniform(&s) * (N - P - 42));
        int32_t counts = (512 << i % 7) * (i % 2 ? 1 : -1) * (i % 5 == 0 && i % 7 < 6 ? 2 : 1);
        memcpy(d, whole, sizeof d);
        for (uint32_t k = at; k < N; k++)
            d[k] = (uint16_t)(d[k] + counts);   /* may wrap: it is all modulo 65536 */
        assert_int_equal(find(d, jumps), 1);
        assert_int_equal(jumps[0].sample, at);
        assert_int_equal((uint16_t)jumps[0].counts, (uint16_t)counts);
        flux_jumps_remove(d, N, jumps, 1);
        assert_memory_equal(d, whole, sizeof d);
    }
}

static void test_several(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(53);
    uint16_t whole[N], d[N];
    struct flux_jump jumps[FLUX_JUMPS_MAX] = { 0 };
    synthetic_record(&s, whole, N, P, 20000, 4000, 0);
    memcpy(d, whole, sizeof d);
    for (uint32_t k = 50; k < N; k++)
        d[k] = (uint16_t)(d[k] + 4096 * (1 + (k >= 300)));
    assert_int_equal(find(d, jumps), 2);
    flux_jumps_remove(d, N, jumps, 2);
    assert_memory_equal(d, whole, sizeof d);
    for (uint32_t k = 0; k < N; k++)
        d[k] = (uint16_t)(whole[k] + 4096 * (k / 20 % 2));   /* more than there is room for: all are counted */
    assert_true(find(d, jumps) >= 20);
}

static void test_pulses_are_none(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(54);
    struct flux_jump jumps[FLUX_JUMPS_MAX] = { 0 };
    uint32_t found = 0;
    for (int i = 0; i < 2000; i++) {
        uint16_t d[N];
        synthetic_record(&s, d, N, P, 8000, 300 + 8 * i, synthetic_uniform(&s));
        double late = 5 + 300 * synthetic_uniform(&s);
        for (uint32_t k = P; k < N; k++)
            d[k] = (uint16_t)(d[k] + 3000 * synthetic_shape((double)k - P - late));
        found += find(d, jumps);
    }
    print_message("%u jumps seen in 2000 records without one\n", found);
    assert_true(found < 20);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_found_and_removed), cmocka_unit_test(test_several), cmocka_unit_test(test_pulses_are_none) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
