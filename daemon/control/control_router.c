#include "daemon/control/control_router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/clock.h"
#include "daemon/control/control_router_parts.h"
#include "daemon/control/scan_server_parts.h"
#include "daemon/log.h"

/* A request of a REQ client has an empty frame between routing id and body, and before that four bytes if it correlates replies with requests;
 * one of a DEALER may have it or not. */
enum { MOST_WAITING = 64, MOST_ID = 255, CORRELATION = 4, REQUEST_BYTES = 1 << 20, REQUESTS_PER_STEP = 64, SEND_QUEUE = 16, METHODS_MOST = 2 * SCAN_VERBS_MOST };

struct waiting {
    char *body;                  /* NULL: free */
    size_t n;
    unsigned char id[MOST_ID];
    size_t n_id;
    unsigned char correlation[CORRELATION];
    bool correlated, delimited;
    uint64_t ticket;
    int64_t asked_ms;
};

struct control_router {
    void *socket;
    char endpoint[256];
    struct control_host host;
    struct scan_server *server;
    struct scan_method methods[METHODS_MOST];   /* ours, then those of the scan server */
    size_t n_methods;
    struct waiting waiting[MOST_WAITING];
    uint64_t tickets;
    struct control_router_counts counts;
};

/* ---- one request ---- */

/* As on port 4000, without its limit of bytes, and with the request's id when it has one. Consumes the response. */
static char *reply_text(json_t *response, bool success, const json_t *request) {
    json_t *r = json_object();
    json_object_set_new(r, "response", response != NULL ? response : json_null());
    json_object_set_new(r, "success", json_boolean(success));
    if (json_object_get(request, "id") != NULL)
        json_object_set(r, "id", json_object_get(request, "id"));
    char *text = json_dumps(r, JSON_REAL_PRECISION(17));
    json_decref(r);
    return text;
}

static char *error_text(const char *error, const json_t *request) {
    char *plain = scan_call_error(error);
    json_t *r = plain != NULL ? json_loads(plain, 0, NULL) : NULL;
    json_t *response = json_incref(json_object_get(r, "response"));
    free(plain);
    json_decref(r);
    return reply_text(response, false, request);
}

static json_t *describe_methods(const struct control_router *r) {
    json_t *all = json_object();
    for (size_t k = 0; k < r->n_methods; k++) {
        json_t *arguments = json_array();
        for (unsigned i = 0; i < SCAN_ARGUMENTS && r->methods[k].arguments[i] != NULL; i++)
            if (r->methods[k].arguments[i][0] != '_')
                json_array_append_new(arguments, json_string(r->methods[k].arguments[i]));
        json_object_set_new(all, r->methods[k].name, arguments);
    }
    return all;
}

/* A method of the scan server, as it answers on its own port. */
static char *pass_on(struct control_router *r, const json_t *request, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, bool *later) {
    char *text = scan_server_answer(r->server, bytes, n, ticket, waited_ms, later);
    if (text == NULL || json_object_get(request, "id") == NULL)
        return text;
    json_t *reply = json_loads(text, 0, NULL), *response = json_incref(json_object_get(reply, "response"));
    bool success = json_is_true(json_object_get(reply, "success"));
    free(text);
    json_decref(reply);
    return reply_text(response, success, request);
}

static char *run(struct control_router *r, const struct control_verb *verb, const struct control_request *q, bool *later) {
    json_t *result = NULL;
    char why[SCAN_ERROR] = "", text[SCAN_ERROR + 80];
    switch (verb->run(&r->host, q, &result, why)) {
    case SCAN_LATER: *later = true; break;
    case SCAN_DONE:
        if (verb->changes && r->host.changed != NULL)
            r->host.changed(r->host.context, verb->method.name);
        return reply_text(result, true, q->call->request);
    case SCAN_REFUSED:
        snprintf(text, sizeof text, "Calling Exception: method=%s: %s", verb->method.name, why);
        json_decref(result);
        return error_text(text, q->call->request);
    }
    json_decref(result);
    return NULL;
}

static void drop_frame(void *to, const void *bytes, size_t n) { (void)to, (void)bytes, (void)n; }

char *control_router_answer(struct control_router *r, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, bool *later, control_frame *take, void *to) {
    struct scan_call c;
    char why[SCAN_ERROR];
    *later = false;
    if (!scan_call_read(r->methods, r->n_methods, bytes, n, &c, why)) {
        json_t *request = json_loadb(bytes, n, 0, NULL);
        char *text = error_text(why, request);
        json_decref(request);
        return text;
    }
    size_t k = (size_t)(c.method - r->methods);
    struct control_request q = { .call = &c, .waited_ms = waited_ms, .take = take != NULL ? take : drop_frame, .to = to };
    char *text;
    if (k < control_n_verbs)
        text = run(r, &control_verbs[k], &q, later);
    else if (k == control_n_verbs)
        text = reply_text(describe_methods(r), true, c.request);
    else
        text = pass_on(r, c.request, bytes, n, ticket, waited_ms, later);
    scan_call_done(&c);
    return text;
}

/* ---- the socket ---- */

struct frame { void *bytes; size_t n; };
struct frames { struct frame *list; size_t n, capacity; };

static bool make_room(struct frames *f) {
    if (f->n < f->capacity)
        return true;
    size_t more = f->capacity > 0 ? 2 * f->capacity : 64;
    struct frame *list = realloc(f->list, more * sizeof *list);
    if (list == NULL)
        return false;
    f->list = list;
    f->capacity = more;
    return true;
}

static void keep_frame(void *to, const void *bytes, size_t n) {
    struct frames *f = to;
    void *copy = make_room(f) ? malloc(n + 1) : NULL;
    if (copy == NULL)
        return;
    memcpy(copy, bytes, n);
    f->list[f->n++] = (struct frame){ copy, n };
}

static void frames_done(struct frames *f) {
    for (size_t k = 0; k < f->n; k++)
        free(f->list[k].bytes);
    free(f->list);
}

static void send_reply(struct control_router *r, const struct waiting *w, const char *text, const struct frames *f) {
    bool good = zmq_send(r->socket, w->id, w->n_id, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0;
    if (good && w->correlated)
        good = zmq_send(r->socket, w->correlation, CORRELATION, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0;
    if (good && w->delimited)
        good = zmq_send(r->socket, "", 0, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0;
    good = good && zmq_send(r->socket, text, strlen(text), ZMQ_DONTWAIT | (f->n > 0 ? ZMQ_SNDMORE : 0)) >= 0;
    for (size_t k = 0; k < f->n && good; k++)
        good = zmq_send(r->socket, f->list[k].bytes, f->list[k].n, ZMQ_DONTWAIT | (k + 1 < f->n ? ZMQ_SNDMORE : 0)) >= 0;
}

/* True: it has its reply. Only what is asked for the first time has waited for 0 ms. */
static bool serve(struct control_router *r, struct waiting *w, bool first) {
    struct frames frames = { 0 };
    bool later;
    const int64_t waited_ms = clock_ms() - w->asked_ms;
    char *text = control_router_answer(r, w->body, w->n, w->ticket, first ? 0 : waited_ms > 0 ? waited_ms : 1, &later, keep_frame, &frames);
    if (text != NULL)
        send_reply(r, w, text, &frames);
    frames_done(&frames);
    free(text);
    return !later;
}

static void forget(struct waiting *w) {
    free(w->body);
    *w = (struct waiting){ 0 };
}

static struct waiting *free_place(struct control_router *r) {
    for (size_t k = 0; k < MOST_WAITING; k++)
        if (r->waiting[k].body == NULL)
            return &r->waiting[k];
    return NULL;
}

/* Envelope and body of one message; other frames are read and make it rubbish. False: nothing was there. */
static bool receive(struct control_router *r, struct waiting *w, bool *good) {
    zmq_msg_t m;
    size_t part = 0, bodies = 0;
    *w = (struct waiting){ 0 };
    *good = true;
    for (int more = 1; more != 0; part++) {
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, r->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            forget(w);
            return false;
        }
        more = zmq_msg_more(&m);
        size_t n = zmq_msg_size(&m);
        if (part == 0 && n <= MOST_ID) {
            memcpy(w->id, zmq_msg_data(&m), n);
            w->n_id = n;
        } else if (part == 1 && n == CORRELATION && more) {
            memcpy(w->correlation, zmq_msg_data(&m), n);
            w->correlated = true;
        } else if (part == 1 + (size_t)w->correlated && n == 0 && more) {
            w->delimited = true;
        } else if (bodies++ == 0 && part > 0 && n > 0 && (w->body = malloc(n)) != NULL) {
            memcpy(w->body, zmq_msg_data(&m), n);
            w->n = n;
        } else {
            *good = false;
        }
        zmq_msg_close(&m);
    }
    *good = *good && w->body != NULL && w->correlated <= w->delimited;
    return true;
}

static void refuse(struct control_router *r, const struct waiting *w, const char *why) {
    char *text = error_text(why, NULL);
    if (text != NULL)
        send_reply(r, w, text, &(struct frames){ 0 });
    free(text);
}

/* False: nothing more is waiting on the socket. */
static bool take_one(struct control_router *r) {
    struct waiting w, *place = free_place(r);
    bool good;
    if (!receive(r, &w, &good))
        return false;
    if (!good) {
        r->counts.rubbish++;
        refuse(r, &w, "JSON Parse Exception: a request is one frame of JSON");
        forget(&w);
        return true;
    }
    r->counts.requests++;
    w.ticket = UINT64_C(1) << 63 | ++r->tickets;   /* port 4000 counts its own from 1 */
    w.asked_ms = clock_ms();
    if (serve(r, &w, true)) {
        forget(&w);
    } else if (place != NULL) {
        *place = w;
    } else {
        r->counts.refused++;
        refuse(r, &w, "too many requests wait already; ask again");
        forget(&w);
    }
    return true;
}

void control_router_step(struct control_router *r) {
    for (size_t k = 0; k < MOST_WAITING; k++)
        if (r->waiting[k].body != NULL && serve(r, &r->waiting[k], false))
            forget(&r->waiting[k]);
    for (int k = 0; r->socket != NULL && k < REQUESTS_PER_STEP && take_one(r); k++)
        continue;
}

/* ---- opening and closing ---- */

static void set_options(void *socket) {
    const struct { int option, value; } options[] = { { ZMQ_LINGER, 500 }, { ZMQ_SNDHWM, SEND_QUEUE }, { ZMQ_RCVHWM, MOST_WAITING }, { ZMQ_HEARTBEAT_IVL, 5000 },
                                                      { ZMQ_HEARTBEAT_TIMEOUT, 15000 }, { ZMQ_HEARTBEAT_TTL, 15000 }, { ZMQ_HANDSHAKE_IVL, 10000 } };
    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
        zmq_setsockopt(socket, options[k].option, &options[k].value, sizeof options[k].value);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &(int64_t){ REQUEST_BYTES }, sizeof(int64_t));
}

static bool bind_socket(struct control_router *r, const struct control_router_settings *s) {
    if (s->gate == NULL && !curve_gate_is_local(s->endpoint)) {
        log_error("%s: the control port without keys is for this machine only; set keys.folder, or use tcp://127.0.0.1:PORT", s->endpoint);
        return false;
    }
    r->socket = zmq_socket(s->zmq, ZMQ_ROUTER);
    if (r->socket == NULL) {
        log_error("%s: no socket for the control port: %s", s->endpoint, zmq_strerror(errno));
        return false;
    }
    set_options(r->socket);
    const int ipv6 = strchr(s->endpoint, '[') != NULL;
    zmq_setsockopt(r->socket, ZMQ_IPV6, &ipv6, sizeof ipv6);
    size_t n = sizeof r->endpoint;
    if ((s->gate != NULL && !curve_gate_guard(s->gate, r->socket, CURVE_CONTROL)) || zmq_bind(r->socket, s->endpoint) != 0 ||
        zmq_getsockopt(r->socket, ZMQ_LAST_ENDPOINT, r->endpoint, &n) != 0) {
        log_error("%s: cannot listen for control requests: %s; set control.router to a free port, or to \"\" for none", s->endpoint, zmq_strerror(errno));
        return false;
    }
    return true;
}

bool control_router_open(const struct control_router_settings *settings, const struct control_host *host, struct scan_server *server, struct control_router **out) {
    struct control_router *r = calloc(1, sizeof *r);
    if (r == NULL) {
        log_error("out of memory");
        return false;
    }
    r->host = *host;
    r->server = server;
    for (size_t k = 0; k < control_n_verbs; k++)
        r->methods[r->n_methods++] = control_verbs[k].method;
    r->methods[r->n_methods++] = (struct scan_method){ .name = "methods" };
    const struct scan_verb *v;
    for (size_t k = 0; server != NULL && r->n_methods < METHODS_MOST && (v = scan_server_verb(k)) != NULL; k++)
        r->methods[r->n_methods++] = v->method;
    if (settings->endpoint[0] != '\0' && !bind_socket(r, settings)) {
        control_router_close(r);
        return false;
    }
    *out = r;
    return true;
}

void control_router_close(struct control_router *r) {
    if (r == NULL)
        return;
    if (r->socket != NULL)
        zmq_close(r->socket);
    for (size_t k = 0; k < MOST_WAITING; k++)
        free(r->waiting[k].body);
    free(r);
}

const char *control_router_endpoint(const struct control_router *r) { return r->endpoint; }

struct control_router_counts control_router_counts(const struct control_router *r) { return r->counts; }
