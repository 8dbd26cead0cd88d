/* daemon/sink/photon_feed.h - every settled row, cut or not, to whoever pulls them: ZeroMQ PUSH on port 5562 (doc/stream.md, Photons).
 *   photon_blocks --batches of FEED_BATCH rows or FEED_MS--> [JSON header][columns, packed one behind the other]
 * Rows are numbered from the program's start, so a reader sees whether it has them all. Nothing waits: while nobody pulls, or not fast enough,
 * FEED_ROWS rows are kept; then they are dropped together and counted, and the gap shows in the numbers. One thread owns it. */
#ifndef TESD_DAEMON_SINK_PHOTON_FEED_H
#define TESD_DAEMON_SINK_PHOTON_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "daemon/curve_gate.h"

enum { FEED_BATCH = 4096, FEED_ROWS = 65536, FEED_MS = 100 };

struct photon_feed;   /* opaque */

struct feed_settings {
    const char *endpoint;        /* tcp://127.0.0.1:5562 */
    const char *boot;            /* of the stream (uuid); copied */
    void *zmq;                   /* context, borrowed */
    struct curve_gate *gate;     /* NULL: this machine alone */
};
struct feed_counts { uint64_t rows, sent, lost; };   /* rows: given; lost: dropped because nobody took them */

bool photon_feed_new(const struct feed_settings *settings, struct photon_feed **out);   /* false after logging */
void photon_feed_free(struct photon_feed *f);      /* sends what can be sent; NULL is fine */
void photon_feed_rows(struct photon_feed *f, const struct photon_block *rows);
void photon_feed_calibration(struct photon_feed *f, const char *calibration_id);        /* in force from now on */
void photon_feed_step(struct photon_feed *f);
struct feed_counts photon_feed_counts(const struct photon_feed *f);
const char *photon_feed_endpoint(const struct photon_feed *f);   /* as bound */

#endif
