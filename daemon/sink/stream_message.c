#include "daemon/sink/stream_message.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "daemon/json_value.h"

enum { WORTH_SHARING = 4096 };   /* bytes: less is copied sooner than counted */

/* The arrays of a message: shared with ZeroMQ, whose thread may be the last to need them. */
struct shared_bytes { atomic_uint references; _Alignas(8) unsigned char bytes[]; };

struct stream_message {
    struct stream_meta meta;
    json_t *keys;              /* further ones of the header; NULL: none */
    bool has_group;
    struct data_group group;   /* arrays point into `shared` */
    struct shared_bytes *shared;   /* NULL: no arrays */
};

void stream_uuid(char out[UUID_TEXT]) {
    uint8_t b[16] = { 0 };
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        snprintf((char *)b, sizeof b, "%p", (void *)out);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char *to = out;
    for (int k = 0; k < 16; k++)
        to += sprintf(to, "%s%02x", k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "", b[k]);
}

/* ---- a copy of the arrays ---- */

static size_t padded(size_t n) { return (n + 7) & ~(size_t)7; }

static bool copy_arrays(struct stream_message *m, const struct data_group *g) {
    size_t total = 0, at = 0;
    for (unsigned k = 0; k < g->n_arrays; k++)
        total += padded(data_array_bytes(&g->arrays[k]));
    m->shared = malloc(sizeof *m->shared + total + 8);
    if (!m->shared)
        return false;
    atomic_init(&m->shared->references, 1);
    m->group = *g;
    m->group.owned = NULL;
    m->group.n_scans = 0;
    m->has_group = true;
    for (unsigned k = 0; k < g->n_arrays; k++) {
        size_t n = data_array_bytes(&g->arrays[k]);
        memcpy(m->shared->bytes + at, g->arrays[k].data, n);
        m->group.arrays[k].data = m->shared->bytes + at;
        at += padded(n);
    }
    return true;
}

static void let_go(struct shared_bytes *s) {
    if (s && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        free(s);
}

enum status stream_message_new(const struct stream_meta *meta, const struct data_group *group, json_t *keys, struct stream_message **out) {
    struct stream_message *m = calloc(1, sizeof *m);
    if (!m || (m->meta = *meta, group && !copy_arrays(m, group))) {
        free(m);
        return STATUS_NO_MEMORY;
    }
    m->keys = json_incref(keys);
    *out = m;
    return STATUS_OK;
}

void stream_message_free(struct stream_message *m) {
    if (m) {
        json_decref(m->keys);
        let_go(m->shared);
        free(m);
    }
}

const struct stream_meta *stream_message_meta(const struct stream_message *m) { return &m->meta; }

/* ---- the header ---- */

/* Unix ns exceed what a browser's number holds. */
static json_t *time_text(int64_t ns) {
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, ns);
    return json_string(digits);
}

static void add_lost(json_t *header, const struct publish_lost *lost) {
    double missing = (double)(lost->upstream + lost->queue + lost->rejected), known = missing + (double)lost->records;
    json_object_set_new(header, "lost", json_pack("{s:I,s:I,s:I}", "upstream", (json_int_t)lost->upstream, "queue", (json_int_t)lost->queue, "rejected",
                                                  (json_int_t)lost->rejected));
    json_object_set_new(header, "loss_fraction", missing > 0 && lost->records == 0 ? json_null() : json_real(missing > 0 ? missing / known : 0));
}

static json_t *array_entry(const struct data_array *a, unsigned blob) {
    json_t *shape = json_array();
    for (unsigned k = 0; k < a->rank; k++)
        json_array_append_new(shape, json_integer((json_int_t)a->shape[k]));
    return json_pack("{s:s,s:s,s:s,s:o,s:s,s:s,s:i,s:s}", "name", a->name, "role", array_role_name(a->role), "dtype", array_type_code(a->type), "shape", shape,
                     "units", a->units ? a->units : "", "label", a->long_name ? a->long_name : "", "blob", (int)blob, "codec", "none");
}

static void add_group(json_t *header, const struct data_group *g) {
    json_t *axes = json_array(), *arrays = json_array();
    for (unsigned k = 0; k < g->n_axes; k++)
        json_array_append_new(axes, json_string(g->axes[k]));
    for (unsigned k = 0; k < g->n_arrays; k++)
        json_array_append_new(arrays, array_entry(&g->arrays[k], k));
    json_object_set_new(header, "signal", json_value_text(g->signal));
    json_object_set_new(header, "axes", axes);
    json_object_set_new(header, "arrays", arrays);
    if (g->title[0])
        json_object_set_new(header, "title", json_value_text(g->title));
    if (g->is_yield) {
        json_object_set_new(header, "roi_eV", json_pack("[o,o]", json_value_number(g->roi_eV[0]), json_value_number(g->roi_eV[1])));
        json_object_set_new(header, "normalised_by", json_value_text(g->normalised_by));
    }
}

static void add_meta(json_t *header, const struct stream_meta *meta) {
    json_object_set_new(header, "scan", json_integer(meta->scan));
    json_object_set_new(header, "point", json_integer(meta->point));
    json_object_set_new(header, "t_ns", time_text(meta->t_ns));
    json_object_set_new(header, "start_ns", time_text(meta->start_ns));
    json_object_set_new(header, "accum", json_value_text(meta->accum));
    if (meta->event)
        json_object_set_new(header, "event", json_value_text(meta->event));
    if (meta->scan >= 0) {
        json_object_set_new(header, "sample", json_value_text(meta->sample));
        json_object_set_new(header, "label", json_value_text(meta->label));
        json_object_set_new(header, "n_points", json_integer(meta->n_points));
        json_object_set_new(header, "final_points", json_integer(meta->final_points));
    }
}

static json_t *make_header(const struct stream_message *m, const struct stream_source *source, uint64_t seq, bool snap) {
    static const struct data_group nothing = { .signal = "" };
    json_t *header = json_object();
    json_object_set_new(header, "v", json_integer(STREAM_VERSION));
    json_object_set_new(header, "kind", json_value_text(m->meta.kind));
    json_object_set_new(header, "seq", json_integer((json_int_t)seq));
    json_object_set_new(header, "boot", json_value_text(source->boot));
    json_object_set_new(header, "run", json_value_text(source->run));
    add_meta(header, &m->meta);
    json_object_set_new(header, "state", json_value_text(source->state));
    json_object_set_new(header, "cal", json_value_text(source->calibration_id));
    json_object_set_new(header, "snap", json_boolean(snap));
    add_lost(header, &m->meta.lost);
    add_group(header, m->has_group ? &m->group : &nothing);
    if (m->keys)
        json_object_update(header, m->keys);
    return header;
}

static char *header_text(const struct stream_message *m, const struct stream_address *to) {
    json_t *header = make_header(m, to->source, to->seq, to->snap);
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

/* By a thread of ZeroMQ, whose queues order it behind all that was written here; the thread sanitizer does not see them (tests/tool/tsan.supp). */
static void given_back_by_zmq(void *data, void *shared) {
    (void)data;
    let_go(shared);
}

/* A blob by reference: its memory lives until ZeroMQ lets go of it. */
static bool send_blob(const struct stream_message *m, void *socket, const struct data_array *a, int flags) {
    size_t n = data_array_bytes(a);
    zmq_msg_t blob;
    if (n < WORTH_SHARING)
        return zmq_send(socket, a->data, n, flags) >= 0;
    atomic_fetch_add_explicit(&m->shared->references, 1, memory_order_relaxed);
    if (zmq_msg_init_data(&blob, (void *)(uintptr_t)a->data, n, given_back_by_zmq, m->shared) != 0) {
        let_go(m->shared);
        return false;
    }
    if (zmq_msg_send(&blob, socket, flags) >= 0)
        return true;
    zmq_msg_close(&blob);
    return false;
}

size_t stream_message_send(const struct stream_message *m, void *socket, const struct stream_address *to) {
    char *json = header_text(m, to);
    if (!json)
        return 0;
    unsigned n_blobs = m->has_group ? m->group.n_arrays : 0;
    size_t sent = strlen(to->topic), length = strlen(json);
    bool good = zmq_send(socket, to->topic, sent, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0;
    good = good && zmq_send(socket, json, length, ZMQ_DONTWAIT | (n_blobs ? ZMQ_SNDMORE : 0)) >= 0;
    sent += length;
    for (unsigned k = 0; k < n_blobs && good; k++) {
        good = send_blob(m, socket, &m->group.arrays[k], ZMQ_DONTWAIT | (k + 1 < n_blobs ? ZMQ_SNDMORE : 0));
        sent += data_array_bytes(&m->group.arrays[k]);
    }
    free(json);
    return good ? sent : 0;
}

unsigned stream_message_frames(const struct stream_message *m, const struct stream_address *address, stream_frame *take, void *to) {
    char *json = header_text(m, address);
    if (!json)
        return 0;
    take(to, address->topic, strlen(address->topic));
    take(to, json, strlen(json));
    unsigned n_blobs = m->has_group ? m->group.n_arrays : 0;
    for (unsigned k = 0; k < n_blobs; k++)
        take(to, m->group.arrays[k].data, data_array_bytes(&m->group.arrays[k]));
    free(json);
    return 2 + n_blobs;
}
