#include "daemon/control/acquisition_call.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MS = 8000, REPLY_BYTES = 1 << 16, ERROR_TEXT = 300 };

struct acquisition_call {
    char host[256];
    int port, fd;                 /* fd -1: no call under way */
    char *request;
    size_t sent;
    char reply[REPLY_BYTES];
    size_t n;
    int64_t begun_ms;
    enum acquisition_answer answer;
    char error[ERROR_TEXT];
};

bool acquisition_call_new(const char *host, int port, struct acquisition_call **out) {
    struct acquisition_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return false;
    snprintf(c->host, sizeof c->host, "%s", host);
    c->port = port;
    c->fd = -1;
    *out = c;
    return true;
}

static void hang_up(struct acquisition_call *c) {
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    free(c->request);
    c->request = NULL;
}

void acquisition_call_free(struct acquisition_call *c) {
    if (c == NULL)
        return;
    hang_up(c);
    free(c);
}

__attribute__((format(printf, 2, 3))) static void fail(struct acquisition_call *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->error, sizeof c->error, format, arguments);
    va_end(arguments);
    c->answer = ACQUISITION_ERROR;
    hang_up(c);
}

static void dial(struct acquisition_call *c) {
    char service[16];
    struct addrinfo *found = NULL, hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    snprintf(service, sizeof service, "%d", c->port);
    if (getaddrinfo(c->host, service, &hints, &found) != 0) {
        fail(c, "%s: no such host", c->host);
        return;
    }
    c->fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || (connect(c->fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS))
        fail(c, "the acquisition server does not answer at %s:%d: %s", c->host, c->port, strerror(errno));
    freeaddrinfo(found);
}

bool acquisition_call_begin(struct acquisition_call *c, const char *method, const json_t *argument, int64_t now_ms) {
    hang_up(c);
    json_t *request = json_object(), *params = json_array();
    json_array_append_new(params, json_deep_copy(argument));
    json_object_set_new(request, "method", json_string(method));
    json_object_set_new(request, "params", params);
    json_object_set_new(request, "id", json_integer(1));
    c->request = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (c->request == NULL)
        return false;
    c->sent = c->n = 0;
    c->begun_ms = now_ms;
    c->answer = ACQUISITION_WAITING;
    dial(c);
    return true;
}

/* What counts is `error` alone: results are false on success as often as not. */
static void take_reply(struct acquisition_call *c) {
    json_t *reply = json_loadb(c->reply, c->n, 0, NULL);
    const json_t *error = json_object_get(reply, "error");
    if (!json_is_object(reply))
        fail(c, "the acquisition server's answer is no JSON object");
    else if (json_is_string(error))
        fail(c, "the acquisition server says: %s", json_string_value(error));
    else
        c->answer = ACQUISITION_GOOD;
    json_decref(reply);
    hang_up(c);
}

static void talk(struct acquisition_call *c) {
    size_t length = strlen(c->request);
    if (c->sent < length) {
        ssize_t n = send(c->fd, c->request + c->sent, length - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            c->sent += (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            fail(c, "the acquisition server does not answer at %s:%d: %s", c->host, c->port, strerror(errno));
        return;
    }
    ssize_t n = recv(c->fd, c->reply + c->n, sizeof c->reply - c->n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        fail(c, "the acquisition server hung up");
        return;
    }
    c->n += (size_t)n;
    if (memchr(c->reply, '\n', c->n) != NULL || c->n == sizeof c->reply)
        take_reply(c);
}

enum acquisition_answer acquisition_call_step(struct acquisition_call *c, int64_t now_ms) {
    if (c->fd < 0)
        return c->answer;
    struct pollfd p = { .fd = c->fd, .events = c->sent < strlen(c->request) ? POLLOUT : POLLIN };
    if (poll(&p, 1, 0) > 0)
        talk(c);
    if (c->fd >= 0 && now_ms - c->begun_ms > ANSWER_MS)
        fail(c, "the acquisition server has not answered for %d s", ANSWER_MS / 1000);
    return c->answer;
}

const char *acquisition_call_error(const struct acquisition_call *c) { return c->error; }
