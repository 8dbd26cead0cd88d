#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/client/web_store.h"

static struct stream_state *state(const char *topic, int scan, int seq, uint32_t value) {
    char header[400];
    snprintf(header, sizeof header,
             "{\"v\": 1, \"kind\": \"k\", \"seq\": %d, \"boot\": \"b\", \"run\": \"\", \"scan\": %d, \"t_ns\": \"0\", \"start_ns\": \"0\", \"accum\": \"\", \"state\": \"\", \"cal\": \"\", \"signal\": \"\","
             " \"snap\": false, \"arrays\": [{\"name\": \"n\", \"role\": \"aux\", \"dtype\": \"<u4\", \"shape\": [1], \"blob\": 0, \"codec\": \"none\"}]}",
             seq, scan);
    const struct stream_frame frames[] = { { topic, strlen(topic) }, { header, strlen(header) }, { &value, sizeof value } };
    struct stream_state *s = NULL;
    assert_int_equal(stream_state_read(frames, 3, &s), STREAM_GOOD);
    return s;
}

static void put(struct web_store *store, const char *topic, int scan, int seq, uint32_t value) {
    struct stream_state *s = state(topic, scan, seq, value);
    assert_true(web_store_put(store, s));
    stream_state_free(s);
}

/* The array of a message, behind its header. */
static uint32_t value_of(const struct web_message *m) {
    uint32_t length, value;
    memcpy(&length, m->bytes, 4);
    size_t at = (4 + (size_t)length + 7) & ~(size_t)7;
    assert_int_equal(m->n, at + 8);
    memcpy(&value, m->bytes + at, 4);
    json_t *header = json_loadb((const char *)m->bytes + 4, length, 0, NULL);
    assert_non_null(json_object_get(header, "topic"));
    json_decref(header);
    return value;
}

static unsigned count_of(struct web_store *store, const char *want, uint64_t *after) {
    struct web_message m;
    unsigned n = 0;
    for (; web_store_next(store, want, after, &m); n++)
        web_message_release(&m);
    return n;
}

static unsigned count(struct web_store *store, uint64_t *after) { return count_of(store, NULL, after); }

/* Each at its own pace: the newest of each topic, and each only once. */
static void news_are_what_is_newer(void **unused) {
    (void)unused;
    struct web_store *store;
    struct web_message m, held;
    uint64_t fast = 0, slow = 0;
    assert_true(web_store_new(false, &store));
    assert_false(web_store_next(store, NULL, &fast, &m));
    put(store, "pfy/O/", 1, 1, 10);
    put(store, "hb/", -1, 1, 20);
    assert_true(web_store_next(store, NULL, &fast, &held));   /* not given back yet */
    assert_int_equal(count(store, &fast), 1);
    put(store, "pfy/O/", 1, 2, 11);
    assert_int_equal(value_of(&held), 10);              /* what is being sent stays as it was */
    web_message_release(&held);
    assert_true(web_store_next(store, NULL, &fast, &m));
    assert_int_equal(value_of(&m), 11);
    web_message_release(&m);
    assert_int_equal(count(store, &slow), 2);
    assert_int_equal(count(store, &fast), 0);
    uint64_t generation = web_store_generation(store);
    web_store_clear(store);
    assert_true(web_store_generation(store) > generation);
    slow = 0;
    assert_int_equal(count(store, &slow), 0);
    web_store_free(store);
}

static void earlier_scans_are_bounded(void **unused) {
    (void)unused;
    struct web_store *store;
    uint64_t after = 0;
    assert_true(web_store_new(false, &store));
    for (int scan = 0; scan < 100; scan++) {
        put(store, "pfy/O/", scan, scan + 1, 1);
        put(store, "rixs/map/", scan, scan + 1, 1);
        put(store, "pixel/3/", scan, scan + 1, 1);   /* of no scan, whatever its header says */
    }
    assert_int_equal(count(store, &after), 30);
    after = 0;
    assert_int_equal(count_of(store, "pixel/", &after), 1);
    unsigned maps = 0;
    for (int scan = 0; scan < 100; scan++) {
        char set[32];
        snprintf(set, sizeof set, "scan %d", scan);
        after = 0;
        maps += count_of(store, set, &after);
    }
    assert_int_equal(maps, 12);
    web_store_free(store);
    web_store_free(NULL);
}

/* Files: nothing goes; maps, details and states of pixels are for those who name them. */
static void large_states_are_asked_for(void **unused) {
    (void)unused;
    struct web_store *store;
    uint64_t all = 0, map = 0, detail = 0;
    assert_true(web_store_new(true, &store));
    for (int scan = 0; scan < 40; scan++) {
        put(store, "pfy/O/", scan, 1, 1);
        put(store, "rixs/map/", scan, 1, 1);
    }
    put(store, "detail/3/", -1, 1, 1);
    assert_int_equal(count(store, &all), 40);
    assert_int_equal(count_of(store, "scan 7", &map), 1);
    assert_int_equal(count_of(store, "scan 7", &map), 0);
    put(store, "rixs/map/", 7, 2, 5);
    assert_int_equal(count_of(store, "scan 7", &map), 1);
    assert_int_equal(count_of(store, "detail/3/", &detail), 1);
    detail = 0;
    assert_int_equal(count_of(store, "detail/4/", &detail), 0);
    put(store, "pixel/3/", -1, 1, 1);
    put(store, "pixel/4/", -1, 1, 1);
    assert_int_equal(count(store, &all), 0);
    detail = 0;
    assert_int_equal(count_of(store, "pixel/", &detail), 2);
    web_store_free(store);
}

/* A map's counts come in the narrowest type that holds them. */
static void counts_of_maps_are_narrow(void **unused) {
    (void)unused;
    const uint32_t tops[] = { 0, 255, 256, 65535, 65536 };
    const char *const types[] = { "|u1", "|u1", "<u2", "<u2", "<u4" };
    for (unsigned k = 0; k < 5; k++) {
        struct web_store *store;
        struct web_message m = { 0 };
        uint64_t after = 0;
        const uint32_t counts[6] = { 0, 1, 2, 3, 4, tops[k] };
        const char header[] = "{\"v\": 1, \"kind\": \"k\", \"seq\": 1, \"boot\": \"b\", \"run\": \"\", \"scan\": 1, \"t_ns\": \"0\", \"start_ns\": \"0\", \"accum\": \"\", \"state\": \"\", \"cal\": \"\", \"signal\": \"\","
                              " \"snap\": false, \"arrays\": [{\"name\": \"counts\", \"role\": \"signal\", \"dtype\": \"<u4\", \"shape\": [2, 3], \"blob\": 0, \"codec\": \"none\"}]}";
        const struct stream_frame frames[] = { { "rixs/map/", 9 }, { header, strlen(header) }, { counts, sizeof counts } };
        struct stream_state *s = NULL;
        assert_int_equal(stream_state_read(frames, 3, &s), STREAM_GOOD);
        assert_true(web_store_new(false, &store) && web_store_put(store, s) && web_store_next(store, "scan 1", &after, &m));
        uint32_t length = 0, value = 0;
        assert_non_null(m.bytes);
        if (m.bytes == NULL)
            return;
        memcpy(&length, m.bytes, 4);
        json_t *h = json_loadb((const char *)m.bytes + 4, length, 0, NULL);
        const char *type = json_string_value(json_object_get(json_array_get(json_object_get(h, "arrays"), 0), "dtype"));
        assert_non_null(type);
        assert_string_equal(type, types[k]);
        const size_t size = (size_t)(type[2] - '0'), at = (4 + (size_t)length + 7) & ~(size_t)7;
        memcpy(&value, m.bytes + at + 5 * size, size);
        assert_int_equal(value, tops[k]);
        json_decref(h);
        web_message_release(&m);
        stream_state_free(s);
        web_store_free(store);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(news_are_what_is_newer), cmocka_unit_test(earlier_scans_are_bounded), cmocka_unit_test(large_states_are_asked_for),
                                        cmocka_unit_test(counts_of_maps_are_narrow) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
