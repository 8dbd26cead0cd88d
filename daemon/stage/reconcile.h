/* daemon/stage/reconcile.h - one record, two ways: the port for latency, the files for completeness.
 *   record by port or by file, in any order --reconcile_admit--> new: analyse it; else it has been here
 * A record is known by channel, frame and stamp: both ways carry the same (doc/methods.md, Records), and a counter that begins anew repeats frames
 * but no stamps. Of each channel the newest `memory` records by stamp are remembered. What is older than all that was forgotten cannot be
 * told from what has been here, so it is refused and counted: a record counts once or not at all, never twice. A backlog of files from
 * before the port was heard passes in file order, however long it is.
 * Nothing allocates after _new. One owner thread; counts may be read by any. Memory: 16 bytes x memory per channel. */
#ifndef TESD_DAEMON_STAGE_RECONCILE_H
#define TESD_DAEMON_STAGE_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/record_block.h"

enum { RECONCILE_MEMORY = 4096 };   /* 40 s at 100 records/s: files come a second or so later, a minute over NFS */

enum reconcile_verdict {
    RECONCILE_NEW,        /* not seen before */
    RECONCILE_KNOWN,      /* came the other way before */
    RECONCILE_REPEATED,   /* came the same way before: a group-trigger copy at a trigger of its own, or a file read twice */
    RECONCILE_TOO_LATE    /* older than what is remembered, so nobody knows */
};

struct reconcile_counts {       /* of one channel, since the start */
    uint64_t by_port, by_file;  /* records that came this way, repeated ones not counted */
    uint64_t both;              /* of those, came both ways */
    uint64_t admitted;          /* new: by_port + by_file - both - those too late */
    uint64_t late;              /* of those admitted, came when a newer one of the channel was there already */
    uint64_t repeated, too_late;
};

struct reconcile;   /* opaque */

/* memory: >= 2 records per channel. False: no memory. */
bool reconcile_new(uint32_t n_channels, uint32_t memory, struct reconcile **out);
void reconcile_free(struct reconcile *r);

/* row: channel_index (below n_channels), time_ns, frame, and BLOCK_FROM_FILE of its flags are looked at. */
enum reconcile_verdict reconcile_admit(struct reconcile *r, const struct block_record *row);
struct reconcile_counts reconcile_count(const struct reconcile *r, uint32_t channel_index);   /* any thread; numbers a moment old */

#endif
