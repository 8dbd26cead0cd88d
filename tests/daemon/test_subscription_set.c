#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <zmq.h>

#include "daemon/sink/subscription_set.h"

static void note(struct subscription_set *s, bool subscribes, const char *prefix) { subscription_set_note(s, subscribes, prefix, strlen(prefix)); }

static void prefixes_come_and_go(void **state) {
    (void)state;
    struct subscription_set s = { 0 };
    assert_false(subscription_set_covers(&s, "hb/"));
    note(&s, true, "pfy/0001/");
    note(&s, true, "pfy/0001/");   /* a second reader is told too, its leaving is not */
    note(&s, true, "h");
    assert_true(subscription_set_covers(&s, "pfy/0001/O/"));
    assert_false(subscription_set_covers(&s, "pfy/0002/O/"));
    assert_true(subscription_set_covers(&s, "hb/"));
    note(&s, false, "pfy/0001/");
    note(&s, false, "never");
    assert_false(subscription_set_covers(&s, "pfy/0001/O/"));
    assert_true(subscription_set_covers(&s, "hb/"));
    note(&s, true, "");
    assert_true(subscription_set_covers(&s, "anything"));
    note(&s, false, "");
    note(&s, false, "h");
    assert_false(subscription_set_covers(&s, "hb/"));
}

static void what_does_not_fit_reads_everything(void **state) {
    (void)state;
    struct subscription_set s = { 0 }, t = { 0 };
    char prefix[SUBSCRIPTION_BYTES + 2];
    memset(prefix, 'x', sizeof prefix);
    subscription_set_note(&s, true, prefix, SUBSCRIPTION_BYTES + 1);
    assert_true(subscription_set_covers(&s, "hb/"));
    for (unsigned k = 0; k <= SUBSCRIPTIONS_MAX; k++) {
        assert_false(subscription_set_covers(&t, "hb/"));
        snprintf(prefix, sizeof prefix, "%u", k);
        note(&t, true, prefix);
    }
    assert_true(subscription_set_covers(&t, "hb/"));
}

/* What an XPUB tells: everybody's coming, the last one's going, and the end of a connection. */
static void it_follows_a_socket(void **state) {
    (void)state;
    void *context = zmq_ctx_new(), *xpub = zmq_socket(context, ZMQ_XPUB), *sub[2] = { zmq_socket(context, ZMQ_SUB), zmq_socket(context, ZMQ_SUB) };
    struct subscription_set s = { 0 };
    char m[256];
    int n;
    zmq_setsockopt(xpub, ZMQ_XPUB_VERBOSE, &(int){ 1 }, sizeof(int));
    assert_int_equal(zmq_bind(xpub, "inproc://x"), 0);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(zmq_connect(sub[k], "inproc://x"), 0);
        zmq_setsockopt(sub[k], ZMQ_SUBSCRIBE, "pfy/", 4);
        assert_true((n = zmq_recv(xpub, m, sizeof m, 0)) == 5);
        subscription_set_note(&s, m[0] == 1, m + 1, (size_t)n - 1);
        assert_true(subscription_set_covers(&s, "pfy/1/"));
    }
    zmq_setsockopt(sub[0], ZMQ_UNSUBSCRIBE, "pfy/", 4);
    zmq_setsockopt(sub[0], ZMQ_SUBSCRIBE, "end", 3);
    assert_true((n = zmq_recv(xpub, m, sizeof m, 0)) == 4);   /* nothing of the first one's going */
    subscription_set_note(&s, m[0] == 1, m + 1, (size_t)n - 1);
    assert_true(subscription_set_covers(&s, "pfy/1/"));
    zmq_close(sub[1]);
    assert_true((n = zmq_recv(xpub, m, sizeof m, 0)) == 5);
    subscription_set_note(&s, m[0] == 1, m + 1, (size_t)n - 1);
    assert_false(subscription_set_covers(&s, "pfy/1/"));
    assert_true(subscription_set_covers(&s, "end"));
    zmq_close(sub[0]);
    zmq_close(xpub);
    zmq_ctx_term(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_come_and_go),
        cmocka_unit_test(what_does_not_fit_reads_everything),
        cmocka_unit_test(it_follows_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
