#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/photon_columns.h"
#include "daemon/sink/photon_feed.h"

enum { PATIENCE = 5000, ROWS = 10000 };

struct bench { void *zmq; struct photon_feed *feed; struct photon_block *rows; };

static int begin(void **state) {
    static struct bench b;
    b = (struct bench){ .zmq = zmq_ctx_new() };
    assert_true(photon_feed_new(&(struct feed_settings){ .endpoint = "tcp://127.0.0.1:*", .boot = "b", .zmq = b.zmq }, &b.feed));
    photon_feed_calibration(b.feed, "cal \"7\"");
    assert_int_equal(photon_block_new(ROWS, &b.rows), STATUS_OK);
    for (b.rows->n = 0; b.rows->n < ROWS; b.rows->n++) {
        size_t i = b.rows->n;
        b.rows->time_ns[i] = INT64_C(1700000000000000000) + (int64_t)i;
        b.rows->pixel[i] = (uint16_t)(i % 7);
        b.rows->energy_eV[i] = 500 + 0.25F * (float)(i % 100);
        b.rows->point[i] = (int32_t)(i / 100);
        b.rows->incident_eV[i] = 528.5F;
    }
    *state = &b;
    return 0;
}

static int end(void **state) {
    struct bench *b = *state;
    photon_feed_free(b->feed);
    photon_block_free(b->rows);
    zmq_ctx_term(b->zmq);
    return 0;
}

struct batch { json_t *header; unsigned char *bytes; size_t size, n, first; };

static void batch_done(struct batch *b) {
    json_decref(b->header);
    free(b->bytes);
}

static void *reader(struct bench *b) {
    void *s = zmq_socket(b->zmq, ZMQ_PULL);
    zmq_setsockopt(s, ZMQ_LINGER, &(int){ 0 }, sizeof(int));
    assert_int_equal(zmq_connect(s, photon_feed_endpoint(b->feed)), 0);
    return s;
}

static bool receive(void *socket, struct batch *out) {
    zmq_msg_t header, columns;
    zmq_msg_init(&header);
    zmq_msg_init(&columns);
    bool good = zmq_msg_recv(&header, socket, ZMQ_DONTWAIT) >= 0;
    if (good) {
        assert_true(zmq_msg_recv(&columns, socket, 0) >= 0);
        assert_false(zmq_msg_more(&columns));
        *out = (struct batch){ .header = json_loadb(zmq_msg_data(&header), zmq_msg_size(&header), 0, NULL), .size = zmq_msg_size(&columns) };
        out->bytes = malloc(out->size + 1);
        memcpy(out->bytes, zmq_msg_data(&columns), out->size);
        out->n = (size_t)json_integer_value(json_object_get(out->header, "n"));
        out->first = (size_t)json_integer_value(json_object_get(out->header, "first"));
    }
    zmq_msg_close(&header);
    zmq_msg_close(&columns);
    return good;
}

static struct batch wait_batch(struct bench *b, void *socket) {
    struct batch out = { 0 };
    for (int k = 0; k < PATIENCE; k++) {
        photon_feed_step(b->feed);
        if (receive(socket, &out))
            return out;
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    fail_msg("no batch");
    return out;
}

/* Columns in the header's order are those of the rows given, row for row. */
static void check_batch(const struct bench *b, const struct batch *x) {
    size_t at = 0;
    const json_t *columns = json_object_get(x->header, "columns");
    assert_int_equal(json_array_size(columns), N_PHOTON_COLUMNS);
    for (size_t k = 0; k < N_PHOTON_COLUMNS; k++) {
        const struct photon_column *c = &photon_columns[k];
        size_t width = array_type_size(c->type);
        assert_string_equal(json_string_value(json_object_get(json_array_get(columns, k), "name")), c->name);
        assert_string_equal(json_string_value(json_object_get(json_array_get(columns, k), "dtype")), array_type_code(c->type));
        for (size_t i = 0; i < x->n; i++)
            assert_memory_equal(x->bytes + at + i * width, (const char *)photon_column_data(b->rows, k) + (x->first + i) % ROWS * width, width);
        at += x->n * width;
    }
    assert_int_equal(at, x->size);
}

static void all_rows_come_in_order(void **state) {
    struct bench *b = *state;
    void *s = reader(b);
    size_t next = 0;
    photon_feed_rows(b->feed, b->rows);
    for (int seq = 1; next < ROWS; seq++) {
        struct batch x = wait_batch(b, s);
        assert_int_equal(json_integer_value(json_object_get(x.header, "seq")), seq);
        assert_string_equal(json_string_value(json_object_get(x.header, "cal")), "cal \"7\"");
        assert_int_equal(x.first, next);
        assert_true(x.n > 0 && x.n <= FEED_BATCH);
        check_batch(b, &x);
        next += x.n;
        batch_done(&x);
    }
    assert_int_equal(next, ROWS);
    assert_int_equal(photon_feed_counts(b->feed).lost, 0);
    zmq_close(s);
}

/* Nobody pulls: bounded, counted, and the first who comes sees from which row on. */
static void what_nobody_takes_is_counted(void **state) {
    struct bench *b = *state;
    for (int k = 0; k < 20; k++)
        photon_feed_rows(b->feed, b->rows);
    struct feed_counts c = photon_feed_counts(b->feed);
    assert_int_equal(c.rows, 20 * ROWS);
    assert_true(c.sent == 0 && c.lost > 0 && c.lost % FEED_ROWS == 0 && c.rows - c.lost <= FEED_ROWS);
    void *s = reader(b);
    for (size_t next = c.lost; next < c.rows;) {
        struct batch x = wait_batch(b, s);
        assert_int_equal(x.first, next);
        assert_int_equal(json_integer_value(json_object_get(x.header, "lost")), c.lost);
        check_batch(b, &x);
        next += x.n;
        batch_done(&x);
    }
    assert_int_equal(photon_feed_counts(b->feed).sent + photon_feed_counts(b->feed).lost, c.rows);
    zmq_close(s);
}

static void other_machines_are_refused(void **state) {
    struct bench *b = *state;
    struct photon_feed *f;
    assert_false(photon_feed_new(&(struct feed_settings){ .endpoint = "tcp://*:5562", .boot = "b", .zmq = b->zmq }, &f));
    assert_false(photon_feed_new(&(struct feed_settings){ .endpoint = photon_feed_endpoint(b->feed), .boot = "b", .zmq = b->zmq }, &f));
    photon_feed_free(NULL);
}

static json_t *example(void) {
    static char text[200000];
    FILE *f = fopen("doc/stream.md", "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    const char *at = strstr(text, "\n## Photons"), *start = at != NULL ? strstr(at, "```json") : NULL, *stop = start != NULL ? strstr(start + 7, "```") : NULL;
    assert_non_null(stop);
    return json_loadb(start + 7, (size_t)(stop - start - 7), 0, NULL);
}

static void the_document_shows_what_is_sent(void **state) {
    struct bench *b = *state;
    void *s = reader(b);
    photon_feed_rows(b->feed, b->rows);
    struct batch x = wait_batch(b, s);
    json_t *shown = example(), *value;
    const char *key;
    assert_int_equal(json_object_size(shown), json_object_size(x.header));
    json_object_foreach(shown, key, value) assert_int_equal(json_typeof(json_object_get(x.header, key)), json_typeof(value));
    assert_true(json_equal(json_object_get(shown, "columns"), json_object_get(x.header, "columns")));
    json_decref(shown);
    batch_done(&x);
    zmq_close(s);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = { WITH_BENCH(all_rows_come_in_order), WITH_BENCH(what_nobody_takes_is_counted), WITH_BENCH(other_machines_are_refused),
                                        WITH_BENCH(the_document_shows_what_is_sent) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
