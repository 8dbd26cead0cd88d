/* daemon/sink/publish.h - "tesd stream v1" over ZeroMQ XPUB: pfy/<roi>/, rixs/map/, rixs/row/, run/ and hb/ (design 7,
 * ecosystem.md 3). Full states, last-value cache for late joiners, heartbeat with last sequence numbers. One thread owns it. */
#ifndef TESD_DAEMON_SINK_PUBLISH_H
#define TESD_DAEMON_SINK_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"

struct publisher;  /* opaque */

struct publish_settings {
    const char *endpoint;        /* NULL: "tcp://127.0.0.1:5560"; port * (wildcard) for tests. Loopback or ipc:// only: what others
                                  * may read needs keys, which this stream does not have */
    const char *state;           /* "replay" */
    const char *calibration_id;  /* "" unknown */
};
struct publish_lost {
    uint64_t upstream, queue, rejected;
    uint64_t records;            /* received so far, for the loss fraction; 0: unknown */
};

bool publisher_new(const struct publish_settings *settings, struct publisher **out);
const char *publisher_endpoint(const struct publisher *p);   /* as bound, with the real port */
/* State of a scan with its first n_points points known (n_points = all at the end). Sends pfy/ and rixs/row/, and rixs/map/
 * when it is due or `final`. */
void publisher_scan(struct publisher *p, const struct scan_products *products, uint32_t n_points, bool final, struct publish_lost lost);
/* The same while it is measured: n_points are known, of which the first n_final will not change any more (header key final_points); the others
 * are provisional. Rows are sent when final. */
void publisher_live(struct publisher *p, const struct scan_products *products, uint32_t n_points, uint32_t n_final, bool ended, struct publish_lost lost);
void publisher_calibration(struct publisher *p, const char *calibration_id);   /* what messages carry from now on */
/* Call at least every 100 ms: answers subscriptions with cached values, sends hb/ once a second. Never blocks. */
void publisher_step(struct publisher *p, struct publish_lost lost);
void publisher_free(struct publisher *p);   /* sends the last heartbeat; bounded linger */

#endif
