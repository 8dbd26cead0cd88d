/* Records that are lent come as they were sent, and hold little more memory than they have samples. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>
#include <zmq.h>

#include "daemon/source/live.h"

enum { CHANNELS = 8, SAMPLES = 1024, RECORDS = 4000, AT_ONCE = 50 };

struct port { void *context, *socket; struct live_source *source; struct live_array *array; };

static void open_port(struct port *p) {
    char endpoint[64];
    uint8_t subscription[8];
    size_t size = sizeof endpoint;
    int none = 0, patience = 5000;
    json_t *names = json_array();
    for (int i = 0; i < CHANNELS; i++)
        json_array_append_new(names, json_sprintf("chan%d", 2 * i + 1));
    assert_true(live_array_make(names, &p->array));
    json_decref(names);
    p->context = zmq_ctx_new();
    p->socket = zmq_socket(p->context, ZMQ_XPUB);
    assert_non_null(p->socket);
    zmq_setsockopt(p->socket, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(p->socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(p->socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(zmq_bind(p->socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_true(live_source_new(&(struct live_settings){ .endpoint = endpoint, .connections = 2 }, &p->source));
    assert_true(live_source_subscribe(p->source, p->array));
    for (int there = 0; there < CHANNELS;) {   /* each index is subscribed to, more than there are channels */
        assert_int_equal(zmq_recv(p->socket, subscription, sizeof subscription, 0), 3);
        there += (subscription[1] | subscription[2] << 8) < CHANNELS;
    }
}

static void close_port(struct port *p) {
    live_source_free(p->source);
    live_array_free(p->array);
    zmq_close(p->socket);
    zmq_ctx_term(p->context);
}

static uint16_t sample_of(unsigned record, unsigned k) { return (uint16_t)(record * 31 + k); }

static void send_record(const struct port *p, unsigned n) {
    uint16_t samples[SAMPLES];
    uint8_t header[DASTARD_HEADER_BYTES];
    for (unsigned k = 0; k < SAMPLES; k++)
        samples[k] = sample_of(n, k);
    const struct pulse_record r = { .samples = samples, .n_samples = SAMPLES, .n_presamples = 256, .sample_period_s = 1e-5f, .trigger_time_ns = 1000000 * (int64_t)(n + 1), .trigger_frame = n };
    dastard_message_encode((uint16_t)(n % CHANNELS), false, &r, header);
    assert_int_equal(zmq_send(p->socket, header, sizeof header, ZMQ_SNDMORE), sizeof header);
    assert_int_equal(zmq_send(p->socket, samples, sizeof samples, 0), sizeof samples);
}

static void receive_all(const struct port *p, struct record_block *into, unsigned n) {
    for (const time_t end = time(NULL) + 20; into->n < n && time(NULL) < end;) {
        live_source_lend(p->source, into);
        live_source_wait(p->source, 1);
    }
    assert_int_equal(into->n, n);
}

static void check_samples(const struct record_block *b) {
    for (size_t i = 0; i < b->n; i++) {
        const sample_u16 *x = b->rows[i].samples;
        const unsigned n = (unsigned)b->rows[i].frame;
        assert_int_equal(b->rows[i].channel_index, n % CHANNELS);
        for (unsigned k = 0; k < SAMPLES; k += 341)
            assert_int_equal(x[k], sample_of(n, k));
    }
}

/* A message that was a piece of the buffer it came in held all of that: 4.5 KiB each, more than twice its samples. */
static void lent_records_hold_their_own_samples_alone(void **state) {
    (void)state;
    struct port p;
    struct record_block *b;
    open_port(&p);
    assert_true(record_block_new(LIVE_LENT_MAX, 0, &b));
    send_record(&p, 0);
    receive_all(&p, b, 1);   /* what sockets need once is there */
    record_block_clear(b);
    live_source_take_back(p.source);
    const size_t before = mallinfo2().uordblks;
    for (unsigned n = 0; n < RECORDS; n += AT_ONCE) {
        for (unsigned k = 0; k < AT_ONCE; k++)
            send_record(&p, n + k);
        receive_all(&p, b, n + AT_ONCE);
    }
    const size_t held = mallinfo2().uordblks - before, samples = RECORDS * SAMPLES * sizeof(uint16_t);
    print_message("%zu bytes held for %zu of samples\n", held, samples);
    check_samples(b);
    if (before > 0)   /* else a sanitizer's heap, not the C library's */
        assert_in_range(held, samples, samples + samples / 4);
    record_block_clear(b);
    live_source_take_back(p.source);
    record_block_free(b);
    close_port(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(lent_records_hold_their_own_samples_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
