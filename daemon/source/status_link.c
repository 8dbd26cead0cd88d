#include "daemon/source/status_link.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "daemon/log.h"

enum { TRAVEL_MS = 300, RETRY_MS = 2000, ANSWER_MS = 4000, SILENT_MS = 5000, TOPIC_LIMIT = 64, BODY_LIMIT = 16 << 20, TURN = 1000 };

struct status_link {
    void *context, *socket;
    char host[256];
    int base_port;
    bool want_all;
    int64_t begun_ms, heard_ms, next_ask_ms, asked_ms;
    int fd;                      /* of a call under way; -1: none */
    bool sent;
    struct status_counts counts;
};

bool status_link_new(const char *host, int base_port, struct status_link **out) {
    struct status_link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return false;
    *l = (struct status_link){ .base_port = base_port, .want_all = true, .fd = -1 };
    snprintf(l->host, sizeof l->host, "%s", host);
    char endpoint[320];
    snprintf(endpoint, sizeof endpoint, "tcp://%s:%d", host, base_port + 1);
    l->context = zmq_ctx_new();
    l->socket = l->context != NULL ? zmq_socket(l->context, ZMQ_SUB) : NULL;
    int64_t longest = BODY_LIMIT;
    bool good = l->socket != NULL && zmq_setsockopt(l->socket, ZMQ_RCVHWM, &(int){ 10000 }, sizeof(int)) == 0 &&
                zmq_setsockopt(l->socket, ZMQ_LINGER, &(int){ 0 }, sizeof(int)) == 0 && zmq_setsockopt(l->socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest) == 0 &&
                zmq_setsockopt(l->socket, ZMQ_RECONNECT_IVL_MAX, &(int){ 2000 }, sizeof(int)) == 0 && zmq_setsockopt(l->socket, ZMQ_SUBSCRIBE, "", 0) == 0 &&
                zmq_connect(l->socket, endpoint) == 0;
    if (!good) {
        log_error("%s: cannot subscribe to the acquisition's status: %s", endpoint, zmq_strerror(errno));
        status_link_free(l);
        return false;
    }
    *out = l;
    return true;
}

static void hang_up(struct status_link *l) {
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

void status_link_free(struct status_link *l) {
    if (l == NULL)
        return;
    hang_up(l);
    if (l->socket != NULL)
        zmq_close(l->socket);
    if (l->context != NULL)
        zmq_ctx_term(l->context);
    free(l);
}

/* ---- the call ---- */

/* A connection under way; -1: none could be begun. Addresses are numbers or names in /etc/hosts as a rule, so looking one up is quick. */
static int begin_call(const char *host, int port) {
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo *found = NULL, hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static void send_request(struct status_link *l) {
    static const char request[] = "{\"method\":\"SourceControl.SendAllStatus\",\"params\":[\"dummy\"],\"id\":1}\n";
    ssize_t n = send(l->fd, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == (ssize_t)sizeof request - 1) {
        l->sent = true;
        l->counts.asked++;
    } else if (n >= 0 || (errno != EAGAIN && errno != ENOTCONN && errno != EINPROGRESS)) {
        hang_up(l);
    }
}

/* Any line is an answer; what it says ("result" is false on success) is no verdict, the status messages are. */
static void hear_answer(struct status_link *l) {
    char bytes[512];
    ssize_t n = recv(l->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    l->counts.answered += n > 0;
    hang_up(l);
}

static void step_call(struct status_link *l, int64_t now_ms) {
    if (l->fd < 0) {
        if (!l->want_all || now_ms < l->next_ask_ms)
            return;
        l->next_ask_ms = now_ms + RETRY_MS;
        l->fd = begin_call(l->host, l->base_port);
        l->asked_ms = now_ms;
        l->sent = false;
        return;
    }
    struct pollfd p = { .fd = l->fd, .events = l->sent ? POLLIN : POLLOUT };
    if (poll(&p, 1, 0) > 0) {
        if (l->sent)
            hear_answer(l);
        else
            send_request(l);
        if (l->fd < 0 && l->sent)
            l->want_all = false;
    } else if (now_ms - l->asked_ms > ANSWER_MS) {
        l->counts.unanswered++;
        hang_up(l);
    }
}

void status_link_want_all(struct status_link *l) { l->want_all = true; }

/* ---- the status port ---- */

static const char *const topics[] = {
    "NEWDASTARD", "ALIVE", "STATUS", "CHANNELNAMES", "TRIGGER", "GROUPTRIGGER", "TRIGCOUPLING", "TRIGGERRATE", "WRITING", "STATELABEL", "NUMBERWRITTEN", "EXTERNALTRIGGER",
    "DATADROP", "SIMPULSE", "TRIANGLE", "LANCERO", "RESONATOR", "ABACO", "ROACH", "MIX", "TESMAP", "TESMAPFILE", "RAWDATABLOCK", "STATESOURCE",
};

static bool is_known(const char *topic) {
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        if (strcmp(topic, topics[i]) == 0)
            return true;
    return false;
}

/* Capital letters and digits, as all topics have been so far. */
static bool topic_of(zmq_msg_t *m, char topic[TOPIC_LIMIT]) {
    size_t n = zmq_msg_size(m);
    const char *text = zmq_msg_data(m);
    if (n == 0 || n >= TOPIC_LIMIT)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isupper((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '_')
            return false;
    memcpy(topic, text, n);
    topic[n] = '\0';
    return true;
}

static void tell(struct status_link *l, zmq_msg_t *head, zmq_msg_t *body, int64_t now_ms, status_told *told, void *context) {
    char topic[TOPIC_LIMIT];
    json_t *value = topic_of(head, topic) ? json_loadb(zmq_msg_data(body), zmq_msg_size(body), JSON_DECODE_ANY, NULL) : NULL;
    if (value == NULL) {
        l->counts.refused++;
        return;
    }
    if (l->heard_ms > 0 && now_ms - l->heard_ms > SILENT_MS)
        l->want_all = true;
    l->heard_ms = now_ms;
    l->counts.messages++;
    if (is_known(topic)) {
        if (strcmp(topic, "NEWDASTARD") == 0)
            l->want_all = true;
        told(context, topic, value);
    } else {
        l->counts.unknown_topics++;
    }
    json_decref(value);
}

/* False: nothing is there. */
static bool take_message(struct status_link *l, int64_t now_ms, status_told *told, void *context) {
    zmq_msg_t head, body;
    zmq_msg_init(&head);
    zmq_msg_init(&body);
    bool there = zmq_msg_recv(&head, l->socket, ZMQ_DONTWAIT) >= 0;
    if (there) {
        bool two = zmq_msg_more(&head) && zmq_msg_recv(&body, l->socket, ZMQ_DONTWAIT) >= 0;
        bool more = two && zmq_msg_more(&body);
        while (more && zmq_msg_recv(&head, l->socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&head))
            continue;
        if (two && !more)
            tell(l, &head, &body, now_ms, told, context);
        else
            l->counts.refused++;
    }
    zmq_msg_close(&head);
    zmq_msg_close(&body);
    return there;
}

void status_link_step(struct status_link *l, int64_t now_ms, status_told *told, void *context) {
    if (l->begun_ms == 0) {
        l->begun_ms = now_ms;
        l->next_ask_ms = now_ms + TRAVEL_MS;
    }
    for (int i = 0; i < TURN && take_message(l, now_ms, told, context); i++)
        continue;
    step_call(l, now_ms);
}

bool status_link_alive(const struct status_link *l, int64_t now_ms) { return l->heard_ms > 0 && now_ms - l->heard_ms <= SILENT_MS; }

const struct status_counts *status_link_counts(const struct status_link *l) { return &l->counts; }
