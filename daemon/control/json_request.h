/* daemon/control/json_request.h - JSON-RPC 1.0 without framing: bytes --json_request_cut--> one request --json_request_answer--> a reply.
 * Requests may come in pieces, several at once, with or without newlines. Linear in the bytes, whatever they are. No sockets here. */
#ifndef TESD_DAEMON_CONTROL_JSON_REQUEST_H
#define TESD_DAEMON_CONTROL_JSON_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { JSON_REQUEST_ERROR = 256 };

/* Where the search for the end of a request stands; zero it for each new one. */
struct json_request_scan { size_t at, depth; bool begun, in_string, escaped; };
enum json_request_cut { REQUEST_MORE, REQUEST_WHOLE, REQUEST_RUBBISH };

/* bytes[0..n) begins with the request, blanks before it included; call again with more of the same. *end: one past its last byte. */
enum json_request_cut json_request_cut(struct json_request_scan *s, const char *bytes, size_t n, size_t *end);

/* A verb gets the one parameter and sets *result (a new reference; NULL counts as null), or says false and why. */
typedef bool json_request_verb(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]);
struct json_request_row { const char *method; json_request_verb *run; };
struct json_request_table { const struct json_request_row *rows; size_t n; void *context; };

enum json_request_end { REQUEST_ANSWERED, REQUEST_ANSWERED_LAST /* the connection is dead from now on */, REQUEST_HANG_UP, REQUEST_LATER };
/* *reply: one line, free() it; NULL for REQUEST_HANG_UP. Never REQUEST_LATER, which is for ports whose answers have to wait. */
enum json_request_end json_request_answer(const struct json_request_table *table, const char *bytes, size_t n, char **reply);

#endif
