/* The page's server and WebSocket clients: who is let in, what each is sent, what may be asked. Loopback, a free port. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <civetweb.h>
#include <cmocka.h>

#include "daemon/client/web_server.h"

static void take(int fd, void *to, size_t n) {
    for (char *at = to; n > 0;) {
        const ssize_t got = recv(fd, at, n, 0);
        assert_true(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

/* A connection that asks for the WebSocket; true: it was opened. *out: its socket. */
static bool knock(int port, const char *headers, int *out) {
    char text[400], reply[1024];
    size_t n = 0;
    const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    *out = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(*out >= 0 && connect(*out, (const struct sockaddr *)&to, sizeof to) == 0);
    snprintf(text, sizeof text, "GET /stream HTTP/1.1\r\n%sUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n", headers);
    assert_true(send(*out, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    while (n < sizeof reply - 1 && recv(*out, reply + n, 1, 0) == 1 && (++n < 4 || memcmp(reply + n - 4, "\r\n\r\n", 4) != 0))
        continue;
    reply[n] = '\0';
    return strstr(reply, " 101 ") != NULL;
}

/* What one browser was sent last: the states, and the text that ends an answer. */
struct browser {
    int socket;
    unsigned n_states;
    char topics[64][40], text[512];
};

static void open_browser(struct browser *b, int port) {
    *b = (struct browser){ .socket = -1 };
    assert_true(knock(port, "Host: 127.0.0.1\r\n", &b->socket));
}

static void note_state(struct browser *b, const char *data) {
    uint32_t length;
    memcpy(&length, data, 4);
    json_t *h = json_loadb(data + 4, length, 0, NULL);
    snprintf(b->topics[b->n_states++], sizeof b->topics[0], "%s%s", json_string_value(json_object_get(h, "topic")), json_string_value(json_object_get(h, "set")));
    json_decref(h);
}

/* Says it (a frame masked with zeros) and reads what comes up to the text that answers. */
static const char *say(struct browser *b, const char *text) {
    static char data[65536];
    const size_t n = strlen(text);
    const unsigned char head[6] = { 0x81, (unsigned char)(0x80 | n) };
    assert_true(n < 126 && send(b->socket, head, 6, MSG_NOSIGNAL) == 6 && send(b->socket, text, n, MSG_NOSIGNAL) == (ssize_t)n);
    b->n_states = 0;
    for (;;) {
        unsigned char h[2], wide[2];
        take(b->socket, h, 2);
        size_t size = h[1];
        if (size == 126) {
            take(b->socket, wide, 2);
            size = (size_t)wide[0] << 8 | wide[1];
        }
        assert_true(size < 127u << 9 && b->n_states < 64);
        take(b->socket, data, size);
        if ((h[0] & 15) == MG_WEBSOCKET_OPCODE_TEXT) {
            snprintf(b->text, sizeof b->text, "%.*s", (int)size, data);
            return b->text;
        }
        note_state(b, data);
    }
}

static void put(struct web_store *store, const char *topic, int scan, int seq) {
    struct stream_state s = { .seq = (uint64_t)seq, .boot = "b", .header = json_pack("{s:i,s:s}", "scan", scan, "kind", "k") };
    snprintf(s.topic, sizeof s.topic, "%s", topic);
    assert_true(web_store_put(store, &s));
    json_decref(s.header);
}

struct bench { struct web_store *store; struct web_server *server; int port; };

static int begin(void **state) {
    static struct bench b;
    const struct web_settings settings = { .listen = "127.0.0.1:0", .title = "a \"title\"" };
    if (!web_store_new(false, &b.store) || !web_server_new(&settings, b.store, &b.server))
        return -1;
    b.port = web_server_port(b.server);
    *state = &b;
    return b.port > 0 ? 0 : -1;
}

static int end(void **state) {
    struct bench *b = *state;
    web_server_free(b->server);
    web_store_free(b->store);
    return 0;
}

/* Each has what is new to it; maps and details are sent to who wants them, and only once. */
static void news_and_wants(void **state) {
    struct bench *b = *state;
    struct browser x, y;
    put(b->store, "hb/", -1, 1);
    put(b->store, "pfy/O/", 1, 1);
    put(b->store, "rixs/map/", 1, 1);
    put(b->store, "rixs/map/", 2, 1);
    put(b->store, "detail/7/", -1, 1);
    web_server_age(b->server, 1234);
    open_browser(&x, b->port);
    open_browser(&y, b->port);
    const char *said = say(&x, "next");
    assert_int_equal(x.n_states, 2);
    assert_non_null(strstr(said, "\"age_ms\":1234"));
    assert_non_null(strstr(said, "\"control\":false"));
    assert_non_null(strstr(said, "\"title\":\"a \\\"title\\\"\""));
    say(&x, "{\"next\": [\"scan 2\"]}");
    assert_int_equal(x.n_states, 1);
    assert_string_equal(x.topics[0], "rixs/map/scan 2");
    say(&x, "{\"next\": [\"detail/7/\", \"scan 2\"]}");
    assert_int_equal(x.n_states, 1);
    assert_string_equal(x.topics[0], "detail/7/");
    put(b->store, "rixs/map/", 2, 2);
    put(b->store, "hb/", -1, 2);
    say(&x, "{\"next\": [\"detail/7/\", \"scan 2\"]}");
    assert_int_equal(x.n_states, 2);
    say(&y, "next");
    assert_int_equal(y.n_states, 2);   /* at its own pace: the newest of each */
    int pixels[4];
    assert_int_equal(web_server_pixels(b->server, pixels, 4), 1);
    assert_int_equal(pixels[0], 7);
    say(&y, "{\"next\": [\"detail/7/\", \"detail/9/\", \"detail/11/\"]}");   /* two details at most */
    assert_int_equal(web_server_pixels(b->server, pixels, 4), 2);
    web_store_clear(b->store);
    put(b->store, "pfy/O/", 1, 1);
    say(&x, "next");
    assert_int_equal(x.n_states, 1);   /* all anew after a restart */
    close(x.socket);
    close(y.socket);
}

static void what_is_asked(void **state) {
    struct bench *b = *state;
    struct browser x;
    open_browser(&x, b->port);
    assert_non_null(strstr(say(&x, "{\"method\": \"roi_set\"}"), "read-only"));
    assert_non_null(strstr(say(&x, "nonsense"), "\"success\":false"));
    close(x.socket);
}

static void who_is_let_in(void **state) {
    struct bench *b = *state;
    static const struct { const char *headers; bool in; } list[] = {
        { "Host: 127.0.0.1\r\n", true },
        { "Host: localhost:80\r\n", true },
        { "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n", true },
        { "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n", false },
        { "Host: 127.0.0.1.evil.example\r\n", false },
        { "Host: evil.example\r\nOrigin: http://evil.example\r\n", false },
        { "Host: 127.0.0.1\r\nOrigin: null\r\n", false },
    };
    int sockets[40];
    unsigned n_in = 0;
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        if (knock(b->port, list[k].headers, &sockets[0]) != list[k].in)
            fail_msg("%s", list[k].headers);
        close(sockets[0]);
    }
    for (unsigned k = 0; k < 40; k++)   /* of those before some may not have been seen to go yet */
        n_in += knock(b->port, "Host: 127.0.0.1\r\n", &sockets[k]);
    assert_in_range(n_in, 20, 32);
    for (unsigned k = 0; k < 40; k++)
        close(sockets[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(news_and_wants), cmocka_unit_test(what_is_asked), cmocka_unit_test(who_is_let_in) };
    return cmocka_run_group_tests(tests, begin, end);
}
