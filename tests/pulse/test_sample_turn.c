/* Frames of 16 bits: which one a pixel is learnt in, and levels from one frame to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "pulse/sample_turn.h"
#include "tests/pulse/synthetic.h"

enum { N = 256, P = 64, RECORDS = 400 };

/* Records around a level, of which the first `wrapping` are moved to where they wrap; all modulo 65536. */
static void fill(struct synthetic *s, double level, double height, uint32_t wrapping, struct record_store *store) {
    record_store_init(store, STORE_FIRST, N, P, RECORDS);
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint16_t d[N];
        synthetic_record(s, d, N, P, 30000, height, 0);
        uint16_t shift = (uint16_t)(int)(i < wrapping ? 35530 : level - 30000);
        for (uint32_t k = 0; k < N; k++)
            d[k] = (uint16_t)(d[k] + shift);
        struct pulse_record r = { .samples = d, .n_samples = N, .n_presamples = P };
        assert_int_equal(record_store_add(store, &r), STATUS_OK);
    }
}

static uint32_t turn_of(struct synthetic *s, double level, double height, uint32_t wrapping) {
    struct record_store store;
    fill(s, level, height, wrapping, &store);
    uint32_t turn = sample_turn_learn(&store);
    record_store_done(&store);
    return turn;
}

static void test_frames(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(50);
    assert_int_equal(turn_of(&s, 5000, 9000, 0), SAMPLE_TURN_NONE);
    assert_int_equal(turn_of(&s, 32768, 9000, 0), SAMPLE_TURN_NONE);    /* wraps in the other frame only */
    assert_int_equal(turn_of(&s, 0, 9000, 0), SAMPLE_TURN_HALF);        /* int16 around 0 */
    assert_int_equal(turn_of(&s, -3000, 9000, 0), SAMPLE_TURN_HALF);    /* pulses that cross it */
    assert_int_equal(turn_of(&s, -12000, 9000, 0), SAMPLE_TURN_NONE);   /* that do not reach it */
    assert_int_equal(turn_of(&s, 62000, 9000, 0), SAMPLE_TURN_HALF);
    assert_int_equal(turn_of(&s, 3000, -9000, 0), SAMPLE_TURN_HALF);    /* going down */
    assert_int_equal(turn_of(&s, 5000, 9000, 2), SAMPLE_TURN_NONE);     /* a few that jumped there are no reason */
    assert_int_equal(turn_of(&s, 5000, 9000, RECORDS / 4), SAMPLE_TURN_HALF);
    struct record_store none;
    record_store_init(&none, STORE_FIRST, N, P, 2);
    assert_int_equal(sample_turn_learn(&none), SAMPLE_TURN_NONE);
}

static void test_turned_store(void **state) {
    (void)state;
    struct synthetic s = synthetic_seed(51);
    struct record_store store;
    fill(&s, 0, 9000, 0, &store);
    uint16_t copy[N];
    sample_turn_copy(store.samples, N, SAMPLE_TURN_HALF, copy);
    sample_turn_store(&store, SAMPLE_TURN_HALF);
    assert_memory_equal(copy, store.samples, sizeof copy);
    for (size_t k = 0; k < (size_t)RECORDS * N; k++)
        assert_true(store.samples[k] > 32000 && store.samples[k] < 43000);
    record_store_done(&store);
}

static void test_levels(void **state) {
    (void)state;
    assert_true(sample_turn_level(5000, 0, 0) == 5000);
    assert_true(sample_turn_level(32768 - 20, 32768, 32768) == -20);           /* int16 keeps its sign */
    assert_true(sample_turn_level(65000 - 32768, 32768, 0) == 65000);          /* a record that wrapped, of a pixel that does not */
    assert_true(sample_turn_level(100 + 32768, 32768, 0) == 100);
    assert_true(sample_turn_level(32000, 0, 32768) == 32000 && sample_turn_level(33000, 0, 32768) == 33000 - 65536);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_frames), cmocka_unit_test(test_turned_store), cmocka_unit_test(test_levels) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
