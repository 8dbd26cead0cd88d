/* daemon/sink_desk.h - a desk between the book thread and a sink that may be made to wait (HDF5 on a disk that does not answer).
 *   book thread: run, model, graded, scan --copied--> ring of parcels --> the sink's own calls, on another thread
 * To the book thread it is a sink as any other (live_sink.h) and never waits. Bounded: DESK_PARCELS parcels. When the other side does not follow,
 * rows are refused and counted, and the sink is told of the gap (`lost`); an update of a scan under way is left out while one before is not taken, since the next one
 * says it all; begins and ends of runs, models and ends of scans have places of their own. A call that lasts longer than the
 * patience is a failing sink in _health, whatever the sink itself says. */
#ifndef TESD_DAEMON_SINK_DESK_H
#define TESD_DAEMON_SINK_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/live_sink.h"

enum { DESK_PARCELS = 256, DESK_RESERVED = 64, DESK_ROWS = 4096 };   /* reserved: for what must not be left out; rows of a parcel */

struct sink_desk;   /* opaque */

/* Takes the sink over. False: no memory, and the sink is still the caller's. */
bool sink_desk_new(const struct live_sink *sink, int64_t patience_ms, struct sink_desk **out);
/* For the book thread; its `done` frees the desk and the sink, after the other thread has ended. */
struct live_sink sink_desk_sink(struct sink_desk *d);
bool sink_desk_step(void *desk);                             /* a pipeline_step: the other thread's round */
/* Any thread: models of versions below this one are used by nobody behind the desk. */
uint64_t sink_desk_model(const struct sink_desk *d);

#endif
