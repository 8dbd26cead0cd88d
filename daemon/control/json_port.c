#include "daemon/control/json_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/clock.h"

enum { MAX_CLIENTS = 64, REQUEST_LIMIT = 16 << 20, READ_BYTES = 1 << 14, EVENTS = 16 };

struct client {
    int fd;              /* -1: free */
    bool dead;           /* reset at the next call */
    char *bytes;
    size_t n, capacity;
    struct json_request_scan scan;
    uint64_t ticket;
    size_t asked;        /* bytes of the request that waits for its answer; 0: none */
    int64_t asked_ms;
    int64_t heard_ms;    /* its last bytes */
};

struct json_port {
    int listener, epoll, number;
    struct json_port_settings settings;
    struct json_port_counts counts;
    struct client clients[MAX_CLIENTS];
};

static int listen_on(const char *host, int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (strcmp(host, "*") != 0 && inet_pton(AF_INET, host, &at.sin_addr) != 1)
        errno = EINVAL;
    else if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 128) == 0)
        return fd;
    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int number_of(int fd) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof at;
    return getsockname(fd, (struct sockaddr *)&at, &n) == 0 ? ntohs(at.sin_port) : 0;
}

int json_port_free_number(const char *host) {
    const int fd = listen_on(host, 0);
    if (fd < 0)
        return 0;
    const int port = number_of(fd);
    close(fd);
    return port;
}

static bool watch(const struct json_port *p, int fd, uint32_t which) {
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = which};
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

bool json_port_open(const struct json_port_settings *settings, struct json_port **out) {
    struct json_port *p = calloc(1, sizeof *p);
    if (p == NULL)
        return false;
    p->settings = *settings;
    if (p->settings.request_limit == 0)
        p->settings.request_limit = REQUEST_LIMIT;
    for (int i = 0; i < MAX_CLIENTS; i++)
        p->clients[i].fd = -1;
    p->listener = listen_on(settings->host, settings->port);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (p->listener < 0 || p->epoll < 0 || !watch(p, p->listener, MAX_CLIENTS)) {
        const int why = errno;
        json_port_close(p);
        errno = why;
        return false;
    }
    p->number = number_of(p->listener);
    *out = p;
    return true;
}

static void hang_up(struct client *c, bool reset) {
    const struct linger now = {.l_onoff = 1};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(c->fd);
    free(c->bytes);
    *c = (struct client){.fd = -1};
}

void json_port_close(struct json_port *p) {
    if (p == NULL)
        return;
    for (int i = 0; i < MAX_CLIENTS; i++)
        if (p->clients[i].fd >= 0)
            hang_up(&p->clients[i], false);
    if (p->listener >= 0)
        close(p->listener);
    if (p->epoll >= 0)
        close(p->epoll);
    free(p);
}

int json_port_fd(const struct json_port *p) { return p->epoll; }

/* A free place; when all are taken, that of the client who has been silent longest and waits for no answer: connections left open by
 * programs that are gone must not lock out those that are there. MAX_CLIENTS: none. */
static int free_place(struct json_port *p) {
    int silent = MAX_CLIENTS;
    for (int i = 0; i < MAX_CLIENTS; i++) {
        if (p->clients[i].fd < 0)
            return i;
        if (p->clients[i].asked == 0 && (silent == MAX_CLIENTS || p->clients[i].heard_ms < p->clients[silent].heard_ms))
            silent = i;
    }
    if (silent < MAX_CLIENTS) {
        p->counts.refused++;
        hang_up(&p->clients[silent], false);
    }
    return silent;
}

static void accept_clients(struct json_port *p) {
    for (int fd; (fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        const int one = 1, i = free_place(p);
        if (i == MAX_CLIENTS || !watch(p, fd, (uint32_t)i)) {
            p->counts.refused++;
            close(fd);
            continue;
        }
        p->counts.accepted++;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        p->clients[i] = (struct client){.fd = fd, .heard_ms = clock_ms()};
    }
}

/* Asks for the answer to the request that is bytes[0..end). False: it comes later, or the client is gone. */
static bool answer(struct json_port *p, struct client *c, size_t end) {
    char *reply = NULL;
    if (c->asked == 0) {
        c->asked = end;
        c->asked_ms = clock_ms();
        c->ticket = ++p->counts.requests;
    }
    const enum json_request_end how = p->settings.answer(p->settings.context, c->bytes, end, c->ticket, clock_ms() - c->asked_ms, &reply);
    if (how == REQUEST_LATER)
        return false;
    const size_t n = reply == NULL ? 0 : strlen(reply);
    const bool sent = reply != NULL && send(c->fd, reply, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
    free(reply);
    if (how == REQUEST_HANG_UP || !sent) {
        hang_up(c, false);
        return false;
    }
    c->dead = how == REQUEST_ANSWERED_LAST;
    c->asked = 0;
    memmove(c->bytes, c->bytes + end, c->n - end);
    c->n -= end;
    c->scan = (struct json_request_scan){0};
    return true;
}

static void refuse(struct json_port *p, struct client *c) {
    p->counts.rubbish++;
    if (p->settings.rubbish_reply != NULL && !c->dead)
        (void)!send(c->fd, p->settings.rubbish_reply, strlen(p->settings.rubbish_reply), MSG_NOSIGNAL | MSG_DONTWAIT);
    hang_up(c, c->dead);
}

static void serve_requests(struct json_port *p, struct client *c) {
    size_t end;
    enum json_request_cut cut;
    if (c->asked > 0 && !answer(p, c, c->asked))
        return;
    while ((cut = json_request_cut(&c->scan, c->bytes, c->n, &end)) == REQUEST_WHOLE) {
        if (c->dead) {
            hang_up(c, true);
            return;
        }
        if (!answer(p, c, end))
            return;
    }
    if (cut == REQUEST_RUBBISH || c->n >= p->settings.request_limit)
        refuse(p, c);
}

static bool make_room(struct client *c) {
    if (c->capacity - c->n >= READ_BYTES)
        return true;
    const size_t more = 2 * (c->capacity + READ_BYTES);
    char *bigger = realloc(c->bytes, more);
    if (bigger == NULL)
        return false;
    c->bytes = bigger;
    c->capacity = more;
    return true;
}

static void hear(struct json_port *p, struct client *c) {
    if (c->fd < 0)
        return;
    if (c->n >= p->settings.request_limit + READ_BYTES) {   /* it goes on asking while an answer is waited for */
        refuse(p, c);
        return;
    }
    const ssize_t n = make_room(c) ? recv(c->fd, c->bytes + c->n, READ_BYTES, 0) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(c, false);
        return;
    }
    c->n += (size_t)n;
    c->heard_ms = clock_ms();
    serve_requests(p, c);
}

static bool is_half(const struct json_port *p, const struct client *c) {
    return p->settings.patience_ms > 0 && c->scan.begun && clock_ms() - c->heard_ms > p->settings.patience_ms;
}

void json_port_step(struct json_port *p) {
    struct epoll_event events[EVENTS];
    for (int i = 0; i < MAX_CLIENTS; i++)
        if (p->clients[i].fd >= 0 && p->clients[i].asked > 0)
            serve_requests(p, &p->clients[i]);
        else if (p->clients[i].fd >= 0 && is_half(p, &p->clients[i]))
            refuse(p, &p->clients[i]);
    const int n = epoll_wait(p->epoll, events, EVENTS, 0);
    for (int i = 0; i < n; i++)
        if (events[i].data.u32 == MAX_CLIENTS)
            accept_clients(p);
        else
            hear(p, &p->clients[events[i].data.u32]);
}

int json_port_number(const struct json_port *p) { return p->number; }

struct json_port_counts json_port_counts(const struct json_port *p) { return p->counts; }
