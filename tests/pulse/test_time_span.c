#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/time_span.h"
#include "tests/dice.h"

enum { LENGTH = 200 };

static struct time_spans random_spans(struct dice *d, bool *covered) {
    struct time_spans s = { 0 };
    for (int64_t at = dice_below(d, 20); at < LENGTH;) {
        struct time_span span = { at, at + dice_below(d, 8) };
        span.end_ns = span.end_ns < LENGTH ? span.end_ns : LENGTH;
        assert_true(time_spans_add(&s, span));
        for (int64_t k = span.start_ns; k < span.end_ns; k++)
            covered[k] = true;
        at += dice_below(d, 15);
    }
    return s;
}

static void assert_covers(const struct time_spans *s, const bool *covered) {
    for (int64_t k = 0; k < LENGTH; k++) {
        size_t i = time_span_after(s->list, s->n, k);
        assert_int_equal(i < s->n && s->list[i].start_ns <= k, covered[k]);
    }
    for (size_t i = 1; i < s->n; i++)
        assert_true(s->list[i].start_ns > s->list[i - 1].end_ns);
}

static void lists_cover_what_was_added_and_join(void **state) {
    (void)state;
    struct dice d = dice_new();
    for (int round = 0; round < 2000; round++) {
        bool in_a[LENGTH] = { false }, in_b[LENGTH] = { false }, either[LENGTH];
        struct time_spans a = random_spans(&d, in_a), b = random_spans(&d, in_b), both;
        assert_covers(&a, in_a);
        assert_true(time_spans_join(&a, &b, &both));
        for (int k = 0; k < LENGTH; k++)
            either[k] = in_a[k] || in_b[k];
        assert_covers(&both, either);
        time_spans_keep(&both, b.list, b.n);
        for (size_t i = 0; i < both.n; i++) {
            bool meets = false;
            for (int64_t k = both.list[i].start_ns; k < both.list[i].end_ns; k++)
                meets = meets || in_b[k];
            assert_true(meets);
        }
        for (size_t i = 0; i < b.n; i++) {
            size_t k = time_span_after(both.list, both.n, b.list[i].start_ns);
            assert_true(k < both.n && both.list[k].start_ns <= b.list[i].start_ns && both.list[k].end_ns >= b.list[i].end_ns);
        }
        time_spans_done(&a);
        time_spans_done(&b);
        time_spans_done(&both);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(lists_cover_what_was_added_and_join) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
