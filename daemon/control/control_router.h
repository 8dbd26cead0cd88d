/* daemon/control/control_router.h - the control port of our own clients: requests over a ZeroMQ ROUTER (doc/live.md, doc/control.md).
 *   [JSON request] --scan_call--> the scan server's methods (port 4000), or those that only this port has --> [JSON reply][frames of a snapshot]
 * A client of the scan server's protocol with a REQ socket gets here what it would get on port 4000. Replies may be as long as they like, and
 * `id` of a request comes back in its reply, so a DEALER may have several under way. A request that has to wait holds up nobody. Bounded:
 * so many requests wait, a request has so many bytes; what is more is told so. One thread owns it. */
#ifndef TESD_DAEMON_CONTROL_CONTROL_ROUTER_H
#define TESD_DAEMON_CONTROL_CONTROL_ROUTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/rixs_map.h"
#include "daemon/control/scan_server.h"
#include "daemon/curve_gate.h"

struct control_router;   /* opaque */

typedef void control_frame(void *to, const void *bytes, size_t n);

/* What the daemon does for it. Results are new references; a refusal says why. */
struct control_host {
    void *context;
    json_t *(*health)(void *context);
    /* {"counts": {roi: n}, "final": .., "cal": .., "grades": {roi: [..]}, ...} of a point of the running or last scan; scan, point -1: the last
     * that has ended. SCAN_LATER until final, or until wait_s is over. */
    enum scan_answer (*counts)(void *context, int32_t scan, int32_t point, double wait_s, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]);
    /* {"in_force": name, "choices": [name, ..]}; SCAN_LATER while disks are looked at. */
    enum scan_answer (*calibrations)(void *context, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]);
    /* SCAN_LATER until it has been read and the running scan has been counted anew with it. */
    enum scan_answer (*use_calibration)(void *context, const char *name, int64_t waited_ms, char why[SCAN_ERROR]);
    void (*axes)(void *context, struct energy_axis *emission, struct energy_axis *loss);
    bool (*set_axes)(void *context, const struct energy_axis *emission, const struct energy_axis *loss, char why[SCAN_ERROR]);
    /* Frames of the last state of every topic that begins with the prefix, one after the other. {"boot": .., "topics": [{"topic", "frames"}, ..]} */
    json_t *(*snapshot)(void *context, const char *prefix, control_frame *take, void *to);
    void (*changed)(void *context, const char *method);                         /* something was changed by that method of this port alone */
};

struct control_router_settings {
    const char *endpoint;        /* tcp://127.0.0.1:5561; another machine's clients need keys */
    void *zmq;                   /* context, borrowed */
    struct curve_gate *gate;     /* NULL: no keys, so loopback and ipc:// alone */
};

struct control_router_counts { uint64_t requests, refused, rubbish; };   /* refused: for want of a place; rubbish: no request in it */

/* server: whose methods are offered too; borrowed. False after logging. */
bool control_router_open(const struct control_router_settings *settings, const struct control_host *host, struct scan_server *server, struct control_router **out);
void control_router_close(struct control_router *r);
void control_router_step(struct control_router *r);                 /* never waits */
const char *control_router_endpoint(const struct control_router *r);   /* as bound */
struct control_router_counts control_router_counts(const struct control_router *r);

/* One request and its reply as bytes, without a socket: for tests and the fuzzer. Frames of a snapshot go to take (NULL: dropped). NULL with *later
 * set: ask again with the same ticket. */
char *control_router_answer(struct control_router *r, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, bool *later, control_frame *take, void *to);

#endif
