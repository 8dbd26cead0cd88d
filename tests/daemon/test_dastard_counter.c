/* Windows of whole seconds, whatever the blocks are: every primary record is told once, in its own second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/sink/dastard_counter.h"

static struct dastard_record record(uint16_t channel, int64_t frame, bool secondary) {
    return (struct dastard_record){.message = {.channel_index = channel, .record = {.trigger_frame = frame}}, .secondary = secondary};
}

static void test_windows(void **state) {
    (void)state;
    struct dastard_counter c;
    assert_true(dastard_counter_init(&c, 2, 0.01));   /* 100 frames a second */
    const struct dastard_record block[] = {record(0, 98, false), record(0, 99, false), record(0, 100, false), record(1, 99, true), record(1, 101, false)};
    dastard_counter_add(&c, block, 5);
    assert_false(dastard_counter_ready(&c, 99));
    assert_true(dastard_counter_ready(&c, 100));
    assert_true(c.counts[0] == 2 && c.counts[1] == 0);
    dastard_counter_next(&c);
    assert_true(c.second == 1 && c.counts[0] == 1 && c.counts[1] == 1);
    assert_false(dastard_counter_ready(&c, 199));
    dastard_counter_restart(&c);
    assert_true(c.second == 0 && c.counts[0] == 0 && c.counts[1] == 0);
    dastard_counter_done(&c);
}

static void test_nothing_is_lost(void **state) {
    (void)state;
    struct dastard_counter c;
    uint64_t told = 0, sent = 0;
    assert_true(dastard_counter_init(&c, 1, 6.4e-6));
    for (int64_t end = 0, frame = 0; end < 1000000; end += 7812) {
        for (; frame < end; frame += 531, sent++) {
            const struct dastard_record r = record(0, frame, false);
            dastard_counter_add(&c, &r, 1);
        }
        while (dastard_counter_ready(&c, end)) {
            assert_true(c.counts[0] >= 156250 / 531 && c.counts[0] <= 156250 / 531 + 1);
            told += c.counts[0];
            dastard_counter_next(&c);
        }
    }
    assert_int_equal(told + c.counts[0] + c.next[0], sent);
    dastard_counter_done(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows), cmocka_unit_test(test_nothing_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
