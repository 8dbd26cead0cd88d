#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "tests/daemon/made_control_host.h"
#include "tests/daemon/made_scan_host.h"

enum { PATIENCE = 5000, ANSWER_BYTES = 1 << 16 };

struct bench {
    void *zmq;
    struct made_host beam;
    struct made_control control;
    struct scan_server *server;
    struct control_router *router;
};

static int begin(void **state) {
    static struct bench b;
    b = (struct bench){ .zmq = zmq_ctx_new(), .beam = { .now_ns = INT64_C(1603371671000000000), .file = "/nowhere/20261122_run0007_chan1.ljh" } };
    const struct scan_server_settings scan = { .host = "127.0.0.1", .port = -1, .log_folder = "/nowhere", .user_folder = "", .beamtime_id = "1", .i0_key = "i0" };
    const struct scan_host host = made_scan_host(&b.beam);
    const struct control_host control = made_control_host(&b.control);
    const struct control_router_settings settings = { .endpoint = "tcp://127.0.0.1:*", .zmq = b.zmq };
    assert_true(scan_server_open(&scan, &host, &b.server));
    assert_true(control_router_open(&settings, &control, b.server, &b.router));
    *state = &b;
    return 0;
}

static int end(void **state) {
    struct bench *b = *state;
    control_router_close(b->router);
    scan_server_close(b->server);
    zmq_ctx_term(b->zmq);
    return 0;
}

static void *client(struct bench *b, int type) {
    void *s = zmq_socket(b->zmq, type);
    zmq_setsockopt(s, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
    assert_int_equal(zmq_connect(s, control_router_endpoint(b->router)), 0);
    return s;
}

/* The next frame that comes while the router goes on. */
static size_t wait_frame(struct bench *b, void *socket, char *to) {
    for (int k = 0; k < PATIENCE; k++) {
        control_router_step(b->router);
        int n = zmq_recv(socket, to, ANSWER_BYTES - 1, ZMQ_DONTWAIT);
        if (n >= 0) {
            to[n] = '\0';
            return (size_t)n;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    fail_msg("no reply");
    return 0;
}

static json_t *wait_reply(struct bench *b, void *socket) {
    static char text[ANSWER_BYTES];
    wait_frame(b, socket, text);
    json_t *reply = json_loads(text, 0, NULL);
    assert_non_null(reply);
    return reply;
}

static json_t *ask(struct bench *b, void *socket, const char *request) {
    assert_true(zmq_send(socket, request, strlen(request), 0) >= 0);
    return wait_reply(b, socket);
}

static void expect(struct bench *b, void *socket, const char *request, const char *reply) {
    json_t *got = ask(b, socket, request), *want = json_loads(reply, 0, NULL);
    assert_non_null(want);
    if (!json_equal(got, want))
        fail_msg("%s: %s", request, json_dumps(got, JSON_SORT_KEYS));
    json_decref(got);
    json_decref(want);
}

static void refused(struct bench *b, void *socket, const char *request, const char *said) {
    json_t *got = ask(b, socket, request);
    const char *text = json_string_value(json_object_get(got, "response"));
    assert_true(json_is_false(json_object_get(got, "success")));
    if (text == NULL || strstr(text, said) == NULL)
        fail_msg("%s: %s", request, text);
    json_decref(got);
}

/* What port 4000 would say, byte for byte. */
static void a_client_of_port_4000_is_answered_alike(void **state) {
    struct bench *b = *state;
    void *req = client(b, ZMQ_REQ);
    zmq_setsockopt(req, ZMQ_REQ_CORRELATE, &(int){ 1 }, sizeof(int));   /* four bytes more in the envelope */
    static const char *const requests[] = { "{\"method\": \"state\"}", "{\"method\": \"roi_get\"}", "{\"method\": \"nope\"}", "{\"method\": \"scan_point_end\"}",
                                            "{\"method\": \"roi_set\", \"params\": [{\"O\": [505, 535]}]}", "{\"method\": \"state\", \"params\": {}}", "rubbish" };
    static char text[ANSWER_BYTES];
    for (size_t k = 0; k < sizeof requests / sizeof *requests; k++) {
        bool later;
        char *want = scan_server_answer(b->server, requests[k], strlen(requests[k]), 1 + k, 0, &later);
        assert_true(zmq_send(req, requests[k], strlen(requests[k]), 0) >= 0);
        wait_frame(b, req, text);
        json_t *x = json_loads(text, 0, NULL), *y = json_loads(want, 0, NULL);
        assert_true(json_equal(json_object_get(x, "success"), json_object_get(y, "success")));
        assert_int_equal(json_object_size(x), 2);
        if (k != 2)   /* the list of methods is another one */
            assert_true(json_equal(x, y));
        json_decref(x);
        json_decref(y);
        free(want);
    }
    zmq_close(req);
}

static void methods_of_its_own(void **state) {
    struct bench *b = *state;
    void *s = client(b, ZMQ_REQ);
    expect(b, s, "{\"method\": \"health\", \"id\": 7}", "{\"response\": {\"calibration\": \"a.h5\"}, \"success\": true, \"id\": 7}");
    expect(b, s, "{\"method\": \"calibration_use\", \"params\": [\"b.h5\"]}", "{\"response\": \"b.h5\", \"success\": true}");
    expect(b, s, "{\"method\": \"calibration_list\"}", "{\"response\": {\"in_force\": \"b.h5\", \"choices\": [\"a.h5\", \"b.h5\"]}, \"success\": true}");
    refused(b, s, "{\"method\": \"calibration_use\", \"params\": [\"../x.h5\"]}", "none of the choices");
    refused(b, s, "{\"method\": \"calibration_use\"}", "missing argument 'name'");
    expect(b, s, "{\"method\": \"axes_set\", \"kwargs\": {\"loss\": [-10, 30, 0.5]}}",
           "{\"response\": {\"emission\": [200.0, 1100.0, 0.25], \"loss\": [-10.0, 30.0, 0.5]}, \"success\": true}");
    static const char *const wrong[] = { "[1, 2]", "[0, 10, 0.3]", "[0, 1e6, 1]", "[5, 1, 1]", "[0, 20000, 0.01]", "[0, 10, \"1\"]", "[0, 10, -1]", "7" };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        char request[128];
        snprintf(request, sizeof request, "{\"method\": \"axes_set\", \"params\": [%s]}", wrong[k]);
        refused(b, s, request, "must be [lo_eV, hi_eV, bin_eV]");
    }
    expect(b, s, "{\"method\": \"axes_get\"}", "{\"response\": {\"emission\": [200.0, 1100.0, 0.25], \"loss\": [-10.0, 30.0, 0.5]}, \"success\": true}");
    assert_string_equal(b->control.changed, "calibration_use axes_set ");
    json_t *methods = ask(b, s, "{\"method\": \"methods\"}");
    assert_int_equal(json_array_size(json_object_get(json_object_get(methods, "response"), "counts")), 3);
    assert_non_null(json_object_get(json_object_get(methods, "response"), "scan_start"));
    json_decref(methods);
    zmq_close(s);
}

/* One that waits for counts holds up neither another client nor another request of its own. */
static void what_waits_holds_up_nobody(void **state) {
    struct bench *b = *state;
    void *dealer = client(b, ZMQ_DEALER), *req = client(b, ZMQ_REQ);
    const char *counts = "{\"method\": \"counts\", \"kwargs\": {\"scan\": 2, \"point\": 3, \"wait_s\": 30}, \"id\": \"c\"}", *health = "{\"method\": \"health\", \"id\": \"h\"}";
    b->control.final_ms = INT64_MAX;
    zmq_send(dealer, counts, strlen(counts), 0);
    zmq_send(dealer, health, strlen(health), 0);
    json_t *first = wait_reply(b, dealer);
    assert_string_equal(json_string_value(json_object_get(first, "id")), "h");
    json_decref(first);
    expect(b, req, "{\"method\": \"commCheck\"}", "{\"response\": \"Connected\", \"success\": true}");
    b->control.final_ms = 0;
    json_t *second = wait_reply(b, dealer), *want = json_loads("{\"response\": {\"scan\": 2, \"point\": 3, \"final\": true, \"counts\": {\"tfy\": 7}}, \"success\": true, \"id\": \"c\"}", 0, NULL);
    assert_true(json_equal(second, want));
    json_decref(second);
    json_decref(want);
    b->control.final_ms = INT64_MAX;
    expect(b, req, "{\"method\": \"counts\", \"kwargs\": {\"wait_s\": 0}}", "{\"response\": {\"scan\": -1, \"point\": -1, \"final\": false, \"counts\": {\"tfy\": 7}}, \"success\": true}");
    refused(b, req, "{\"method\": \"counts\", \"params\": [0, 6]}", "no such point");
    refused(b, req, "{\"method\": \"counts\", \"params\": [-2]}", "whole numbers");
    refused(b, req, "{\"method\": \"counts\", \"params\": [0, 0, 1e9]}", "0 to 60");
    zmq_close(dealer);
    zmq_close(req);
}

static void a_snapshot_comes_with_its_frames(void **state) {
    struct bench *b = *state;
    void *s = client(b, ZMQ_REQ);
    static char text[ANSWER_BYTES];
    json_t *reply = ask(b, s, "{\"method\": \"snapshot\", \"params\": [\"pfy/\"]}");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(json_object_get(reply, "response"), "topics"), 0), "frames")), 2);
    json_decref(reply);
    wait_frame(b, s, text);
    assert_string_equal(text, "pfy/");
    wait_frame(b, s, text);
    assert_string_equal(text, "{}");
    zmq_close(s);
}

static void more_than_may_wait_are_told_so(void **state) {
    struct bench *b = *state;
    void *s = client(b, ZMQ_DEALER);
    const char *counts = "{\"method\": \"counts\", \"kwargs\": {\"wait_s\": 30}}";
    b->control.final_ms = INT64_MAX;
    for (int k = 0; k < 65; k++)
        zmq_send(s, counts, strlen(counts), 0);
    json_t *reply = wait_reply(b, s);
    assert_non_null(strstr(json_string_value(json_object_get(reply, "response")), "too many requests wait"));
    json_decref(reply);
    assert_int_equal(control_router_counts(b->router).refused, 1);
    zmq_close(s);
}

static void rubbish_is_told_so(void **state) {
    struct bench *b = *state;
    void *s = client(b, ZMQ_DEALER);
    zmq_send(s, "{\"method\"", 9, ZMQ_SNDMORE);
    zmq_send(s, ": 1}", 4, 0);
    json_t *reply = wait_reply(b, s);
    assert_true(json_is_false(json_object_get(reply, "success")));
    json_decref(reply);
    zmq_send(s, "", 0, 0);
    reply = wait_reply(b, s);
    assert_true(json_is_false(json_object_get(reply, "success")));
    json_decref(reply);
    assert_int_equal(control_router_counts(b->router).rubbish, 2);
    zmq_close(s);
}

static void others_need_keys(void **state) {
    struct bench *b = *state;
    struct made_control h;
    const struct control_host host = made_control_host(&h);
    struct control_router *r = NULL;
    static const char *const endpoints[] = { "tcp://*:5561", "tcp://0.0.0.0:5561", "tcp://192.168.1.2:5561" };
    for (size_t k = 0; k < 3; k++)
        assert_false(control_router_open(&(struct control_router_settings){ .endpoint = endpoints[k], .zmq = b->zmq }, &host, NULL, &r));
    assert_false(control_router_open(&(struct control_router_settings){ .endpoint = control_router_endpoint(b->router), .zmq = b->zmq }, &host, NULL, &r));   /* taken */
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void) {
    alarm(60);   /* a socket that a failed test left open would hold up the end for ever */
    const struct CMUnitTest tests[] = { WITH_BENCH(a_client_of_port_4000_is_answered_alike), WITH_BENCH(methods_of_its_own), WITH_BENCH(what_waits_holds_up_nobody),
                                        WITH_BENCH(a_snapshot_comes_with_its_frames), WITH_BENCH(more_than_may_wait_are_told_so), WITH_BENCH(rubbish_is_told_so), WITH_BENCH(others_need_keys) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
