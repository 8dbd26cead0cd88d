#include "daemon/client/subscriber.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/curve_gate.h"
#include "daemon/log.h"
#include "pulse/growing_list.h"

/* A stream has a dozen topics and two for each pixel at most; an endless supply of names is somebody else's. */
enum { MOST_TOPICS = 8192, AT_A_TIME = 4096, RECEIVE_QUEUE = 1000, BUFFER_BYTES = 4 << 20 };

struct topic { struct stream_state *state; int64_t new_ms; bool given; };

struct subscriber {
    void *context, *socket;
    struct topic *topics;          /* in order of name */
    size_t n, capacity, news_at;
    char boot[STREAM_BOOT_TEXT];
    int64_t heard_ms;              /* the last message; -1: none */
    struct subscriber_counts counts;
};

static bool open_socket(struct subscriber *s, const char *endpoint, const struct subscriber_keys *keys, const char *const *prefixes, size_t n_prefixes) {
    s->context = zmq_ctx_new();
    s->socket = s->context != NULL ? zmq_socket(s->context, ZMQ_SUB) : NULL;
    if (s->socket == NULL)
        return false;
    const struct { int option, value; } options[] = { { ZMQ_RCVHWM, RECEIVE_QUEUE }, { ZMQ_RCVBUF, BUFFER_BYTES }, { ZMQ_LINGER, 0 }, { ZMQ_RECONNECT_IVL, 200 },
                                                      { ZMQ_RECONNECT_IVL_MAX, 2000 }, { ZMQ_IPV6, strchr(endpoint, '[') != NULL } };
    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
        zmq_setsockopt(s->socket, options[k].option, &options[k].value, sizeof options[k].value);
    for (size_t k = 0; k < n_prefixes; k++)
        zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, prefixes[k], strlen(prefixes[k]));
    if (n_prefixes == 0)
        zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, "", 0);
    return (keys == NULL || curve_client(s->socket, keys->server, keys->own)) && zmq_connect(s->socket, endpoint) == 0;
}

bool subscriber_new(const char *endpoint, const struct subscriber_keys *keys, const char *const *prefixes, size_t n_prefixes, struct subscriber **out) {
    struct subscriber *s = calloc(1, sizeof *s);
    if (s != NULL)
        s->heard_ms = -1;
    if (s == NULL || !open_socket(s, endpoint, keys, prefixes, n_prefixes)) {
        log_error("%s: cannot listen to it: %s; a stream is named like tcp://127.0.0.1:5560", endpoint, s == NULL ? "out of memory" : zmq_strerror(errno));
        subscriber_free(s);
        return false;
    }
    *out = s;
    return true;
}

void subscriber_want(struct subscriber *s, const char *prefix, bool wanted) { zmq_setsockopt(s->socket, wanted ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, prefix, strlen(prefix)); }

static void forget(struct subscriber *s) {
    for (size_t k = 0; k < s->n; k++)
        stream_state_free(s->topics[k].state);
    s->n = 0;
}

void subscriber_free(struct subscriber *s) {
    if (s == NULL)
        return;
    forget(s);
    free(s->topics);
    if (s->socket != NULL)
        zmq_close(s->socket);
    if (s->context != NULL)
        zmq_ctx_term(s->context);
    free(s);
}

/* Place of the topic, or where it would go. */
static bool find(const struct subscriber *s, const char *topic, size_t *at) {
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        int c = strcmp(s->topics[middle].state->topic, topic);
        if (c == 0) {
            *at = middle;
            return true;
        }
        if (c < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    *at = lo;
    return false;
}

static bool make_room(struct subscriber *s) {
    struct topic *more = s->n < MOST_TOPICS ? growing_list_room(s->topics, s->n, &s->capacity, sizeof *more, 64) : NULL;
    if (more == NULL)
        return false;
    s->topics = more;
    return true;
}

/* Takes the state over when it is new; false: it is not, and still the caller's. */
static bool keep(struct subscriber *s, struct stream_state *state, int64_t now_ms) {
    size_t at;
    if (find(s, state->topic, &at)) {
        struct topic *t = &s->topics[at];
        if (state->seq <= t->state->seq) {
            s->counts.again++;
            return false;
        }
        s->counts.missed += state->seq - t->state->seq - 1;
        stream_state_free(t->state);
        *t = (struct topic){ .state = state, .new_ms = now_ms };
        return true;
    }
    if (!make_room(s)) {
        s->counts.refused[STREAM_MEMORY]++;
        return false;
    }
    memmove(&s->topics[at + 1], &s->topics[at], (s->n - at) * sizeof *s->topics);
    s->topics[at] = (struct topic){ .state = state, .new_ms = now_ms };
    s->n++;
    return true;
}

bool subscriber_take(struct subscriber *s, const struct stream_frame *frames, size_t n_frames, int64_t now_ms) {
    struct stream_state *state;
    enum stream_refusal r = stream_state_read(frames, n_frames, &state);
    if (r != STREAM_GOOD) {
        s->counts.refused[r]++;
        return false;
    }
    s->heard_ms = now_ms;
    s->counts.messages++;
    for (size_t k = 0; k < n_frames; k++)
        s->counts.bytes += frames[k].n;
    if (strcmp(s->boot, state->boot) != 0) {
        forget(s);
        snprintf(s->boot, sizeof s->boot, "%s", state->boot);
        s->counts.boots++;
    }
    bool is_new = keep(s, state, now_ms);
    s->news_at = 0;
    if (!is_new)
        stream_state_free(state);
    return is_new;
}

/* One message from the socket; 0: none is waiting. More frames than a message may have are read and dropped, and so is the message. */
static bool receive(struct subscriber *s, int64_t now_ms, unsigned *n_new) {
    zmq_msg_t parts[STREAM_ARRAYS + 3];
    struct stream_frame frames[STREAM_ARRAYS + 3];
    size_t n = 0;
    for (int more = 1; more != 0;) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, s->socket, ZMQ_DONTWAIT) < 0) {   /* messages come whole, so only in front of the first part */
            zmq_msg_close(&m);
            break;
        }
        more = zmq_msg_more(&m);
        if (n == STREAM_ARRAYS + 3) {
            zmq_msg_close(&m);
            continue;
        }
        zmq_msg_init(&parts[n]);
        zmq_msg_move(&parts[n], &m);
        zmq_msg_close(&m);
        frames[n] = (struct stream_frame){ zmq_msg_data(&parts[n]), zmq_msg_size(&parts[n]) };
        n++;
    }
    if (n > 0 && subscriber_take(s, frames, n, now_ms))
        ++*n_new;
    for (size_t k = 0; k < n; k++)
        zmq_msg_close(&parts[k]);
    return n > 0;
}

unsigned subscriber_step(struct subscriber *s, int wait_ms, int64_t now_ms) {
    zmq_pollitem_t item = { .socket = s->socket, .events = ZMQ_POLLIN };
    unsigned n_new = 0;
    if (zmq_poll(&item, 1, wait_ms) > 0)
        for (int k = 0; k < AT_A_TIME && receive(s, now_ms, &n_new); k++)
            ;
    return n_new;
}

const struct stream_state *subscriber_news(struct subscriber *s) {
    for (; s->news_at < s->n; s->news_at++)
        if (!s->topics[s->news_at].given) {
            s->topics[s->news_at].given = true;
            return s->topics[s->news_at].state;
        }
    s->news_at = 0;
    return NULL;
}

size_t subscriber_topics(const struct subscriber *s) { return s->n; }

const struct stream_state *subscriber_state(const struct subscriber *s, size_t k) { return s->topics[k].state; }

const struct stream_state *subscriber_find(const struct subscriber *s, const char *topic) {
    size_t at;
    return find(s, topic, &at) ? s->topics[at].state : NULL;
}

int64_t subscriber_silence_ms(const struct subscriber *s, int64_t now_ms) { return s->heard_ms < 0 ? -1 : now_ms - s->heard_ms; }

int64_t subscriber_age_ms(const struct subscriber *s, const char *topic, int64_t now_ms) {
    size_t at;
    return find(s, topic, &at) ? now_ms - s->topics[at].new_ms : -1;
}

struct subscriber_counts subscriber_counts(const struct subscriber *s) { return s->counts; }
