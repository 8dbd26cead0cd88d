/* daemon/play.h - finished products sent over the stream point by point, as a live viewer would have seen them. */
#ifndef TESD_DAEMON_PLAY_H
#define TESD_DAEMON_PLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/scan_products.h"

/* realtime: each point appears when its dwell is over, with the pauses between points and scans of the measurement (pauses longer
 * than 5 s are cut to 5 s); else as fast as the stream's pacing allows. SIGINT and SIGTERM end it early and cleanly. False after
 * logging when the endpoint cannot be bound. */
bool play_products(struct scan_products *const *products, size_t n, const char *endpoint, bool realtime);

#endif
