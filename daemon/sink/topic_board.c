#include "daemon/sink/topic_board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/sink/subscription_set.h"

/* SEND_QUEUE holds four states of all topics: those of one scan point go out together, and a burst that does not fit loses messages
 * of a reader who is quick enough (16 did, with 15 regions). What waits there shares its arrays with the cache. Cached states for somebody new
 * go out a few at a time, for the same reason. */
enum { MERGE_MS = 50, SEND_QUEUE = 150, AGAIN_AT_A_TIME = 40, AGAIN_MS = 2, LINGER_MS = 500, TOPIC_TEXT = 64, PREFIX_TEXT = 64, MAX_REQUESTS = 16, MOST_TOPICS = 8192 };
static const char on_demand[] = "detail/";

struct topic {
    char name[TOPIC_TEXT];
    int64_t interval_ms;                     /* at most one message in this time */
    bool quiet, again;                       /* again: to be sent again as soon as there is room */
    struct stream_message *pending, *last;   /* newest not yet sent; cache of the last sent */
    uint64_t seq;
    int64_t sent_ms;                         /* when last a new state was sent; 0: never */
};

struct topic_board {
    void *socket;
    char endpoint[256];
    struct stream_source source;
    struct topic *topics;
    size_t n_topics;
    struct subscription_set read;            /* headers are not written for nobody: a third of the book's time */
    struct { char prefix[PREFIX_TEXT]; } requests[MAX_REQUESTS];
    unsigned n_requests;
    int64_t first_request_ms, again_ms;
    size_t again_at;                         /* where the states to be sent again are being looked for; n_topics: none left */
    struct board_rates rates;
};

/* ---- opening and closing ---- */

static void set_option(void *socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

static bool open_socket(struct topic_board *b, const struct board_settings *s) {
    b->socket = zmq_socket(s->zmq, ZMQ_XPUB);
    if (!b->socket)
        return false;
    set_option(b->socket, ZMQ_XPUB_VERBOSE, 1);
    set_option(b->socket, ZMQ_SNDHWM, SEND_QUEUE);
    set_option(b->socket, ZMQ_LINGER, LINGER_MS);
    set_option(b->socket, ZMQ_HEARTBEAT_IVL, 5000);
    set_option(b->socket, ZMQ_HEARTBEAT_TIMEOUT, 15000);
    set_option(b->socket, ZMQ_HEARTBEAT_TTL, 15000);
    set_option(b->socket, ZMQ_HANDSHAKE_IVL, 10000);
    set_option(b->socket, ZMQ_IPV6, strchr(s->endpoint, '[') != NULL);
    zmq_setsockopt(b->socket, ZMQ_MAXMSGSIZE, &(int64_t){ 4096 }, sizeof(int64_t));
    size_t n = sizeof b->endpoint;
    return (!s->gate || curve_gate_guard(s->gate, b->socket, CURVE_READ)) && zmq_bind(b->socket, s->endpoint) == 0 &&
           zmq_getsockopt(b->socket, ZMQ_LAST_ENDPOINT, b->endpoint, &n) == 0;
}

bool topic_board_new(const struct board_settings *settings, struct topic_board **out) {
    if (!settings->gate && !curve_gate_is_local(settings->endpoint)) {
        log_error("%s: without keys the stream is published on this machine only; set keys.folder, or use tcp://127.0.0.1:PORT and reach it from elsewhere with ssh -L",
                  settings->endpoint);
        return false;
    }
    struct topic_board *b = calloc(1, sizeof *b);
    if (!b || !open_socket(b, settings)) {
        log_error("%s: cannot publish: %s", settings->endpoint, b ? zmq_strerror(errno) : "out of memory");
        topic_board_free(b);
        return false;
    }
    stream_uuid(b->source.boot);
    *out = b;
    return true;
}

void topic_board_free(struct topic_board *b) {
    if (!b)
        return;
    if (b->socket)
        zmq_close(b->socket);
    for (size_t k = 0; k < b->n_topics; k++) {
        stream_message_free(b->topics[k].pending);
        stream_message_free(b->topics[k].last);
    }
    free(b->topics);
    free(b);
}

const char *topic_board_endpoint(const struct topic_board *b) { return b->endpoint; }

struct stream_source *topic_board_source(struct topic_board *b) { return &b->source; }

int topic_board_topic(struct topic_board *b, const char *name, int64_t interval_ms, bool quiet) {
    for (size_t k = 0; k < b->n_topics; k++)
        if (strcmp(b->topics[k].name, name) == 0)
            return (int)k;
    struct topic *more = b->n_topics < MOST_TOPICS ? realloc(b->topics, (b->n_topics + 1) * sizeof *more) : NULL;
    if (!more)
        return -1;
    b->topics = more;
    more += b->n_topics;
    *more = (struct topic){ .interval_ms = interval_ms, .quiet = quiet };
    snprintf(more->name, sizeof more->name, "%s", name);
    return (int)b->n_topics++;
}

/* ---- who reads ---- */

static void note_request(struct topic_board *b, const char *prefix, size_t n) {
    if (b->n_requests == 0)
        b->first_request_ms = clock_ms();
    for (unsigned k = 0; n < PREFIX_TEXT && k < b->n_requests; k++)   /* fifty that want the same are one request */
        if (strlen(b->requests[k].prefix) == n && memcmp(b->requests[k].prefix, prefix, n) == 0)
            return;
    unsigned k = b->n_requests < MAX_REQUESTS ? b->n_requests++ : 0;
    bool too_many = b->n_requests == MAX_REQUESTS || n >= PREFIX_TEXT;   /* then everything is sent again */
    memset(b->requests[k].prefix, 0, PREFIX_TEXT);
    if (!too_many)
        memcpy(b->requests[k].prefix, prefix, n);
}

static void read_subscriptions(struct topic_board *b) {
    char message[256];
    for (int k = 0; k < 1000; k++) {
        int n = zmq_recv(b->socket, message, sizeof message, ZMQ_DONTWAIT);
        if (n < 0)
            return;
        size_t length = (size_t)n < sizeof message ? (size_t)n : sizeof message;
        if (length > 0)
            subscription_set_note(&b->read, message[0] == 1, message + 1, length - 1);
        if (length > 0 && message[0] == 1)
            note_request(b, message + 1, length - 1);
    }
}

/* ---- sending ---- */

static void send_state(struct topic_board *b, const struct topic *t, const struct stream_message *m, bool snap) {
    if (!subscription_set_covers(&b->read, t->name))
        return;
    const struct stream_address to = { .topic = t->name, .source = &b->source, .seq = t->seq, .snap = snap };
    size_t bytes = stream_message_send(m, b->socket, &to);
    b->rates.messages += bytes > 0;
    b->rates.bytes += bytes;
}

static void send_pending(struct topic_board *b, struct topic *t) {
    t->seq++;
    send_state(b, t, t->pending, false);
    stream_message_free(t->last);
    t->last = t->pending;
    t->pending = NULL;
    t->again = false;
    t->sent_ms = clock_ms();
}

static bool is_due(const struct topic *t) { return t->sent_ms == 0 || clock_ms() - t->sent_ms >= t->interval_ms; }

bool topic_board_due(const struct topic_board *b, int topic) { return topic >= 0 && is_due(&b->topics[topic]); }

void topic_board_offer(struct topic_board *b, int topic, const struct stream_meta *meta, const struct data_group *group, json_t *keys, bool at_once) {
    struct stream_message *m;
    if (topic < 0 || stream_message_new(meta, group, keys, &m) != STATUS_OK)
        return;
    struct topic *t = &b->topics[topic];
    stream_message_free(t->pending);
    t->pending = m;
    if (at_once)
        read_subscriptions(b);   /* there may be no later round */
    if (at_once || is_due(t))
        send_pending(b, t);
}

void topic_board_send(struct topic_board *b, int topic, const struct stream_meta *meta, json_t *keys) {
    struct stream_message *m;
    if (topic < 0 || stream_message_new(meta, NULL, keys, &m) != STATUS_OK)
        return;
    b->topics[topic].seq++;
    send_state(b, &b->topics[topic], m, false);
    stream_message_free(m);
}

static void send_due(struct topic_board *b, bool at_once) {
    for (size_t k = 0; k < b->n_topics; k++)
        if (b->topics[k].pending && (at_once || is_due(&b->topics[k])))
            send_pending(b, &b->topics[k]);
}

void topic_board_flush(struct topic_board *b) {
    read_subscriptions(b);
    send_due(b, true);
}

void topic_board_forget(struct topic_board *b, const char *prefix, bool (*keep)(void *context, const char *name), void *context) {
    for (size_t k = 0; k < b->n_topics; k++) {
        struct topic *t = &b->topics[k];
        if (strncmp(t->name, prefix, strlen(prefix)) != 0 || keep(context, t->name))
            continue;
        stream_message_free(t->pending);
        stream_message_free(t->last);
        t->pending = t->last = NULL;
        t->again = false;
    }
}

/* ---- again ---- */

static void mark_again(struct topic_board *b, struct topic *t) {
    t->again = t->last != NULL;
    b->again_at = 0;
}

static void send_again(struct topic_board *b) {
    if (b->again_at >= b->n_topics || clock_ms() - b->again_ms < AGAIN_MS)
        return;
    b->again_ms = clock_ms();
    for (int sent = 0; b->again_at < b->n_topics && sent < AGAIN_AT_A_TIME; b->again_at++) {
        struct topic *t = &b->topics[b->again_at];
        if (t->again && t->last) {
            send_state(b, t, t->last, true);
            sent++;
        }
        t->again = false;
    }
}

bool topic_board_asked(const struct topic_board *b, size_t k, char topic[BOARD_TOPIC]) {
    for (unsigned i = 0; i < b->read.n; i++) {
        const struct subscription *s = &b->read.known[i];
        const bool whole = s->length > strlen(on_demand) && s->length < BOARD_TOPIC && memcmp(s->prefix, on_demand, strlen(on_demand)) == 0 && s->prefix[s->length - 1] == '/';
        if (!whole || k-- > 0)
            continue;
        memset(topic, 0, BOARD_TOPIC);
        memcpy(topic, s->prefix, s->length);
        return true;
    }
    return false;
}

static bool is_requested(const struct topic_board *b, const char *topic) {
    for (unsigned k = 0; k < b->n_requests; k++)
        if (strncmp(topic, b->requests[k].prefix, strlen(b->requests[k].prefix)) == 0)
            return true;
    return false;
}

static void answer_requests(struct topic_board *b, int64_t after_ms) {
    if (b->n_requests == 0 || clock_ms() - b->first_request_ms < after_ms)
        return;
    for (size_t k = 0; k < b->n_topics; k++)
        if (is_requested(b, b->topics[k].name))
            mark_again(b, &b->topics[k]);
    b->n_requests = 0;
}

void topic_board_step(struct topic_board *b) {
    read_subscriptions(b);
    send_due(b, false);
    answer_requests(b, MERGE_MS);
    send_again(b);
}

void topic_board_answer(struct topic_board *b) {
    read_subscriptions(b);
    answer_requests(b, 0);
    for (size_t k = 0; k < b->n_topics; k++) {
        struct topic *t = &b->topics[k];
        if (t->quiet || !t->again || !t->last)
            continue;
        send_state(b, t, t->last, true);
        t->again = false;
    }
}

void topic_board_repeat(struct topic_board *b) {
    const int64_t now = clock_ms();
    for (size_t k = 0; k < b->n_topics; k++)
        if (!b->topics[k].quiet && b->topics[k].last && now - b->topics[k].sent_ms > b->topics[k].interval_ms)
            mark_again(b, &b->topics[k]);
    send_again(b);
}

/* ---- what there is ---- */

json_t *topic_board_last(const struct topic_board *b) {
    json_t *last = json_object();
    for (size_t k = 0; k < b->n_topics; k++)
        if (b->topics[k].last && !b->topics[k].quiet)
            json_object_set_new(last, b->topics[k].name, json_integer((json_int_t)b->topics[k].seq));
    return last;
}

int topic_board_pending(const struct topic_board *b) {
    int waiting = 0;
    for (size_t k = 0; k < b->n_topics; k++)
        waiting += b->topics[k].pending != NULL;
    return waiting;
}

struct board_rates topic_board_rates(struct topic_board *b) {
    struct board_rates r = b->rates;
    b->rates = (struct board_rates){ 0 };
    return r;
}

json_t *topic_board_snapshot(const struct topic_board *b, const char *prefix, stream_frame *take, void *to) {
    json_t *all = json_array();
    for (size_t k = 0; k < b->n_topics; k++) {
        const struct topic *t = &b->topics[k];
        if (!t->last || strncmp(t->name, prefix, strlen(prefix)) != 0)
            continue;
        const struct stream_address address = { .topic = t->name, .source = &b->source, .seq = t->seq, .snap = true };
        unsigned n = stream_message_frames(t->last, &address, take, to);
        json_array_append_new(all, json_pack("{s:s,s:i}", "topic", t->name, "frames", (int)n));
    }
    return all;
}
