#include "daemon/sink/dastard_ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { SUMMARY_LIMIT = 100, LINGER_MS = 500 };

/* The record socket is an XPUB, which on the wire is what a PUB is, and tells of subscriptions besides. */
struct dastard_ports {
    void *context, *status, *records, *summaries;
    long subscriptions;
};

static void *open_port(void *context, const char *host, int kind, int port, int send_limit) {
    void *socket = zmq_socket(context, kind);
    char endpoint[DASTARD_HOST + 24];
    const int linger = LINGER_MS;
    snprintf(endpoint, sizeof endpoint, "tcp://%s:%d", host, port);
    if (socket == NULL)
        return NULL;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &send_limit, sizeof send_limit);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_bind(socket, endpoint) == 0)
        return socket;
    const int why = errno;
    zmq_close(socket);
    errno = why;
    return NULL;
}

bool dastard_ports_open(const char *host, int base, int queue, struct dastard_ports **out, int *taken) {
    struct dastard_ports *p = calloc(1, sizeof *p);
    if (p == NULL || (p->context = zmq_ctx_new()) == NULL) {
        free(p);
        return false;
    }
    struct { void **socket; int kind, offset, limit; } wanted[] = {{&p->status, ZMQ_PUB, DASTARD_PORT_STATUS, 1000},
                                                                   {&p->records, ZMQ_XPUB, DASTARD_PORT_RECORDS, queue},
                                                                   {&p->summaries, ZMQ_PUB, DASTARD_PORT_SUMMARIES, SUMMARY_LIMIT}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        *wanted[i].socket = open_port(p->context, host, wanted[i].kind, base + wanted[i].offset, wanted[i].limit);
        if (*wanted[i].socket != NULL)
            continue;
        const int why = errno;
        dastard_ports_close(p, true);
        errno = why;
        *taken = base + wanted[i].offset;
        return false;
    }
    *out = p;
    return true;
}

void dastard_ports_close(struct dastard_ports *p, bool at_once) {
    if (p == NULL)
        return;
    const int no_linger = 0;
    void *const sockets[] = {p->status, p->records, p->summaries};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++)
        if (sockets[i] != NULL) {
            if (at_once)
                zmq_setsockopt(sockets[i], ZMQ_LINGER, &no_linger, sizeof no_linger);
            zmq_close(sockets[i]);
        }
    zmq_ctx_term(p->context);
    free(p);
}

/* A PUB socket never refuses: what a subscriber's queue does not take is dropped for that subscriber. */
static void send_two(void *socket, const void *head, size_t head_bytes, const void *body, size_t body_bytes) {
    if (zmq_send(socket, head, head_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        zmq_send(socket, body, body_bytes, ZMQ_DONTWAIT);
}

uint32_t dastard_ports_subscriptions(struct dastard_ports *p) {
    uint8_t what;
    while (zmq_recv(p->records, &what, 1, ZMQ_DONTWAIT) > 0)
        p->subscriptions += what == 1 ? 1 : -1;
    return p->subscriptions > 0 ? (uint32_t)p->subscriptions : 0;
}

void dastard_ports_send(struct dastard_ports *p, const struct dastard_record *records, size_t n) {
    dastard_ports_subscriptions(p);
    for (size_t i = 0; i < n; i++) {
        const struct dastard_message *m = &records[i].message;
        uint8_t head[DASTARD_HEADER_BYTES];
        dastard_message_encode(m->channel_index, m->is_signed, &m->record, head);
        send_two(p->records, head, sizeof head, m->record.samples, 2 * (size_t)m->record.n_samples);
    }
    for (size_t i = 0; i < n; i++) {
        const struct dastard_message *m = &records[i].message;
        uint8_t head[DASTARD_SUMMARY_BYTES];
        dastard_summary_encode(m->channel_index, &m->record, &records[i].summary, head);
        send_two(p->summaries, head, sizeof head, "", 0);
    }
}

void dastard_ports_tell(struct dastard_ports *p, const char *topic, const char *json) {
    send_two(p->status, topic, strlen(topic), json, strlen(json));
}
