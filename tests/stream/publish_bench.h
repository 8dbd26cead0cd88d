/* tests/stream/publish_bench.h - a publisher with one made scan on loopback, and subscribers that look at every frame of what it sends. */
#ifndef TESD_TESTS_STREAM_PUBLISH_BENCH_H
#define TESD_TESTS_STREAM_PUBLISH_BENCH_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/sink/publish.h"
#include "tests/daemon/made_scan.h"

enum { MAX_FRAMES = 20, PATIENCE_STEPS = 4000 };

static const struct publish_lost no_loss = { .records = 1000 };

/* ---- a subscriber ---- */

struct received {
    char topic[64];
    json_t *header;
    int n_frames;
    size_t bytes[MAX_FRAMES];
    void *frames[MAX_FRAMES];   /* blobs */
};

static inline void received_done(struct received *r) {
    json_decref(r->header);
    for (int k = 0; k < MAX_FRAMES; k++)
        free(r->frames[k]);
    *r = (struct received){ 0 };
}

static inline void keep_frame(struct received *r, int part, zmq_msg_t *m) {
    size_t n = zmq_msg_size(m);
    if (part == 0) {
        assert_true(n < sizeof r->topic);
        memcpy(r->topic, zmq_msg_data(m), n);
    } else if (part == 1) {
        r->header = json_loadb(zmq_msg_data(m), n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(r->header);
    } else {
        assert_true(r->n_frames < MAX_FRAMES);
        r->frames[r->n_frames] = malloc(n + 1);
        memcpy(r->frames[r->n_frames], zmq_msg_data(m), n);
        r->bytes[r->n_frames++] = n;
    }
}

/* False when nothing is waiting. */
static inline bool receive(void *sub, struct received *r) {
    *r = (struct received){ 0 };
    for (int part = 0, more = 1; more; part++) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, sub, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            return false;
        }
        keep_frame(r, part, &m);
        more = zmq_msg_more(&m);
        zmq_msg_close(&m);
    }
    return true;
}

static inline void nap(void) { nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL); }

/* The next message while the publisher goes on; fails when none comes in a long time. */
static inline void wait_for(struct publisher *p, void *sub, struct received *r) {
    for (int k = 0; k < PATIENCE_STEPS; k++) {
        publisher_step(p, no_loss);
        if (receive(sub, r))
            return;
        nap();
    }
    fail_msg("no message came");
}

/* The next message of a topic that is new (snap false) or, if asked for, from the cache. */
static inline void wait_for_topic(struct publisher *p, void *sub, const char *topic, struct received *r) {
    for (wait_for(p, sub, r); strcmp(r->topic, topic) != 0; wait_for(p, sub, r))
        received_done(r);
}

static inline void *subscribe(void *context, struct publisher *p, const char *prefix, int queue) {
    void *sub = zmq_socket(context, ZMQ_SUB);
    zmq_setsockopt(sub, ZMQ_RCVHWM, &queue, sizeof queue);
    zmq_setsockopt(sub, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
    zmq_setsockopt(sub, ZMQ_SUBSCRIBE, prefix, strlen(prefix));
    assert_int_equal(zmq_connect(sub, publisher_endpoint(p)), 0);
    return sub;
}

/* Returns when the publisher has heard of a subscriber: its heartbeat, which every test subscribes to, has come. The first one goes
 * out at the first step, so a little patience before it saves waiting for the second. */
static inline void settle(struct publisher *p, void *sub) {
    struct received r;
    for (int k = 0; k < 30; k++)
        nap();
    wait_for_topic(p, sub, "hb/", &r);
    received_done(&r);
}

struct bench {
    void *context;
    struct publisher *publisher;
    struct made_scan *scan;
};

static inline int open_bench(void **state) {
    static struct bench b;
    struct publish_settings settings = { .endpoint = "tcp://127.0.0.1:*", .state = "replay", .calibration_id = "cal0", .heartbeat_ms = 200 };
    b = (struct bench){ .context = zmq_ctx_new() };
    b.scan = made_scan_new((struct made_plan){ .number = 5, .n_points = 20, .n_pixels = 3, .n_photons = 4000, .i0 = true, .incident = true, .seed = 1 });
    *state = &b;
    return publisher_new(&settings, &b.publisher) ? 0 : -1;
}

static inline int close_bench(void **state) {
    struct bench *b = *state;
    publisher_free(b->publisher);
    made_scan_free(b->scan);
    zmq_ctx_term(b->context);
    return 0;
}

static inline json_int_t whole(const struct received *r, const char *key) { return json_integer_value(json_object_get(r->header, key)); }

static inline bool is_snap(const struct received *r) { return json_is_true(json_object_get(r->header, "snap")); }

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

#endif
