/* daemon/control/acquisition_call.h - calls to the acquisition server's control port, one at a time and without waiting.
 *   begin(method, argument) --JSON-RPC 1.0 over TCP, a connection for each call--> step ... --> done: no error, or its text
 * A fresh connection each time, because the server leaves one dead after an error of the wrong kind. One thread. */
#ifndef TESD_DAEMON_CONTROL_ACQUISITION_CALL_H
#define TESD_DAEMON_CONTROL_ACQUISITION_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct acquisition_call;   /* opaque */

bool acquisition_call_new(const char *host, int port, struct acquisition_call **out);   /* false: no memory */
void acquisition_call_free(struct acquisition_call *c);

/* Gives up a call under way. argument: the one parameter, borrowed. False: no memory. */
bool acquisition_call_begin(struct acquisition_call *c, const char *method, const json_t *argument, int64_t now_ms);
enum acquisition_answer { ACQUISITION_WAITING, ACQUISITION_GOOD, ACQUISITION_ERROR };
/* Never waits; now_ms: CLOCK_MONOTONIC. After an answer it stays the same until the next call. */
enum acquisition_answer acquisition_call_step(struct acquisition_call *c, int64_t now_ms);
const char *acquisition_call_error(const struct acquisition_call *c);   /* of ACQUISITION_ERROR */

#endif
