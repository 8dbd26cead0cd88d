#include "daemon/control/dastard_rpc.h"

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

enum { MAX_CLIENTS = 64, REQUEST_LIMIT = 16 << 20, READ_BYTES = 1 << 16, EVENTS = 16 };

struct client {
    int fd;              /* -1: free */
    bool dead;           /* reset at the next call */
    char *bytes;
    size_t n, capacity;
    struct json_request_scan scan;
};

struct dastard_rpc {
    int listener, epoll;
    struct json_request_table verbs;
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
    else if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 16) == 0)
        return fd;
    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int dastard_rpc_free_port(const char *host) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof at;
    const int fd = listen_on(host, 0);
    if (fd < 0)
        return 0;
    const int port = getsockname(fd, (struct sockaddr *)&at, &n) == 0 ? ntohs(at.sin_port) : 0;
    close(fd);
    return port;
}

static bool watch(const struct dastard_rpc *r, int fd, uint32_t which) {
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = which};
    return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

bool dastard_rpc_open(const char *host, int port, const struct json_request_table *verbs, struct dastard_rpc **out) {
    struct dastard_rpc *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->verbs = *verbs;
    for (int i = 0; i < MAX_CLIENTS; i++)
        r->clients[i].fd = -1;
    r->listener = listen_on(host, port);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r->listener < 0 || r->epoll < 0 || !watch(r, r->listener, MAX_CLIENTS)) {
        const int why = errno;
        dastard_rpc_close(r);
        errno = why;
        return false;
    }
    *out = r;
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

void dastard_rpc_close(struct dastard_rpc *r) {
    if (r == NULL)
        return;
    for (int i = 0; i < MAX_CLIENTS; i++)
        if (r->clients[i].fd >= 0)
            hang_up(&r->clients[i], false);
    if (r->listener >= 0)
        close(r->listener);
    if (r->epoll >= 0)
        close(r->epoll);
    free(r);
}

int dastard_rpc_fd(const struct dastard_rpc *r) { return r->epoll; }

static void accept_clients(struct dastard_rpc *r) {
    for (int fd; (fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        const int one = 1;
        int i = 0;
        while (i < MAX_CLIENTS && r->clients[i].fd >= 0)
            i++;
        if (i == MAX_CLIENTS || !watch(r, fd, (uint32_t)i)) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        r->clients[i] = (struct client){.fd = fd};
    }
}

/* One answer to the request that is bytes[0..end); false: the client is gone. */
static bool answer(struct dastard_rpc *r, struct client *c, size_t end) {
    char *reply;
    const enum json_request_end how = json_request_answer(&r->verbs, c->bytes, end, &reply);
    const size_t n = reply == NULL ? 0 : strlen(reply);
    const bool sent = reply != NULL && send(c->fd, reply, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
    free(reply);
    if (how == REQUEST_HANG_UP || !sent) {
        hang_up(c, false);
        return false;
    }
    c->dead = how == REQUEST_ANSWERED_LAST;
    memmove(c->bytes, c->bytes + end, c->n - end);
    c->n -= end;
    c->scan = (struct json_request_scan){0};
    return true;
}

static void serve_requests(struct dastard_rpc *r, struct client *c) {
    size_t end;
    enum json_request_cut cut;
    while ((cut = json_request_cut(&c->scan, c->bytes, c->n, &end)) == REQUEST_WHOLE) {
        if (c->dead) {
            hang_up(c, true);
            return;
        }
        if (!answer(r, c, end))
            return;
    }
    if (cut == REQUEST_RUBBISH || c->n >= REQUEST_LIMIT)
        hang_up(c, c->dead);
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

static void hear(struct dastard_rpc *r, struct client *c) {
    if (c->fd < 0)
        return;
    const ssize_t n = make_room(c) ? recv(c->fd, c->bytes + c->n, READ_BYTES, 0) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(c, false);
        return;
    }
    c->n += (size_t)n;
    serve_requests(r, c);
}

void dastard_rpc_step(struct dastard_rpc *r) {
    struct epoll_event events[EVENTS];
    const int n = epoll_wait(r->epoll, events, EVENTS, 0);
    for (int i = 0; i < n; i++)
        if (events[i].data.u32 == MAX_CLIENTS)
            accept_clients(r);
        else
            hear(r, &r->clients[events[i].data.u32]);
}
