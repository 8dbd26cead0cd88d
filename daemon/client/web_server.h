/* daemon/client/web_server.h - one page over HTTP and, over a WebSocket, the states that it shows (civetweb, which has threads of its own).
 *   browser: {"next": [sets, details]} --> every state of the store newer than it had, as binary messages; then one text {"generation", "age_ms", "control", ...}
 * The browser asks when it has drawn what it had, so each gets as much as it can take (web_request.h says what it may say). Requests to change something are passed on to the control
 * port when the server was started with it, and only those that the page needs. Pages of other sites are refused (Origin, Host). */
#ifndef TESD_DAEMON_CLIENT_WEB_SERVER_H
#define TESD_DAEMON_CLIENT_WEB_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/client/web_store.h"

struct web_server;   /* opaque */

struct web_settings {
    const char *listen;          /* "127.0.0.1:8080"; port 0: a free one */
    const char *title;           /* the stream's endpoint, or the file's name */
    const char *control;         /* endpoint of the control port; NULL: the page is read-only */
};

bool web_server_new(const struct web_settings *settings, struct web_store *store, struct web_server **out);   /* false after logging */
void web_server_free(struct web_server *w);
int web_server_port(const struct web_server *w);
/* How old what is shown is: milliseconds since the stream was heard last; -1: never, -2: it is a file. Any thread. */
void web_server_age(struct web_server *w, int64_t age_ms);

/* Pixels whose details some browser wants now: each once, at most `most`; how many. Any thread. */
size_t web_server_pixels(struct web_server *w, int *pixels, size_t most);

#endif
