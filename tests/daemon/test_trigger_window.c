#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/trigger_window.h"

static json_t *body_of(const char *hi_time, json_int_t duration_ns) {
    return json_pack("{s:s,s:I,s:[i,i,i,s,i,i]}", "HiTime", hi_time, "Duration", duration_ns, "CountsSeen", 3, 4, -5, "six", 100000000, 100000001);
}

static void test_counts(void **state) {
    (void)state;
    const uint32_t counts[] = { 3, 4, 0, 0, 100000000, 0 };   /* what is no count is none */
    json_t *body = body_of("2026-11-22T07:23:05.5Z", 1000000000);
    for (size_t most = 0; most < 9; most++) {
        struct trigger_window w;
        assert_true(trigger_window_read(body, most, &w));
        assert_true(w.hi_ns == INT64_C(1795332185500000000) && w.duration_ns == 1000000000);
        assert_int_equal(w.n, most < 6 ? most : 6);
        for (size_t i = 0; i < w.n; i++)
            assert_int_equal(w.counts[i], counts[i]);
        trigger_window_done(&w);
        assert_null(w.counts);
    }
    json_decref(body);
}

/* Durations from 1 ns to an hour. */
static void test_durations(void **state) {
    (void)state;
    const struct { json_int_t ns; bool good; } cases[] = { { 1, true }, { INT64_C(3600000000000), true }, { 0, false }, { -1, false }, { INT64_C(3600000000001), false }, { INT64_MAX, false } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trigger_window w = { .counts = NULL };
        json_t *body = body_of("2026-11-22T07:23:05Z", cases[i].ns);
        assert_int_equal(trigger_window_read(body, 6, &w), cases[i].good);
        trigger_window_done(&w);
        json_decref(body);
    }
}

/* Each key missing, or of another type: refused, and nothing is touched. */
static void test_refusals(void **state) {
    (void)state;
    static const char *const keys[] = { "HiTime", "Duration", "CountsSeen" };
    struct trigger_window w = { .n = 77 };
    for (size_t k = 0; k < 3; k++)
        for (int other = 0; other < 5; other++) {
            json_t *body = body_of("2026-11-22T07:23:05Z", 1000000000), *values[] = { NULL, json_null(), json_real(1), json_object(), json_string("yesterday") };
            if (other == 0)
                json_object_del(body, keys[k]);
            else
                json_object_set(body, keys[k], values[other]);
            assert_false(trigger_window_read(body, 6, &w));
            for (int i = 1; i < 5; i++)
                json_decref(values[i]);
            json_decref(body);
        }
    assert_false(trigger_window_read(NULL, 6, &w));
    assert_true(w.n == 77 && w.counts == NULL && w.hi_ns == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_counts), cmocka_unit_test(test_durations), cmocka_unit_test(test_refusals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
