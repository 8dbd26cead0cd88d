#include "daemon/client/web_server.h"

#include <civetweb.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/client/web_page.h"
#include "daemon/client/web_request.h"
#include "daemon/log.h"

enum { MOST_BROWSERS = 32, PIXELS_OF_ONE = 2, STATES_AT_A_TIME = 400, CONTROL_MS = 5000 };

struct web_server {
    struct mg_context *server;
    struct web_store *store;
    char title[256], control[256];
    bool local;                      /* bound to loopback: requests that name another host come from somebody else's page */
    _Atomic int64_t age_ms;
    atomic_int browsers;
    pthread_mutex_t lock;            /* of the two below */
    void *zmq, *socket;              /* to the control port; NULL: none */
    pthread_mutex_t wishes;          /* of the next alone */
    struct browser *list;            /* those that are connected */
};

struct want { char key[WEB_WANT_TEXT]; uint64_t after; };
struct browser {
    uint64_t after, generation;
    unsigned n_wants;
    struct want wants[WEB_WANTS];
    int pixels[PIXELS_OF_ONE];       /* -1: none */
    struct browser *next;
};

/* ---- who asks ---- */

static bool host_is_local(const char *host) {
    static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t n = strlen(names[k]);
        if (strncmp(host, names[k], n) == 0 && (host[n] == '\0' || host[n] == ':'))
            return true;
    }
    return false;
}

/* Another site's page in the same browser may neither read nor change anything, whatever name it has for this machine. */
static bool is_ours(const struct web_server *w, const struct mg_connection *c) {
    const char *origin = mg_get_header(c, "Origin"), *host = mg_get_header(c, "Host");
    if (host == NULL || (w->local && !host_is_local(host)))
        return false;
    const char *name = origin != NULL ? strstr(origin, "://") : NULL;
    return origin == NULL || (name != NULL && strcmp(name + 3, host) == 0);
}

/* ---- the page ---- */

static int give(struct mg_connection *c, const char *type, const char *text) {
    size_t n = strlen(text);
    mg_printf(c,
              "HTTP/1.1 200 OK\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
              "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:\r\nConnection: close\r\n\r\n",
              type, n);
    mg_write(c, text, n);
    return 200;
}

static int page(struct mg_connection *c, void *context) {
    static const struct { const char *path, *type, *text; } files[] = {
        { "/", "text/html", web_page_html }, { "/page.css", "text/css", web_page_style }, { "/page.js", "text/javascript", web_page_script }
    };
    const struct mg_request_info *r = mg_get_request_info(c);
    if (!is_ours(context, c)) {
        mg_send_http_error(c, 403, "%s", "not for other sites");
        return 403;
    }
    for (size_t k = 0; k < sizeof files / sizeof *files; k++)
        if (strcmp(r->local_uri, files[k].path) == 0 && strcmp(r->request_method, "GET") == 0)
            return give(c, files[k].type, files[k].text);
    mg_send_http_error(c, 404, "%s", "there is only one page");
    return 404;
}

/* ---- states ---- */

static int connecting(const struct mg_connection *c, void *context) {
    struct web_server *w = context;
    if (!is_ours(w, c) || atomic_fetch_add(&w->browsers, 1) >= MOST_BROWSERS) {
        if (is_ours(w, c))
            atomic_fetch_sub(&w->browsers, 1);
        return 1;
    }
    return 0;
}

static void ready(struct mg_connection *c, void *context) {
    struct web_server *w = context;
    struct browser *b = calloc(1, sizeof *b);
    if (b != NULL) {
        memset(b->pixels, 0xff, sizeof b->pixels);
        pthread_mutex_lock(&w->wishes);
        b->next = w->list;
        w->list = b;
        pthread_mutex_unlock(&w->wishes);
    }
    mg_set_user_connection_data(c, b);
}

static void gone(const struct mg_connection *c, void *context) {
    struct web_server *w = context;
    struct browser *b = mg_get_user_connection_data(c);
    pthread_mutex_lock(&w->wishes);
    for (struct browser **at = &w->list; *at != NULL; at = &(*at)->next)
        if (*at == b) {
            *at = b->next;
            break;
        }
    pthread_mutex_unlock(&w->wishes);
    free(b);
    atomic_fetch_sub(&w->browsers, 1);
}

static bool send_text(struct mg_connection *c, json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT);
    bool good = text != NULL && mg_websocket_write(c, MG_WEBSOCKET_OPCODE_TEXT, text, strlen(text)) > 0;
    free(text);
    json_decref(value);
    return good;
}

/* What it wants from now on; of what it wanted before it is known how much it has had. */
static void take_wants(struct web_server *w, struct browser *b, const struct web_request *r) {
    struct want wants[WEB_WANTS] = { 0 };
    unsigned n_pixels = 0;
    for (unsigned k = 0; k < r->n_wants; k++) {
        memcpy(wants[k].key, r->wants[k], WEB_WANT_TEXT);
        for (unsigned j = 0; j < b->n_wants; j++)
            if (strcmp(b->wants[j].key, wants[k].key) == 0)
                wants[k].after = b->wants[j].after;
    }
    memcpy(b->wants, wants, sizeof wants);
    b->n_wants = r->n_wants;
    pthread_mutex_lock(&w->wishes);
    memset(b->pixels, 0xff, sizeof b->pixels);
    for (unsigned k = 0; k < r->n_wants && n_pixels < PIXELS_OF_ONE; k++)
        if (web_request_pixel(r->wants[k]) >= 0)
            b->pixels[n_pixels++] = web_request_pixel(r->wants[k]);
    pthread_mutex_unlock(&w->wishes);
}

size_t web_server_pixels(struct web_server *w, int *pixels, size_t most) {
    size_t n = 0;
    pthread_mutex_lock(&w->wishes);
    for (const struct browser *b = w->list; b != NULL; b = b->next)
        for (unsigned k = 0; k < PIXELS_OF_ONE; k++) {
            bool known = b->pixels[k] < 0;
            for (size_t j = 0; j < n; j++)
                known = known || pixels[j] == b->pixels[k];
            if (!known && n < most)
                pixels[n++] = b->pixels[k];
        }
    pthread_mutex_unlock(&w->wishes);
    return n;
}

/* Those that are newer, `room` at most; what is left of the room. -1: the browser is gone. */
static int send_newer(struct web_server *w, struct mg_connection *c, const char *want, uint64_t *after, int room) {
    struct web_message m;
    bool good = true;
    while (good && room > 0 && web_store_next(w->store, want, after, &m)) {
        good = mg_websocket_write(c, MG_WEBSOCKET_OPCODE_BINARY, (const char *)m.bytes, m.n) > 0;
        web_message_release(&m);
        room--;
    }
    return good ? room : -1;
}

/* What is new, then how things stand. False: the browser is gone. */
static bool send_news(struct web_server *w, struct mg_connection *c, struct browser *b) {
    const uint64_t generation = web_store_generation(w->store);
    if (generation != b->generation) {
        b->after = 0;
        for (unsigned k = 0; k < b->n_wants; k++)
            b->wants[k].after = 0;
    }
    b->generation = generation;
    int room = send_newer(w, c, NULL, &b->after, STATES_AT_A_TIME);
    for (unsigned k = 0; room > 0 && k < b->n_wants; k++)
        room = send_newer(w, c, b->wants[k].key, &b->wants[k].after, room);
    return room >= 0 && send_text(c, json_pack("{s:I,s:I,s:b,s:b,s:s}", "generation", (json_int_t)generation, "age_ms", (json_int_t)atomic_load(&w->age_ms), "more", room == 0, "control",
                                               w->control[0] != '\0', "title", w->title));
}

/* ---- changes ---- */

static void *control_socket(struct web_server *w) {
    const struct { int option, value; } options[] = { { ZMQ_LINGER, 0 }, { ZMQ_REQ_RELAXED, 1 }, { ZMQ_REQ_CORRELATE, 1 }, { ZMQ_RCVTIMEO, CONTROL_MS }, { ZMQ_SNDTIMEO, CONTROL_MS } };
    if (w->socket != NULL)
        return w->socket;
    w->zmq = w->zmq != NULL ? w->zmq : zmq_ctx_new();
    w->socket = w->zmq != NULL ? zmq_socket(w->zmq, ZMQ_REQ) : NULL;
    for (size_t k = 0; w->socket != NULL && k < sizeof options / sizeof *options; k++)
        zmq_setsockopt(w->socket, options[k].option, &options[k].value, sizeof options[k].value);
    if (w->socket != NULL)
        zmq_connect(w->socket, w->control);
    return w->socket;
}

static json_t *pass_on(struct web_server *w, const char *text, size_t n) {
    char reply[WEB_REQUEST_BYTES];
    int got = -1;
    pthread_mutex_lock(&w->lock);
    void *socket = control_socket(w);
    if (socket != NULL && zmq_send(socket, text, n, 0) >= 0)
        got = zmq_recv(socket, reply, sizeof reply, 0);
    pthread_mutex_unlock(&w->lock);
    json_t *said = got >= 0 && got <= (int)sizeof reply ? json_loadb(reply, (size_t)got, 0, NULL) : NULL;
    return said != NULL ? said : json_pack("{s:s,s:b}", "response", "the control port does not answer", "success", 0);
}

static json_t *refusal(const char *why) { return json_pack("{s:s,s:b}", "response", why, "success", 0); }

static int told(struct mg_connection *c, int bits, char *data, size_t n, void *context) {
    struct browser *b = mg_get_user_connection_data(c);
    struct web_server *w = context;
    struct web_request r;
    const int kind = bits & 0x0f;
    if (kind != MG_WEBSOCKET_OPCODE_TEXT || b == NULL || n > WEB_REQUEST_BYTES)
        return kind == MG_WEBSOCKET_OPCODE_PING || kind == MG_WEBSOCKET_OPCODE_PONG;
    web_request_read(data, n, &r);
    if (r.kind == WEB_NEXT) {
        take_wants(w, b, &r);
        return send_news(w, c, b);
    }
    const bool read_only = w->control[0] == '\0';
    return send_text(c, json_pack("{s:o}", "reply", read_only ? refusal("this page is read-only") : r.kind == WEB_CONTROL ? pass_on(w, data, n) : refusal(r.why)));
}

/* ---- opening and closing ---- */

bool web_server_new(const struct web_settings *settings, struct web_store *store, struct web_server **out) {
    const char *options[] = { "listening_ports", settings->listen, "num_threads", "40", "request_timeout_ms", "10000", "websocket_timeout_ms", "30000", "enable_keep_alive", "no",
                              "tcp_nodelay", "1", NULL };
    const struct mg_callbacks callbacks = { 0 };
    struct web_server *w = calloc(1, sizeof *w);
    if (w == NULL || !mg_check_feature(16)) {
        log_error("%s", w == NULL ? "out of memory" : "this civetweb is built without WebSocket");
        free(w);
        return false;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->wishes, NULL);
    atomic_init(&w->age_ms, -1);
    w->store = store;
    snprintf(w->title, sizeof w->title, "%s", settings->title);
    snprintf(w->control, sizeof w->control, "%s", settings->control != NULL ? settings->control : "");
    w->local = host_is_local(settings->listen);
    mg_init_library(0);
    w->server = mg_start(&callbacks, NULL, options);
    if (w->server == NULL) {
        log_error("%s: the page cannot be served there; is the port taken? --listen 127.0.0.1:PORT names another", settings->listen);
        web_server_free(w);
        return false;
    }
    mg_set_request_handler(w->server, "/", page, w);
    mg_set_websocket_handler(w->server, "/stream", connecting, ready, told, gone, w);
    *out = w;
    return true;
}

void web_server_free(struct web_server *w) {
    if (w == NULL)
        return;
    if (w->server != NULL)
        mg_stop(w->server);
    mg_exit_library();
    if (w->socket != NULL)
        zmq_close(w->socket);
    if (w->zmq != NULL)
        zmq_ctx_term(w->zmq);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->wishes);
    free(w);
}

int web_server_port(const struct web_server *w) {
    struct mg_server_port port;
    return mg_get_server_ports(w->server, 1, &port) > 0 ? port.port : 0;
}

void web_server_age(struct web_server *w, int64_t age_ms) { atomic_store(&w->age_ms, age_ms); }
