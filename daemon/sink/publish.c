/* What the measurements of ZeroMQ ask for: a full pipe drops the newest message, so every message is a whole state and the last one
 * is sent again with each heartbeat once nothing new comes; a subscriber that joins late gets the cached states; VERBOSE, or a second
 * subscriber to a topic is never announced; a short send queue, or a stuck viewer holds megabytes. */
#include "daemon/sink/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "daemon/log.h"
#include "daemon/sink/stream_message.h"

/* SEND_QUEUE holds four states of all topics: those of one scan point go out together, and a burst that does not fit loses messages
 * of a reader who is quick enough (16 did, with 15 regions). A stuck viewer costs less than ten maps, for a map goes with its yields. */
enum {
    HEARTBEAT_MS = 1000, PFY_MS = 100, MAP_MS = 1000, EVENT_MS = 50, MERGE_MS = 50,
    SEND_QUEUE = 150, LINGER_MS = 500, TOPIC_TEXT = 64, PREFIX_TEXT = 64, MAX_REQUESTS = 16, FIXED_TOPICS = 4
};

struct topic {
    char name[TOPIC_TEXT];
    int64_t interval_ms;                     /* at most one message in this time */
    struct stream_message *pending, *last;   /* newest not yet sent; cache of the last sent */
    uint64_t seq;
    int64_t sent_ms;                         /* when last a new state was sent; 0: never */
};

struct publisher {
    void *context, *socket;
    char endpoint[256];
    struct stream_source source;
    struct topic *topics;                    /* 0..3 as in enum fixed_topic, then one per region */
    size_t n_topics;
    int32_t scan;                            /* the scan that is open; -1: none */
    uint32_t points_known;                   /* of that scan, at the last call */
    struct stream_meta scan_meta;
    struct { char prefix[PREFIX_TEXT]; } requests[MAX_REQUESTS];
    unsigned n_requests;
    int64_t first_request_ms;
    int64_t heartbeat_ms;                    /* when the last was sent */
    int64_t start_ns;
    uint64_t messages, bytes, points;        /* since the last heartbeat */
};

enum fixed_topic { TOPIC_HEARTBEAT, TOPIC_RUN, TOPIC_ROW, TOPIC_MAP };

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t now_ms(void) { return now_ns(CLOCK_MONOTONIC) / 1000000; }

/* ---- opening and closing ---- */

static bool is_local(const char *endpoint) {
    static const char *const local[] = { "tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://" };
    for (size_t k = 0; k < sizeof local / sizeof *local; k++)
        if (strncmp(endpoint, local[k], strlen(local[k])) == 0)
            return true;
    return false;
}

static void set_option(void *socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

static bool open_socket(struct publisher *p, const char *endpoint) {
    p->context = zmq_ctx_new();
    p->socket = p->context ? zmq_socket(p->context, ZMQ_XPUB) : NULL;
    if (!p->socket)
        return false;
    set_option(p->socket, ZMQ_XPUB_VERBOSE, 1);
    set_option(p->socket, ZMQ_SNDHWM, SEND_QUEUE);
    set_option(p->socket, ZMQ_LINGER, LINGER_MS);
    set_option(p->socket, ZMQ_HEARTBEAT_IVL, 5000);
    set_option(p->socket, ZMQ_HEARTBEAT_TIMEOUT, 15000);
    set_option(p->socket, ZMQ_HEARTBEAT_TTL, 15000);
    set_option(p->socket, ZMQ_HANDSHAKE_IVL, 10000);
    set_option(p->socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    zmq_setsockopt(p->socket, ZMQ_MAXMSGSIZE, &(int64_t){ 4096 }, sizeof(int64_t));
    size_t n = sizeof p->endpoint;
    return zmq_bind(p->socket, endpoint) == 0 && zmq_getsockopt(p->socket, ZMQ_LAST_ENDPOINT, p->endpoint, &n) == 0;
}

static void close_all(struct publisher *p) {
    if (p->socket)
        zmq_close(p->socket);
    if (p->context)
        zmq_ctx_term(p->context);
    for (size_t k = 0; k < p->n_topics; k++) {
        stream_message_free(p->topics[k].pending);
        stream_message_free(p->topics[k].last);
    }
    free(p->topics);
    free(p);
}

static struct topic *add_topic(struct publisher *p, const char *name, int64_t interval_ms) {
    struct topic *more = realloc(p->topics, (p->n_topics + 1) * sizeof *more);
    if (!more)
        return NULL;
    p->topics = more;
    more += p->n_topics++;
    *more = (struct topic){ .interval_ms = interval_ms };
    snprintf(more->name, sizeof more->name, "%s", name);
    return more;
}

static bool add_fixed_topics(struct publisher *p) {
    return add_topic(p, "hb/", 0) && add_topic(p, "run/", EVENT_MS) && add_topic(p, "rixs/row/", EVENT_MS) && add_topic(p, "rixs/map/", MAP_MS);
}

bool publisher_new(const struct publish_settings *settings, struct publisher **out) {
    const char *endpoint = settings->endpoint && settings->endpoint[0] ? settings->endpoint : "tcp://127.0.0.1:5560";
    if (!is_local(endpoint)) {
        log_error("%s: the stream is published on this machine only; use tcp://127.0.0.1:PORT and reach it from elsewhere with ssh -L", endpoint);
        return false;
    }
    struct publisher *p = calloc(1, sizeof *p);
    if (!p || !add_fixed_topics(p) || !open_socket(p, endpoint)) {
        log_error("%s: cannot publish: %s", endpoint, p && p->context ? zmq_strerror(errno) : "out of memory");
        if (p)
            close_all(p);
        return false;
    }
    stream_uuid(p->source.boot);
    stream_uuid(p->source.run);
    snprintf(p->source.state, sizeof p->source.state, "%s", settings->state);
    snprintf(p->source.calibration_id, sizeof p->source.calibration_id, "%s", settings->calibration_id ? settings->calibration_id : "");
    p->scan = -1;
    p->start_ns = now_ns(CLOCK_REALTIME);
    *out = p;
    return true;
}

const char *publisher_endpoint(const struct publisher *p) { return p->endpoint; }

/* ---- sending ---- */

static void count_sent(struct publisher *p, size_t bytes) {
    p->messages += bytes > 0;
    p->bytes += bytes;
}

static void send_pending(struct publisher *p, struct topic *t) {
    count_sent(p, stream_message_send(t->pending, p->socket, t->name, &p->source, ++t->seq, false, NULL));
    stream_message_free(t->last);
    t->last = t->pending;
    t->pending = NULL;
    t->sent_ms = now_ms();
}

static void send_again(struct publisher *p, const struct topic *t) {
    if (t->last)
        count_sent(p, stream_message_send(t->last, p->socket, t->name, &p->source, t->seq, true, NULL));
}

static bool is_due(const struct topic *t) { return t->sent_ms == 0 || now_ms() - t->sent_ms >= t->interval_ms; }

/* The message replaces one that waits; `at_once` does not wait for the topic's interval. */
static void offer(struct publisher *p, struct topic *t, const struct stream_meta *meta, const struct data_group *group, bool at_once) {
    struct stream_message *m;
    if (stream_message_new(meta, group, &m) != STATUS_OK)
        return;
    stream_message_free(t->pending);
    t->pending = m;
    if (at_once || is_due(t))
        send_pending(p, t);
}

static void send_due(struct publisher *p, bool at_once) {
    for (size_t k = 0; k < p->n_topics; k++)
        if (p->topics[k].pending && (at_once || is_due(&p->topics[k])))
            send_pending(p, &p->topics[k]);
}

/* ---- a scan ---- */

static struct stream_meta meta_of(const struct scan_products *s, uint32_t n_points, struct publish_lost lost) {
    struct stream_meta m = { .scan = s->scan->number, .point = (int32_t)n_points - 1, .n_points = s->n_points, .lost = lost };
    m.start_ns = s->n_points ? s->scan->points[0].start_ns : s->scan->start_ns;
    m.t_ns = n_points ? s->scan->points[n_points - 1].end_ns : m.start_ns;
    memcpy(m.sample, s->scan->sample, sizeof m.sample);
    memcpy(m.label, s->scan->label, sizeof m.label);
    return m;
}

static void offer_event(struct publisher *p, const char *event, bool at_once) {
    struct stream_meta m = p->scan_meta;
    m.kind = "run";
    m.accum = "series";
    m.event = event;
    offer(p, &p->topics[TOPIC_RUN], &m, NULL, at_once);
}

static struct topic *region_topic(struct publisher *p, const char *region) {
    char name[TOPIC_TEXT];
    snprintf(name, sizeof name, "pfy/%s/", region);
    for (size_t k = FIXED_TOPICS; k < p->n_topics; k++)
        if (strcmp(p->topics[k].name, name) == 0)
            return &p->topics[k];
    return add_topic(p, name, PFY_MS);
}

static void offer_yields(struct publisher *p, const struct scan_products *s, uint32_t n_points, const char *which, bool final) {
    struct stream_meta m = p->scan_meta;
    m.kind = "pfy";
    m.accum = "cumulative";
    for (uint32_t k = 0; k < s->n_yields; k++) {
        struct topic *t = region_topic(p, s->yields[k]->region.name);
        struct data_group g;
        if (t && data_group_yield(s, s->yields[k], n_points, which, &g) == STATUS_OK) {
            offer(p, t, &m, &g, final);
            data_group_done(&g);
        }
    }
}

/* Rows that became known together are one state: the newest is sent, the map has them all. */
static void offer_row(struct publisher *p, const struct scan_products *s, uint32_t n_points, const char *which) {
    struct stream_meta m = p->scan_meta;
    struct data_group g;
    m.kind = "rixs_row";
    m.accum = "series";
    if (n_points <= p->points_known || data_group_row(s, s->emission, n_points - 1, which, &g) != STATUS_OK)
        return;
    m.start_ns = s->scan->points[n_points - 1].start_ns;
    offer(p, &p->topics[TOPIC_ROW], &m, &g, false);
    data_group_done(&g);
}

/* A map is megabytes: it is copied only when it is sent. */
static void offer_map(struct publisher *p, const struct scan_products *s, uint32_t n_points, const char *which, bool final) {
    struct stream_meta m = p->scan_meta;
    struct data_group g;
    m.kind = "rixs_map";
    m.accum = "cumulative";
    if ((!final && !is_due(&p->topics[TOPIC_MAP])) || data_group_map(s, s->emission, n_points, which, &g) != STATUS_OK)
        return;
    offer(p, &p->topics[TOPIC_MAP], &m, &g, true);
    data_group_done(&g);
}

void publisher_live(struct publisher *p, const struct scan_products *products, uint32_t n_points, uint32_t n_final, bool ended, struct publish_lost lost) {
    char which[48];
    uint32_t known = n_points < products->n_points ? n_points : products->n_points;
    snprintf(which, sizeof which, "scan %d", products->scan->number);
    p->scan_meta = meta_of(products, known, lost);
    p->scan_meta.final_points = n_final;
    if (p->scan != products->scan->number) {
        p->scan = products->scan->number;
        p->points_known = 0;
        offer_event(p, "start", true);
    }
    p->points += n_final > p->points_known ? n_final - p->points_known : 0;
    if (n_final > p->points_known && !ended)
        offer_event(p, "point_end", false);
    offer_yields(p, products, known, which, ended);
    if (products->emission) {
        offer_row(p, products, n_final, which);
        offer_map(p, products, known, which, ended);
    }
    p->points_known = n_final > p->points_known ? n_final : p->points_known;
    if (ended) {
        offer_event(p, "end", true);
        p->scan = -1;
    }
}

void publisher_scan(struct publisher *p, const struct scan_products *products, uint32_t n_points, bool final, struct publish_lost lost) {
    uint32_t known = n_points < products->n_points ? n_points : products->n_points;
    publisher_live(p, products, known, known, final, lost);
}

void publisher_calibration(struct publisher *p, const char *calibration_id) {
    snprintf(p->source.calibration_id, sizeof p->source.calibration_id, "%s", calibration_id);
}

/* ---- subscriptions and heartbeat ---- */

static void note_request(struct publisher *p, const char *prefix, size_t n) {
    if (p->n_requests == 0)
        p->first_request_ms = now_ms();
    unsigned k = p->n_requests < MAX_REQUESTS ? p->n_requests++ : 0;
    bool too_many = p->n_requests == MAX_REQUESTS || n >= PREFIX_TEXT;   /* then everything is sent again */
    memset(p->requests[k].prefix, 0, PREFIX_TEXT);
    if (!too_many)
        memcpy(p->requests[k].prefix, prefix, n);
}

static void read_subscriptions(struct publisher *p) {
    char message[256];
    for (int k = 0; k < 1000; k++) {
        int n = zmq_recv(p->socket, message, sizeof message, ZMQ_DONTWAIT);
        if (n < 0)
            return;
        size_t length = (size_t)n < sizeof message ? (size_t)n : sizeof message;
        if (length > 0 && message[0] == 1)
            note_request(p, message + 1, length - 1);
    }
}

static bool is_requested(const struct publisher *p, const char *topic) {
    for (unsigned k = 0; k < p->n_requests; k++)
        if (strncmp(topic, p->requests[k].prefix, strlen(p->requests[k].prefix)) == 0)
            return true;
    return false;
}

static void answer_requests(struct publisher *p) {
    if (p->n_requests == 0 || now_ms() - p->first_request_ms < MERGE_MS)
        return;
    for (size_t k = 0; k < p->n_topics; k++)
        if (is_requested(p, p->topics[k].name))
            send_again(p, &p->topics[k]);
    p->n_requests = 0;
}

static json_t *heartbeat_keys(const struct publisher *p, double seconds) {
    json_t *last = json_object();
    int waiting = 0;
    for (size_t k = 0; k < p->n_topics; k++) {
        if (p->topics[k].seq && k != TOPIC_HEARTBEAT)
            json_object_set_new(last, p->topics[k].name, json_integer((json_int_t)p->topics[k].seq));
        waiting += p->topics[k].pending != NULL;
    }
    return json_pack("{s:o,s:{s:f,s:f,s:f},s:{s:i},s:i}", "last", last, "rates", "messages", (double)p->messages / seconds, "bytes", (double)p->bytes / seconds,
                     "points", (double)p->points / seconds, "queue", "pending", waiting, "interval_ms", (int)HEARTBEAT_MS);
}

static void send_heartbeat(struct publisher *p, struct publish_lost lost) {
    int64_t now = now_ms();
    double seconds = p->heartbeat_ms ? (double)(now - p->heartbeat_ms) * 1e-3 : HEARTBEAT_MS * 1e-3;
    struct stream_meta meta = { .kind = "hb", .accum = "window", .scan = p->scan, .point = p->scan >= 0 ? p->scan_meta.point : -1, .lost = lost,
                                .t_ns = now_ns(CLOCK_REALTIME), .start_ns = p->start_ns, .n_points = p->scan_meta.n_points };
    memcpy(meta.sample, p->scan_meta.sample, sizeof meta.sample);
    memcpy(meta.label, p->scan_meta.label, sizeof meta.label);
    struct topic *t = &p->topics[TOPIC_HEARTBEAT];
    struct stream_message *m;
    if (stream_message_new(&meta, NULL, &m) != STATUS_OK)
        return;
    json_t *keys = heartbeat_keys(p, seconds > 1e-3 ? seconds : 1e-3);
    stream_message_send(m, p->socket, t->name, &p->source, ++t->seq, false, keys);
    json_decref(keys);
    stream_message_free(m);
    p->heartbeat_ms = now;
    p->messages = p->bytes = p->points = 0;
}

/* States that have not changed since the last heartbeat go out again, for those who missed them. */
static void repeat_old(struct publisher *p, int64_t since_ms) {
    for (size_t k = 0; k < p->n_topics; k++)
        if (p->topics[k].last && p->topics[k].sent_ms < since_ms)
            send_again(p, &p->topics[k]);
}

void publisher_step(struct publisher *p, struct publish_lost lost) {
    read_subscriptions(p);
    send_due(p, false);
    answer_requests(p);
    if (p->heartbeat_ms == 0 || now_ms() - p->heartbeat_ms >= HEARTBEAT_MS) {
        int64_t before = p->heartbeat_ms;
        send_heartbeat(p, lost);
        repeat_old(p, before);
    }
}

void publisher_free(struct publisher *p) {
    if (!p)
        return;
    if (p->scan >= 0) {
        p->scan = -1;
        offer_event(p, "abort", true);
    }
    send_due(p, true);
    send_heartbeat(p, p->scan_meta.lost);
    close_all(p);
}
