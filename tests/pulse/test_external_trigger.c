#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pulse/external_trigger.h"
#include "tests/shared_data.h"

static const char new_line[] = "# external trigger subframecounts as int64 binary data follows, (subframeDivisions=  64)\n";

/* new_line and these counts; returns the length. */
static size_t make(uint8_t *out, const int64_t *counts, size_t n) {
    memcpy(out, new_line, sizeof new_line - 1);
    memcpy(out + sizeof new_line - 1, counts, 8 * n);
    return sizeof new_line - 1 + 8 * n;
}

static void reads_counts_and_keeps_zeros(void **state) {
    (void)state;
    const int64_t counts[] = { 5, 0, INT64_C(0x0a0a0a0a0a0a0a0a), 0, -1 };
    uint8_t bytes[200];
    size_t n = make(bytes, counts, 5);
    struct external_trigger t;
    assert_int_equal(external_trigger_init(&t, bytes, n, NULL), STATUS_OK);
    assert_int_equal(t.divisions, 64);
    int64_t got;
    for (size_t i = 0; i < 5; i++) {
        assert_true(external_trigger_next(&t, bytes, n, &got));
        assert_int_equal(got, counts[i]);
    }
    assert_false(external_trigger_next(&t, bytes, n, &got));
    assert_int_equal(t.counts, 5);
    assert_int_equal(t.zeros, 2);
    assert_int_equal(t.offset, n);
}

static void stops_at_any_cut_and_goes_on(void **state) {
    (void)state;
    const int64_t counts[] = { 11, 22, 33 };
    uint8_t bytes[200];
    size_t n = make(bytes, counts, 3), line = sizeof new_line - 1;
    for (size_t cut = 0; cut <= n; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, bytes, cut);
        struct external_trigger t;
        int64_t got;
        assert_int_equal(external_trigger_init(&t, exact, cut, NULL), cut < line ? STATUS_TRUNCATED : STATUS_OK);
        while (cut >= line && external_trigger_next(&t, exact, cut, &got))
            assert_int_equal(got, counts[t.counts - 1]);
        if (cut >= line) {
            assert_int_equal(t.counts, (cut - line) / 8);
            assert_int_equal(cut - t.offset, (cut - line) % 8);
            for (size_t i = t.counts; i < 3; i++)
                assert_true(external_trigger_next(&t, bytes, n, &got) && got == counts[i]);
        }
        free(exact);
    }
}

static void takes_any_text_line(void **state) {
    (void)state;
    static const struct { const char *line; uint32_t divisions; } lines[] = {
        { "#\n", 0 }, { "# no number\n", 0 }, { "# (nrow=  33)\n", 33 }, { "# =\n", 0 }, { "# =99999999999999999999)\n", 0 }, { "# a=1 b=240\n", 240 },
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct external_trigger t;
        assert_int_equal(external_trigger_init(&t, (const uint8_t *)lines[i].line, strlen(lines[i].line), NULL), STATUS_OK);
        assert_int_equal(t.divisions, lines[i].divisions);
    }
}

static void refuses_other_files(void **state) {
    (void)state;
    struct external_trigger t;
    struct complaint why = { 0 };
    assert_int_equal(external_trigger_init(&t, (const uint8_t *)"binary", 6, &why), STATUS_BAD_VALUE);
    assert_int_not_equal(why.text[0], 0);
    uint8_t *endless = malloc(EXTERNAL_TRIGGER_LINE_LIMIT);
    memset(endless, '#', EXTERNAL_TRIGGER_LINE_LIMIT);
    assert_int_equal(external_trigger_init(&t, endless, EXTERNAL_TRIGGER_LINE_LIMIT, &why), STATUS_BAD_VALUE);
    free(endless);
}

/* golden_states.json of the same folder: 29 counts, first 675865369, last 675933729. */
static void reads_the_real_file(void **state) {
    (void)state;
    struct shared_file f = shared_read("real/regress_c1/regress_external_trigger.bin");
    if (f.bytes == NULL)
        skip();
    struct external_trigger t;
    assert_int_equal(external_trigger_init(&t, f.bytes, f.n, NULL), STATUS_OK);
    assert_int_equal(t.divisions, 64);
    int64_t first = 0, last = 0;
    assert_true(external_trigger_next(&t, f.bytes, f.n, &first));
    while (external_trigger_next(&t, f.bytes, f.n, &last))
        continue;
    assert_int_equal(t.counts, 29);
    assert_int_equal(first, 675865369);
    assert_int_equal(last, 675933729);
    assert_int_equal(t.zeros, 0);
    assert_int_equal(t.offset, f.n);
    free(f.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_counts_and_keeps_zeros),
        cmocka_unit_test(stops_at_any_cut_and_goes_on),
        cmocka_unit_test(takes_any_text_line),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(reads_the_real_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
