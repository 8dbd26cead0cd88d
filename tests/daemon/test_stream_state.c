#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/client/stream_state.h"
#include "tests/daemon/made_message.h"

static enum stream_refusal read_and_forget(const struct made_message *m) {
    struct stream_state *s = NULL;
    enum stream_refusal r = stream_state_read(m->frames, m->n, &s);
    assert_true((s != NULL) == (r == STREAM_GOOD));
    stream_state_free(s);
    free(m->text);
    return r;
}

static void a_message_is_read_as_it_was_meant(void **state) {
    (void)state;
    const double yield[3] = { 1, 2.5, 3 };
    const uint32_t counts[3] = { 10, 4000000000u, 0 };
    struct made_message m = made_pfy("pfy/O/", "b", 7, yield, counts);
    struct stream_state *s;
    assert_int_equal(stream_state_read(m.frames, m.n, &s), STREAM_GOOD);
    assert_string_equal(s->topic, "pfy/O/");
    assert_string_equal(s->kind, "pfy");
    assert_int_equal(s->seq, 7);
    assert_false(s->snap);
    assert_int_equal(stream_state_ns(s, "t_ns"), INT64_C(1603372047300000000));
    const struct data_array *n = stream_state_array(s, "counts");
    assert_non_null(n);
    assert_true(stream_state_value(n, 1) == 4000000000.0);
    assert_true(stream_state_value(stream_state_array(s, "yield"), 1) == 2.5);
    assert_null(stream_state_array(s, "none"));
    assert_string_equal(stream_state_text(s, "no such key"), "");
    stream_state_free(s);
    free(m.text);
}

static void keys_that_are_needed_are_needed(void **state) {
    (void)state;
    static const char *const needed[] = { "v", "kind", "seq", "boot", "run", "t_ns", "start_ns", "accum", "state", "cal", "snap", "signal", "arrays" };
    for (size_t k = 0; k < sizeof needed / sizeof *needed; k++) {
        json_t *h = made_header("hb", "b", 1);
        json_object_del(h, needed[k]);
        struct made_message m = made_message("hb/", h, NULL, 0);
        assert_int_equal(read_and_forget(&m), STREAM_HEADER);
    }
}

static void keys_and_roles_and_codecs_not_known_do_no_harm(void **state) {
    (void)state;
    const double one = 1;
    const struct stream_frame blob = { &one, sizeof one };
    json_t *h = made_header("pfy", "b", 1);
    json_object_set_new(h, "colour", json_string("mauve"));
    made_array(h, "a", "<f8", 1, 0);
    made_array(h, "packed", "<f8", 100, 0);
    json_object_set_new(json_array_get(json_object_get(h, "arrays"), 0), "role", json_string("ornament"));
    json_object_set_new(json_array_get(json_object_get(h, "arrays"), 1), "codec", json_string("lz4"));
    struct made_message m = made_message("pfy/O/", h, &blob, 1);
    struct stream_state *s;
    assert_int_equal(stream_state_read(m.frames, m.n, &s), STREAM_GOOD);
    assert_int_equal(s->n_arrays, 1);
    stream_state_free(s);
    free(m.text);
}

static void arrays_fit_their_blobs_or_are_refused(void **state) {
    (void)state;
    const double two[2] = { 1, 2 };
    const struct stream_frame blob = { two, sizeof two };
    static const struct { const char *dtype; int n, blob; enum stream_refusal want; } cases[] = {
        { "<f8", 2, 0, STREAM_GOOD },  { "<u4", 4, 0, STREAM_GOOD },   { "<f8", 3, 0, STREAM_ARRAY },          { "<f8", 1, 0, STREAM_ARRAY },
        { "<f8", 2, 1, STREAM_ARRAY }, { "<f8", 2, -1, STREAM_ARRAY }, { ">f8", 2, 0, STREAM_ARRAY },          { "<f8", -2, 0, STREAM_ARRAY },
        { "|u1", 16, 0, STREAM_GOOD }, { "<f8", 0, 0, STREAM_ARRAY },  { "<f8", 2147483647, 0, STREAM_ARRAY },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        json_t *h = made_header("pfy", "b", 1);
        made_array(h, "a", cases[k].dtype, cases[k].n, cases[k].blob);
        struct made_message m = made_message("pfy/O/", h, &blob, 1);
        assert_int_equal(read_and_forget(&m), cases[k].want);
    }
}

static void what_is_no_message_is_refused_for_its_reason(void **state) {
    (void)state;
    static const char *const topics[] = { "pfy", "/ /", "", "/", "pfy/\xC3\xA4/" };
    for (size_t k = 0; k < sizeof topics / sizeof *topics; k++) {
        struct made_message m = made_message(topics[k], made_header("pfy", "b", 1), NULL, 0);
        assert_int_equal(read_and_forget(&m), STREAM_TOPIC);
    }
    struct made_message later = made_message("hb/", made_header("hb", "b", 1), NULL, 0), alone = made_message("hb/", made_header("hb", "b", 1), NULL, 0);
    alone.n = 1;
    assert_int_equal(read_and_forget(&alone), STREAM_FRAMES);
    memcpy(strstr(later.text, "\"v\":1") + 4, "2", 1);
    assert_int_equal(read_and_forget(&later), STREAM_VERSION);
    struct made_message list = made_message("hb/", json_pack("[i]", 1), NULL, 0);
    assert_int_equal(read_and_forget(&list), STREAM_HEADER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_read_as_it_was_meant),
        cmocka_unit_test(keys_that_are_needed_are_needed),
        cmocka_unit_test(keys_and_roles_and_codecs_not_known_do_no_harm),
        cmocka_unit_test(arrays_fit_their_blobs_or_are_refused),
        cmocka_unit_test(what_is_no_message_is_refused_for_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
