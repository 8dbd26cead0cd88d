/* daemon/control/json_port.h - JSON requests over plain TCP, without framing: many clients, one thread.
 *   bytes in pieces --json_request_cut--> one request --answer--> reply      (daemon/control/json_request.h)
 * Requests of a connection are served one by one, those of several connections side by side; an answer that has to wait for something is
 * asked for again at every step and holds up nobody else. */
#ifndef TESD_DAEMON_CONTROL_JSON_PORT_H
#define TESD_DAEMON_CONTROL_JSON_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/control/json_request.h"

struct json_port;   /* opaque */

/* The request is bytes[0..n). ticket: of this request alone, from 1, the same each time it is asked. waited_ms: since it was first asked.
 * One whose client has gone is not asked again. *reply: free()d by the port; NULL for REQUEST_LATER
 * and REQUEST_HANG_UP. */
typedef enum json_request_end json_port_answer(void *context, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, char **reply);

struct json_port_settings {
    const char *host;                 /* an IPv4 address, or * for all */
    int port;                         /* 0: one that is free */
    size_t request_limit;             /* bytes; a longer one ends the connection. 0: 16 MiB */
    json_port_answer *answer;
    /* What a client gets whose bytes begin no request or never end one, before it is hung up; NULL: nothing. */
    const char *rubbish_reply;
    int64_t patience_ms;              /* a request begun and not ended for so long is rubbish too; 0: it may take its time */
    void *context;
};
struct json_port_counts { uint64_t accepted, refused, requests, rubbish; };   /* refused: for want of a place, the silent one hung up included */

/* False with errno set (EADDRINUSE). */
bool json_port_open(const struct json_port_settings *settings, struct json_port **out);
void json_port_close(struct json_port *p);
int json_port_number(const struct json_port *p);         /* as bound */
int json_port_fd(const struct json_port *p);             /* readable when json_port_step has something new to do */
void json_port_step(struct json_port *p);                /* never waits */
struct json_port_counts json_port_counts(const struct json_port *p);

/* A port that is free now on that host, as good a guess as there is; 0: none. */
int json_port_free_number(const char *host);

#endif
