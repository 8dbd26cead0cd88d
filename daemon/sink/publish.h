/* daemon/sink/publish.h - "tesd stream v1" over ZeroMQ XPUB: pfy/<roi>/, rixs/map/, rixs/loss/, rixs/row/, xes/scan/, run/ and hb/ (doc/stream.md),
 * and whatever else has a state to tell. Full states, last-value cache for late joiners, heartbeat with last sequence numbers. One thread owns it. */
#ifndef TESD_DAEMON_SINK_PUBLISH_H
#define TESD_DAEMON_SINK_PUBLISH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/curve_gate.h"

struct data_group;
struct publisher;  /* opaque */

struct publish_settings {
    const char *endpoint;        /* NULL: "tcp://127.0.0.1:5560"; port * (wildcard) for tests. Without keys loopback or ipc:// only */
    void *zmq;                   /* context, borrowed; NULL: one of its own */
    struct curve_gate *gate;     /* of that context; NULL: no keys */
    const char *state;           /* "replay" */
    const char *calibration_id;  /* "" unknown */
    unsigned heartbeat_ms;       /* 0: 1000 */
};
struct publish_lost {
    uint64_t upstream, queue, rejected;
    uint64_t records;            /* received so far, for the loss fraction; 0: unknown */
};

bool publisher_new(const struct publish_settings *settings, struct publisher **out);
const char *publisher_endpoint(const struct publisher *p);   /* as bound, with the real port */
const char *publisher_boot(const struct publisher *p);
/* State of a scan with its first n_points points known (n_points = all at the end). Sends pfy/ and rixs/row/, and rixs/map/
 * when it is due or `final`. */
void publisher_scan(struct publisher *p, const struct scan_products *products, uint32_t n_points, bool final, struct publish_lost lost);
/* The same while it is measured: n_points are known, of which the first n_final will not change any more (header key final_points); the others
 * are provisional. Rows are sent when final. */
void publisher_live(struct publisher *p, const struct scan_products *products, uint32_t n_points, uint32_t n_final, bool ended, struct publish_lost lost);
void publisher_calibration(struct publisher *p, const char *calibration_id);   /* what messages carry from now on */
/* A state without arrays: what the header says beside its usual keys (a reference is taken). Cached and sent again like all others; topics
 * below pixel/, of which there are many and often, are sent again to new subscribers alone. False: no memory. */
bool publisher_state(struct publisher *p, const char *topic, const char *kind, const char *accum, json_t *keys);
/* The same with arrays, which are copied. Topics below detail/ are for those who ask: publisher_asked names the k-th of them that somebody has
 * subscribed to (false: there are no more). */
bool publisher_arrays(struct publisher *p, const char *topic, const char *kind, const char *accum, const struct data_group *group, json_t *keys);
enum { PUBLISH_TOPIC = 64 };
bool publisher_asked(const struct publisher *p, size_t k, char topic[PUBLISH_TOPIC]);
/* Frames of the last state of every topic that begins with the prefix: [{"topic": name, "frames": n}, ...], a new reference. */
typedef void publish_frame(void *to, const void *bytes, size_t n);
json_t *publisher_snapshot(const struct publisher *p, const char *prefix, publish_frame *take, void *to);
/* Call at least every 100 ms: answers subscriptions with cached values, sends hb/ once a second. Never blocks. */
void publisher_step(struct publisher *p, struct publish_lost lost);
void publisher_free(struct publisher *p);   /* sends the last heartbeat; bounded linger */

#endif
