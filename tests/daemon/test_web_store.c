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

static unsigned count(struct web_store *store, uint64_t *after) {
    struct web_message m;
    unsigned n = 0;
    for (; web_store_next(store, after, &m); n++)
        web_message_release(&m);
    return n;
}

/* Each at its own pace: the newest of each topic, and each only once. */
static void news_are_what_is_newer(void **unused) {
    (void)unused;
    struct web_store *store;
    struct web_message m, held;
    uint64_t fast = 0, slow = 0;
    assert_true(web_store_new(&store));
    assert_false(web_store_next(store, &fast, &m));
    put(store, "pfy/O/", 1, 1, 10);
    put(store, "hb/", -1, 1, 20);
    assert_true(web_store_next(store, &fast, &held));   /* not given back yet */
    assert_int_equal(count(store, &fast), 1);
    put(store, "pfy/O/", 1, 2, 11);
    assert_int_equal(value_of(&held), 10);              /* what is being sent stays as it was */
    web_message_release(&held);
    assert_true(web_store_next(store, &fast, &m));
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
    assert_true(web_store_new(&store));
    for (int scan = 0; scan < 100; scan++) {
        put(store, "pfy/O/", scan, scan + 1, 1);
        put(store, "rixs/map/", scan, scan + 1, 1);
        put(store, "pixel/3/", scan, scan + 1, 1);   /* of no scan, whatever its header says */
    }
    assert_int_equal(count(store, &after), 30 + 2 + 1);
    web_store_free(store);
    web_store_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(news_are_what_is_newer), cmocka_unit_test(earlier_scans_are_bounded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
