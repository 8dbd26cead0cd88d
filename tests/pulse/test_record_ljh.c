/* The header: what writers have put there, and what is refused. The records are in test_ljh_cursor.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/pulse/ljh_sample.h"

#define MAGIC "#LJH Memorial File Format\n"
#define BASICS "Save File Format Version: 2.2.1\nTotal Samples: 100\nPresamples: 20\nTimebase: 4.0e-06\n"
#define END "#End of Header\n"

static enum status parse(const char *text, struct ljh_header *h, struct complaint *why) {
    return ljh_header_parse((const uint8_t *)text, strlen(text), h, why);
}

static void reads_a_dastard_header(void **state) {
    (void)state;
    struct ljh_header h;
    assert_int_equal(parse(MAGIC BASICS
        "Software Version: DASTARD version 0.3.2\nNumber of rows: 61\nRow number (from 0-60 inclusive): 59\nChannel name: chan4219\n"
        "Channel: 4219\nChannelIndex (in dastard): 246\nSubframe divisions: 64\nSubframe offset: 7\nDigitized Word Size In Bytes: 2\n"
        "Timestamp offset (s): 1721989016.387386\nServer Start Time: 26 Jul 2024, 12:16:56 CEST\nPixel Name: \n" END, &h, NULL), STATUS_OK);
    assert_int_equal(h.version, 22);
    assert_string_equal(h.version_text, "2.2.1");
    assert_int_equal(h.n_samples, 100);
    assert_int_equal(h.n_presamples, 20);
    assert_true(h.sample_period_s == 4e-6);
    assert_int_equal(h.channel, 4219);
    assert_int_equal(h.channel_index, 246);
    assert_string_equal(h.channel_name, "chan4219");
    assert_int_equal(h.subframe_divisions, 64);
    assert_int_equal(h.subframe_offset, 7);
    assert_true(h.timestamp_offset_s == 1721989016.387386);
    assert_true(h.dastard);
    assert_int_equal(h.record_bytes, 216);
}

static void adds_three_presamples_for_other_writers(void **state) {
    (void)state;
    struct ljh_header h;
    assert_int_equal(parse(MAGIC BASICS "Software Version: MATTER Client 1.0.0\n" END, &h, NULL), STATUS_OK);
    assert_int_equal(h.n_presamples, 23);
    assert_false(h.dastard);
}

static void takes_what_is_absent_as_such(void **state) {
    (void)state;
    struct ljh_header h;
    assert_int_equal(parse(MAGIC BASICS END, &h, NULL), STATUS_OK);
    assert_int_equal(h.channel, -1);
    assert_int_equal(h.channel_index, -1);
    assert_string_equal(h.channel_name, "");
    assert_int_equal(h.subframe_divisions, 1);
    assert_int_equal(h.subframe_offset, 0);
    assert_true(h.timestamp_offset_s == 0);
}

static void takes_rows_as_divisions_of_older_files(void **state) {
    (void)state;
    struct ljh_header h;
    assert_int_equal(parse(MAGIC BASICS "Number of rows: 33\nRow number (from 0-32 inclusive): 6\n" END, &h, NULL), STATUS_OK);
    assert_int_equal(h.subframe_divisions, 33);
    assert_int_equal(h.subframe_offset, 6);
}

static void compares_keys_without_case_and_whole(void **state) {
    (void)state;
    struct ljh_header h;
    assert_int_equal(parse(MAGIC BASICS "digitized word size IN bytes: 2\nChannel: 1.0\nDigitizer Channel: 9\nPresamples: 21\n"
                           "Channels: 8\nSystem comment: a: b\n" END, &h, NULL), STATUS_OK);
    assert_int_equal(h.channel, 1);
    assert_int_equal(h.n_presamples, 24);  /* the last of repeated keys */
}

static void skips_free_text(void **state) {
    (void)state;
    struct ljh_header h;
    assert_int_equal(parse(MAGIC BASICS "System description of this File:\nPresamples: 50\nno colon here\n#End of Description\nChannel: 3\n"
                           "User description of this File:\nChannel: 99\n#End of Description\n#End of description\n" END, &h, NULL), STATUS_OK);
    assert_int_equal(h.n_presamples, 23);
    assert_int_equal(h.channel, 3);
}

static const char lf_text[] = MAGIC BASICS "Channel: 5\n" END;

/* lf_text with another line end; returns its length. */
static size_t with_line_end(const char *line_end, char *out) {
    size_t n = 0;
    for (const char *p = lf_text; *p != '\0'; p++) {
        const char *piece = *p == '\n' ? line_end : (const char[]){ *p, '\0' };
        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
    }
    return n;
}

static void ends_at_one_line_end(void **state) {
    (void)state;
    const char *line_ends[] = { "\n", "\r\n", "\r" };
    const char *data[] = { "", "\n\n\n\n", "\r\n\r\n", "\r\r\r\r", "abcd" };
    for (size_t e = 0; e < 3; e++)
        for (size_t d = 0; d < 5; d++) {
            char text[400];
            size_t n = with_line_end(line_ends[e], text);
            memcpy(text + n, data[d], strlen(data[d]));
            struct ljh_header h;
            assert_int_equal(ljh_header_parse((const uint8_t *)text, n + strlen(data[d]), &h, NULL), STATUS_OK);
            assert_int_equal(h.header_bytes, n);
            assert_int_equal(h.channel, 5);
        }
}

static void says_truncated_for_any_beginning(void **state) {
    (void)state;
    const char *line_ends[] = { "\n", "\r\n", "\r" };
    for (size_t e = 0; e < 3; e++) {
        char text[400];
        size_t n = with_line_end(line_ends[e], text);
        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *exact = malloc(cut + 1);
            memcpy(exact, text, cut);
            struct ljh_header h = { .channel = 77 };
            assert_int_equal(ljh_header_parse(exact, cut, &h, NULL), STATUS_TRUNCATED);
            assert_int_equal(h.channel, 77);  /* untouched */
            free(exact);
        }
    }
}

static void refuses_with_line_and_value(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
        const char *said;
    } bad[] = {
        { "not LJH at all", 1, "#LJH Memorial File Format" },
        { MAGIC BASICS "Total Samples: 0\n" END, 6, "Total Samples is '0'" },
        { MAGIC BASICS "Total Samples: 70000\n" END, 6, "'70000'" },
        { MAGIC BASICS "Total Samples: 1e99\n" END, 6, "'1e99'" },
        { MAGIC BASICS "Total Samples: 12.5\n" END, 6, "a whole number from 1 to 65536" },
        { MAGIC BASICS "Total Samples: 12 samples\n" END, 6, "12 samples" },
        { MAGIC BASICS "Presamples: -3\n" END, 6, "Presamples is '-3'" },
        { MAGIC BASICS "Presamples: 97\n" END, 6, "less than Total Samples" },
        { MAGIC BASICS "Timebase: 0\n" END, 6, "Timebase is '0'" },
        { MAGIC BASICS "Timebase: nan\n" END, 6, "'nan'" },
        { MAGIC BASICS "Timebase: inf\n" END, 6, "'inf'" },
        { MAGIC BASICS "Channel: chan7\n" END, 6, "'chan7'" },
        { MAGIC BASICS "Subframe divisions: 0\n" END, 6, "Subframe divisions is '0'" },
        { MAGIC BASICS "Digitized Word Size In Bytes: 4\n" END, 6, "'4'" },
        { MAGIC BASICS "Save File Format Version: 3.0.0\n" END, 6, "'3.0.0', not 2.0, 2.1 or 2.2" },
        { MAGIC "Save File Format Version: 2.2.0\nPresamples: 2\nTimebase: 1e-6\n" END, 5, "no 'Total Samples'" },
        { MAGIC BASICS "Timebase:\n" END, 7, "no 'Timebase'" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ljh_header h;
        struct complaint why = { 0 };
        assert_int_equal(parse(bad[i].text, &h, &why), STATUS_BAD_VALUE);
        assert_non_null(strstr(why.text, bad[i].said));
        assert_int_equal(why.line, bad[i].line);
        assert_true(why.offset <= strlen(bad[i].text));
    }
}

static void refuses_a_header_without_end(void **state) {
    (void)state;
    size_t n = LJH_HEADER_LIMIT;
    uint8_t *text = malloc(n);
    memset(text, 'x', n);
    memcpy(text, MAGIC, sizeof MAGIC - 1);
    struct ljh_header h;
    assert_int_equal(ljh_header_parse(text, n - 1, &h, NULL), STATUS_TRUNCATED);
    assert_int_equal(ljh_header_parse(text, n, &h, NULL), STATUS_BAD_VALUE);
    free(text);
}

static void same_header(const struct ljh_header *a, const struct ljh_header *b) {
    assert_int_equal(b->version, 22);
    assert_string_equal(b->version_text, "2.2.1");
    assert_int_equal(a->n_samples, b->n_samples);
    assert_int_equal(a->n_presamples, b->n_presamples);
    assert_true(a->sample_period_s == b->sample_period_s);
    assert_true(a->timestamp_offset_s == b->timestamp_offset_s);
    assert_int_equal(a->channel, b->channel);
    assert_int_equal(a->channel_index, b->channel_index);
    assert_string_equal(a->channel_name, b->channel_name);
    assert_int_equal(a->subframe_divisions, b->subframe_divisions);
    assert_int_equal(a->subframe_offset, b->subframe_offset);
    assert_int_equal(a->dastard, b->dastard);
    assert_non_null(strstr(b->software, a->software));
}

static void reads_back_what_it_writes(void **state) {
    (void)state;
    struct seeded r = seeded_start("reads_back_what_it_writes");
    for (int i = 0; i < 300; i++) {
        uint32_t divisions = 1 + seeded_below(&r, 300);
        struct ljh_header h = sample_header(8 + seeded_below(&r, 2000), divisions, seeded_below(&r, divisions));
        h.sample_period_s = 1e-6 + 1e-9 * seeded_below(&r, 100000) / (1 + seeded_below(&r, 3));
        h.timestamp_offset_s = seeded_below(&r, 2) ? 0 : 1.7e9 + 1e-7 * (double)seeded_below(&r, 4000000000u);
        h.channel = seeded_below(&r, 4) ? (int32_t)seeded_below(&r, INT32_MAX) : -1;
        h.channel_index = seeded_below(&r, 4) ? (int32_t)seeded_below(&r, INT32_MAX) : -1;
        h.dastard = seeded_below(&r, 2);
        h.n_presamples = 3 + seeded_below(&r, h.n_samples - 4);
        strcpy(h.software, seeded_below(&r, 2) ? "simulation" : h.dastard ? "DASTARD version 9.9" : "other");
        uint8_t text[2048];
        size_t n = ljh_header_format(&h, text, sizeof text);
        assert_int_equal(ljh_header_format(&h, NULL, 0), n);
        struct ljh_header back;
        assert_int_equal(ljh_header_parse(text, n, &back, NULL), STATUS_OK);
        assert_int_equal(back.header_bytes, n);
        same_header(&h, &back);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_dastard_header),
        cmocka_unit_test(adds_three_presamples_for_other_writers),
        cmocka_unit_test(takes_what_is_absent_as_such),
        cmocka_unit_test(takes_rows_as_divisions_of_older_files),
        cmocka_unit_test(compares_keys_without_case_and_whole),
        cmocka_unit_test(skips_free_text),
        cmocka_unit_test(ends_at_one_line_end),
        cmocka_unit_test(says_truncated_for_any_beginning),
        cmocka_unit_test(refuses_with_line_and_value),
        cmocka_unit_test(refuses_a_header_without_end),
        cmocka_unit_test(reads_back_what_it_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
