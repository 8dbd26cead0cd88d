/* Bounded keeping of records: what is kept, and that it depends on their order only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/record_store.h"

enum { N = 8, MOST = 256 };

static void offer(struct record_store *s, uint32_t number) {
    uint16_t d[N];
    for (unsigned k = 0; k < N; k++)
        d[k] = (uint16_t)(number + k);
    struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = 2, .trigger_frame = 1000 + (int64_t)number };
    assert_int_equal(record_store_add(s, &r), STATUS_OK);
}

static void test_first_keeps_neighbours(void **state) {
    (void)state;
    struct record_store s;
    record_store_init(&s, STORE_FIRST, N, 2, MOST);
    for (uint32_t i = 0; i < 3 * MOST; i++)
        offer(&s, i);
    assert_int_equal(s.n_records, MOST);
    assert_int_equal(s.seen, 3 * MOST);
    for (uint32_t i = 0; i < MOST; i++) {
        struct pulse_record r = record_store_at(&s, i);
        assert_int_equal(r.trigger_frame, 1000 + i);
        assert_int_equal(r.samples[N - 1], i + N - 1);
        assert_int_equal(r.n_presamples, 2);
    }
    record_store_done(&s);
}

static void test_even_covers_the_run(void **state) {
    (void)state;
    struct record_store s;
    record_store_init(&s, STORE_EVEN, N, 2, MOST);
    for (uint32_t i = 0; i < 20 * MOST + 7; i++) {
        offer(&s, i);
        assert_true(s.n_records <= MOST);
        for (uint32_t k = 0; i % 97 == 0 && k < s.n_records; k++)
            assert_int_equal(s.frames[k], 1000 + (int64_t)(k * s.stride));
    }
    assert_true(s.n_records > MOST / 2);
    assert_int_equal(s.stride, 32);
    record_store_done(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_first_keeps_neighbours), cmocka_unit_test(test_even_covers_the_run) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
