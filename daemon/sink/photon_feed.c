#include "daemon/sink/photon_feed.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/clock.h"
#include "daemon/json_value.h"
#include "daemon/log.h"
#include "daemon/photon_columns.h"

enum { SEND_QUEUE = 64, LINGER_MS = 500 };   /* batches; of FEED_BATCH rows they are 15 MB */

struct photon_feed {
    void *socket;
    char endpoint[256], boot[64], calibration[80];
    struct photon_block *rows;               /* [done, n) wait */
    size_t done;
    int64_t oldest_ms;                       /* since when the oldest of them waits */
    uint64_t seq;
    struct feed_counts counts;
};

static bool open_socket(struct photon_feed *f, const struct feed_settings *s) {
    const struct { int option, value; } options[] = { { ZMQ_SNDHWM, SEND_QUEUE }, { ZMQ_LINGER, LINGER_MS }, { ZMQ_IMMEDIATE, 1 }, { ZMQ_HEARTBEAT_IVL, 5000 },
                                                      { ZMQ_HEARTBEAT_TIMEOUT, 15000 }, { ZMQ_HEARTBEAT_TTL, 15000 }, { ZMQ_HANDSHAKE_IVL, 10000 },
                                                      { ZMQ_IPV6, strchr(s->endpoint, '[') != NULL } };
    f->socket = zmq_socket(s->zmq, ZMQ_PUSH);
    for (size_t k = 0; f->socket != NULL && k < sizeof options / sizeof *options; k++)
        zmq_setsockopt(f->socket, options[k].option, &options[k].value, sizeof options[k].value);
    size_t n = sizeof f->endpoint;
    return f->socket != NULL && (s->gate == NULL || curve_gate_guard(s->gate, f->socket, CURVE_READ)) && zmq_bind(f->socket, s->endpoint) == 0 &&
           zmq_getsockopt(f->socket, ZMQ_LAST_ENDPOINT, f->endpoint, &n) == 0;
}

bool photon_feed_new(const struct feed_settings *settings, struct photon_feed **out) {
    if (settings->gate == NULL && !curve_gate_is_local(settings->endpoint)) {
        log_error("%s: without keys photons are sent on this machine only; set keys.folder, or use tcp://127.0.0.1:PORT", settings->endpoint);
        return false;
    }
    struct photon_feed *f = calloc(1, sizeof *f);
    if (f == NULL || photon_block_new(FEED_ROWS, &f->rows) != STATUS_OK || !open_socket(f, settings)) {
        log_error("%s: photons cannot be sent: %s; set stream.photons to a free port, or to \"\" for none", settings->endpoint,
                  f == NULL || f->rows == NULL ? "out of memory" : zmq_strerror(errno));
        if (f != NULL)
            f->counts = (struct feed_counts){ 0 };
        photon_feed_free(f);
        return false;
    }
    snprintf(f->boot, sizeof f->boot, "%s", settings->boot);
    *out = f;
    return true;
}

/* ---- a batch ---- */

static char *header_text(const struct photon_feed *f, size_t n) {
    const uint64_t first = f->counts.sent + f->counts.lost;
    json_t *columns = json_array();
    for (size_t k = 0; k < N_PHOTON_COLUMNS; k++)
        json_array_append_new(columns, json_pack("{s:s,s:s}", "name", photon_columns[k].name, "dtype", array_type_code(photon_columns[k].type)));
    json_t *h = json_pack("{s:i,s:s,s:I,s:s,s:o,s:I,s:I,s:I,s:o}", "v", 1, "kind", "photons", "seq", (json_int_t)f->seq + 1, "boot", f->boot, "cal", json_value_text(f->calibration), "n",
                          (json_int_t)n, "first", (json_int_t)first, "lost", (json_int_t)f->counts.lost, "columns", columns);
    char *text = json_dumps(h, JSON_COMPACT);
    json_decref(h);
    return text;
}

static bool pack(const struct photon_feed *f, size_t n, zmq_msg_t *out) {
    size_t size = 0, at = 0;
    for (size_t k = 0; k < N_PHOTON_COLUMNS; k++)
        size += n * array_type_size(photon_columns[k].type);
    if (zmq_msg_init_size(out, size) != 0)
        return false;
    unsigned char *bytes = zmq_msg_data(out);
    for (size_t k = 0; k < N_PHOTON_COLUMNS; k++) {
        const size_t width = array_type_size(photon_columns[k].type);
        memcpy(bytes + at, (const char *)photon_column_data(f->rows, k) + f->done * width, n * width);
        at += n * width;
    }
    return true;
}

/* False: nobody takes it now. */
static bool send_batch(struct photon_feed *f, size_t n) {
    zmq_msg_t columns;
    char *header = header_text(f, n);
    bool sent = header != NULL && zmq_send(f->socket, header, strlen(header), ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0;
    free(header);
    if (!sent)
        return false;
    if (!pack(f, n, &columns)) {   /* the message has to end: readers find no rows where the header speaks of some, and drop it */
        zmq_send(f->socket, "", 0, 0);
        f->counts.lost += n;
    } else {
        if (zmq_msg_send(&columns, f->socket, 0) < 0)
            zmq_msg_close(&columns);
        f->counts.sent += n;
    }
    f->seq++;
    f->done += n;
    return true;
}

static size_t waiting(const struct photon_feed *f) { return f->rows->n - f->done; }

static void send_waiting(struct photon_feed *f, bool all) {
    while (waiting(f) >= FEED_BATCH || (waiting(f) > 0 && (all || clock_ms() - f->oldest_ms >= FEED_MS)))
        if (!send_batch(f, waiting(f) < FEED_BATCH ? waiting(f) : FEED_BATCH))
            return;
    if (waiting(f) == 0)
        f->rows->n = f->done = 0;
}

static void drop_waiting(struct photon_feed *f) {
    f->counts.lost += waiting(f);
    f->rows->n = f->done = 0;
}

/* ---- rows ---- */

void photon_feed_rows(struct photon_feed *f, const struct photon_block *rows) {
    f->counts.rows += rows->n;
    for (size_t i = 0; i < rows->n; i++) {
        if (f->rows->n == f->rows->capacity)
            send_waiting(f, true);
        if (f->rows->n == f->rows->capacity)
            drop_waiting(f);
        if (waiting(f) == 0)
            f->oldest_ms = clock_ms();
        photon_block_copy_row(f->rows, rows, i);
    }
    send_waiting(f, false);
}

void photon_feed_calibration(struct photon_feed *f, const char *calibration_id) {
    if (f == NULL)
        return;
    send_waiting(f, true);
    snprintf(f->calibration, sizeof f->calibration, "%s", calibration_id);
}

void photon_feed_step(struct photon_feed *f) {
    if (f != NULL)
        send_waiting(f, false);
}

struct feed_counts photon_feed_counts(const struct photon_feed *f) { return f != NULL ? f->counts : (struct feed_counts){ 0 }; }

const char *photon_feed_endpoint(const struct photon_feed *f) { return f->endpoint; }

void photon_feed_free(struct photon_feed *f) {
    if (f == NULL)
        return;
    if (f->socket != NULL && f->rows != NULL)
        send_waiting(f, true);
    if (f->socket != NULL)
        zmq_close(f->socket);
    photon_block_free(f->rows);
    free(f);
}
