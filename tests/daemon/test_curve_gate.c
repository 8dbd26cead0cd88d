/* Who comes in by the gate and who does not: by a publisher, as the daemon uses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/curve_gate.h"
#include "daemon/key_file.h"
#include "daemon/sink/publish.h"

enum { PATIENCE = 5000 };

struct bench { void *zmq; struct curve_gate *gate; struct publisher *publisher; char folder[64]; };

static void make_key(const struct bench *b, const char *below, const char *name, int64_t expires_s) {
    struct key_file k = { .expires_s = expires_s };
    char folder[128], why[KEY_WHY] = "";
    snprintf(k.name, sizeof k.name, "%s", name);
    snprintf(folder, sizeof folder, "%s%s", b->folder, below);
    assert_int_equal(zmq_curve_keypair(k.public_key, k.secret_key), 0);
    if (!key_file_write(folder, &k, why))
        fail_msg("%s", why);
}

static int begin(void **state) {
    static struct bench b;
    b = (struct bench){ .zmq = zmq_ctx_new(), .folder = "/tmp/tesd-gate-XXXXXX" };
    char path[128];
    assert_non_null(mkdtemp(b.folder));
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%s", b.folder, k ? "controllers" : "readers");
        assert_int_equal(mkdir(path, 0700), 0);
    }
    make_key(&b, "", "server", INT64_MAX);
    make_key(&b, "", "stranger", INT64_MAX);
    make_key(&b, "/readers", "reader", INT64_MAX);
    make_key(&b, "/readers", "old", 1000);
    make_key(&b, "/controllers", "controller", INT64_MAX);
    assert_true(curve_gate_new(b.zmq, b.folder, &b.gate));
    const struct publish_settings settings = { .endpoint = "tcp://127.0.0.1:*", .zmq = b.zmq, .gate = b.gate, .state = "live" };
    assert_true(publisher_new(&settings, &b.publisher));
    *state = &b;
    return 0;
}

static int end(void **state) {
    struct bench *b = *state;
    char command[96];
    publisher_free(b->publisher);
    curve_gate_free(b->gate);
    zmq_ctx_term(b->zmq);
    snprintf(command, sizeof command, "rm -r %s", b->folder);
    return system(command);   /* NOLINT(cert-env33-c): the folder is ours */
}

static void *client(const struct bench *b, void *zmq, const char *server, const char *own) {
    char keys[2][128] = { "", "" };
    void *s = zmq_socket(zmq, ZMQ_SUB);
    zmq_setsockopt(s, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
    zmq_setsockopt(s, ZMQ_RECONNECT_IVL, &(int){ -1 }, sizeof(int));   /* one try */
    zmq_setsockopt(s, ZMQ_SUBSCRIBE, "hb/", 3);
    if (server != NULL) {
        snprintf(keys[0], sizeof keys[0], "%s/%s", b->folder, server);
        snprintf(keys[1], sizeof keys[1], "%s/%s", b->folder, own);
        assert_true(curve_client(s, keys[0], keys[1]));
    }
    assert_int_equal(zmq_connect(s, publisher_endpoint(b->publisher)), 0);
    return s;
}

static void go_on(const struct bench *b) {
    curve_gate_step(b->gate);
    publisher_step(b->publisher, (struct publish_lost){ 0 });
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static bool hears(const struct bench *b, void *socket) {
    char bytes[256];
    for (int k = 0; k < PATIENCE; k++) {
        go_on(b);
        if (zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0)
            return true;
    }
    return false;
}

static void a_key_in_the_folder_opens(void **state) {
    struct bench *b = *state;
    void *zmq = zmq_ctx_new(), *s = client(b, zmq, "server.key", "readers/reader.secret"), *t = client(b, zmq, "server.key", "controllers/controller.secret");
    assert_true(hears(b, s));
    assert_true(hears(b, t));
    assert_int_equal(curve_gate_counts(b->gate).accepted, 2);
    zmq_close(s);
    zmq_close(t);
    zmq_ctx_term(zmq);
}

/* Refused means counted: the count is waited for, and by then nothing has come. */
static void is_refused(struct bench *b, const char *server, const char *own, uint64_t (*counter)(const struct curve_gate_counts *c)) {
    struct curve_gate_counts before = curve_gate_counts(b->gate), now = before;
    char bytes[256];
    void *zmq = zmq_ctx_new(), *s = client(b, zmq, server, own);
    for (int k = 0; k < PATIENCE && counter(&now) == counter(&before); k++) {
        go_on(b);
        now = curve_gate_counts(b->gate);
    }
    assert_true(counter(&now) > counter(&before));
    assert_int_equal(now.accepted, before.accepted);
    assert_int_equal(zmq_recv(s, bytes, sizeof bytes, ZMQ_DONTWAIT), -1);
    zmq_close(s);
    zmq_ctx_term(zmq);
}

static uint64_t unknown(const struct curve_gate_counts *c) { return c->unknown; }
static uint64_t expired(const struct curve_gate_counts *c) { return c->expired; }
static uint64_t keyless(const struct curve_gate_counts *c) { return c->keyless; }

static void others_are_refused_and_counted(void **state) {
    struct bench *b = *state;
    is_refused(b, "server.key", "stranger.secret", unknown);
    is_refused(b, "server.key", "readers/old.secret", expired);
    is_refused(b, NULL, NULL, keyless);                                    /* no key at all */
    is_refused(b, "stranger.key", "readers/reader.secret", keyless);       /* it thinks that the server is another one */
}

static void a_reader_may_not_control(void **state) {
    struct bench *b = *state;
    char bytes[8], keys[2][128];
    void *router = zmq_socket(b->zmq, ZMQ_ROUTER), *zmq = zmq_ctx_new();
    zmq_setsockopt(router, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
    assert_true(curve_gate_guard(b->gate, router, CURVE_CONTROL));
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    char endpoint[64];
    size_t n = sizeof endpoint;
    zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &n);
    for (int k = 0; k < 2; k++) {
        void *s = zmq_socket(zmq, ZMQ_DEALER);
        zmq_setsockopt(s, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
        snprintf(keys[0], sizeof keys[0], "%s/server.key", b->folder);
        snprintf(keys[1], sizeof keys[1], "%s/%s", b->folder, k ? "controllers/controller.secret" : "readers/reader.secret");
        assert_true(curve_client(s, keys[0], keys[1]));
        assert_int_equal(zmq_connect(s, endpoint), 0);
        zmq_send(s, "x", 1, 0);
        bool heard = false;
        for (int i = 0; i < PATIENCE && !heard && curve_gate_counts(b->gate).unknown == 0; i++) {
            go_on(b);
            heard = zmq_recv(router, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0;
        }
        for (int i = 0; k && i < PATIENCE && !heard; i++) {
            go_on(b);
            heard = zmq_recv(router, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0;
        }
        assert_int_equal(heard, k == 1);
        zmq_close(s);
    }
    zmq_close(router);
    zmq_ctx_term(zmq);
}

/* The folder is gone: nobody may come in any more, whoever had a key. */
static void no_folder_no_entry(void **state) {
    struct bench *b = *state;
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/readers", b->folder);
    snprintf(to, sizeof to, "%s/gone", b->folder);
    assert_int_equal(rename(from, to), 0);
    is_refused(b, "server.key", "gone/reader.secret", unknown);
}

static void a_gate_needs_a_key_of_its_own(void **state) {
    struct bench *b = *state;
    struct curve_gate *g;
    void *zmq = zmq_ctx_new();
    char folder[128];
    snprintf(folder, sizeof folder, "%s/readers", b->folder);
    assert_false(curve_gate_new(zmq, folder, &g));
    zmq_ctx_term(zmq);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = { WITH_BENCH(a_key_in_the_folder_opens), WITH_BENCH(others_are_refused_and_counted), WITH_BENCH(a_reader_may_not_control),
                                        WITH_BENCH(no_folder_no_entry), WITH_BENCH(a_gate_needs_a_key_of_its_own) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
