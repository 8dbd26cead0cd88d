/* daemon/curve_gate.h - who may connect: CURVE keys of sockets that more than this machine can reach (doc/stream.md, Keys).
 *   FOLDER/server.secret   the daemon's own key            FOLDER/readers/NAME.key       who may read the stream
 *                                                          FOLDER/controllers/NAME.key   who may also use the control port
 * The folders are looked at anew for each client that knocks, once a second at most, so that a key that is taken away or expires is refused
 * from then on (a connection that stands goes on). Whoever is refused, for whatever reason, is counted, and said in the log now and then.
 * A ZAP handler (ZeroMQ RFC 27): one for a ZeroMQ context, which asks it while a client shakes hands. One thread owns it. */
#ifndef TESD_DAEMON_CURVE_GATE_H
#define TESD_DAEMON_CURVE_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct curve_gate;   /* opaque */

enum curve_right { CURVE_READ, CURVE_CONTROL, N_CURVE_RIGHTS };

struct curve_gate_counts {
    uint64_t accepted;
    uint64_t unknown;            /* a key that is in no folder */
    uint64_t expired;
    uint64_t keyless;            /* no handshake: no key, or a wrong one of the server's */
};

/* zmq: context, borrowed; the gate must go before it. False after logging: no key of the server's, or the context has a handler already. */
bool curve_gate_new(void *zmq, const char *folder, struct curve_gate **out);
void curve_gate_free(struct curve_gate *g);   /* after the sockets it guards have been closed; NULL is fine */

/* Before the socket is bound. False: errno says why. */
bool curve_gate_guard(struct curve_gate *g, void *socket, enum curve_right right);
void curve_gate_step(struct curve_gate *g);   /* answers those who knock; never waits; NULL is fine */
struct curve_gate_counts curve_gate_counts(const struct curve_gate *g);

bool curve_gate_is_local(const char *endpoint);   /* loopback or ipc: what needs no key */

/* For a client: server_key and own key from files ("" for server: the socket stays without). False after logging. */
bool curve_client(void *socket, const char *server_key_path, const char *own_secret_path);

#endif
