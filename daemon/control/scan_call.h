/* daemon/control/scan_call.h - one request of the scan server's protocol (port 4000) and its reply, as bytes.
 *   {"method": m, "params": [..], "kwargs": {..}} --scan_call_read--> arguments by name     result --scan_call_reply--> {"response", "success"}
 * The protocol that SPEC and ophyd speak: params and kwargs may be missing, other keys are ignored, replies stay under 1024 bytes because
 * clients read no more. Texts of errors are those of the server that stood there before. Pure; no sockets, no clock. */
#ifndef TESD_DAEMON_CONTROL_SCAN_CALL_H
#define TESD_DAEMON_CONTROL_SCAN_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { SCAN_ARGUMENTS = 8, SCAN_REPLY_BYTES = 1024, SCAN_ERROR = 400 };

struct scan_method {
    const char *name;
    const char *arguments[SCAN_ARGUMENTS];   /* names in order, as kwargs and params give them */
    unsigned needed;                         /* the first so many must be given */
    bool numbered;                           /* an older order has a scan_num third: a number in fourth place, where a text belongs today, tells it */
};

struct scan_call {
    const struct scan_method *method;
    json_t *request;                             /* owns the arguments */
    const json_t *arguments[SCAN_ARGUMENTS];     /* in today's order; NULL: not given; borrowed */
    const json_t *scan_num;                      /* of the older order; NULL: not given; borrowed */
};

/* False: error says what is wrong, as the client is told. Free with scan_call_done. */
bool scan_call_read(const struct scan_method *methods, size_t n_methods, const char *bytes, size_t n, struct scan_call *out, char error[SCAN_ERROR]);
void scan_call_done(struct scan_call *c);

/* malloc'ed reply of at most SCAN_REPLY_BYTES - 1 bytes, without an end of line; NULL: no memory. result is not consumed, NULL counts as
 * null; one that does not fit becomes an error that says so. */
char *scan_call_reply(const json_t *result);
char *scan_call_error(const char *error);        /* cut to fit */

#endif
