/* daemon/control/dastard_rpc.h - the acquisition server's control port: JSON-RPC 1.0 over plain TCP, many clients, one thread.
 *   bytes --json_request--> verbs --> replies
 * Requests of a connection are served one by one. After an unknown method the connection is dead: it is reset at the next call. */
#ifndef TESD_DAEMON_CONTROL_DASTARD_RPC_H
#define TESD_DAEMON_CONTROL_DASTARD_RPC_H

#include "daemon/control/json_request.h"

struct dastard_rpc;   /* opaque */

/* host: an IPv4 address, or * for all. The table's rows are borrowed. False with errno set (EADDRINUSE). */
bool dastard_rpc_open(const char *host, int port, const struct json_request_table *verbs, struct dastard_rpc **out);
void dastard_rpc_close(struct dastard_rpc *r);
int dastard_rpc_fd(const struct dastard_rpc *r);      /* readable when dastard_rpc_step has something to do */
void dastard_rpc_step(struct dastard_rpc *r);         /* never waits */

/* A port that is free now on that host, as good a guess as there is; 0: none. */
int dastard_rpc_free_port(const char *host);

#endif
