/* daemon/ingest.h - the ingest thread's work: drain the port, order, analyse in place, hand rows to the book.
 *   source/live, files --record_block--> admission --> stage/live_analyse --row_block==ring==> book
 * Records are analysed where they came in; those of up to 60 ms together, pixel by pixel, because each pixel has filters of its own; by this
 * thread, and where one core is not enough (ingest.workers) by others as well, each of which takes some of the pixels (analysis_team.h).
 * What overload does: a ring of rows that is full (the book is behind): the records are refused and counted per channel (overload), and
 * those who grade learn of the gap by BLOCK_GAP_BEFORE of the channel's next record. Analysis behind the port: the sockets, which are bounded,
 * fill, and the server drops and counts (lost upstream; follow.mode fill brings them back). Either ends by itself when there is room again.
 * No thread of its own: pipeline calls _step. */
#ifndef TESD_DAEMON_INGEST_H
#define TESD_DAEMON_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/analysis_team.h"
#include "daemon/live_plan.h"
#include "daemon/off_bases.h"
#include "daemon/record_block.h"
#include "daemon/ring.h"
#include "daemon/source/live.h"

struct ingest;   /* opaque */

enum { INGEST_BATCH = LIVE_LENT_MAX };   /* records that are analysed together, at most */

/* Further readers and bringers of records; each may be NULL. */
struct ingest_links {
    struct ring *rows;                   /* of row_blocks, to the book; needed */
    struct ring *raw;                    /* of record_blocks, to the raw recorder; used while `recording` */
    struct ring *files;                  /* of record_blocks, from follow: then records are reconciled */
    struct ring *learner;                /* of record_blocks, to the learner; used while `learning` */
    const _Atomic bool *recording, *learning;
    struct analysis_team *team;          /* who helps to analyse (ingest.workers) */
};

struct ingest_settings {
    struct live_settings source;
    bool files_only;                     /* the port is left alone */
    int64_t disorder_ns;                 /* what comes by port has stamps this far behind the newest of all channels at most */
    struct off_bases *bases;             /* of the OFF files that are followed; borrowed */
};

bool ingest_new(const struct ingest_settings *settings, const struct ingest_links *links, struct plan_exchange *exchange, struct ingest **out);   /* false after logging */
void ingest_free(struct ingest *g);
bool ingest_step(struct ingest *g, int wait_ms);   /* waits at most so long; true: records came */

/* Any thread. */
struct ingest_figures { uint64_t records, bytes, refused, by_reason[N_DASTARD_REFUSALS], unknown_channel, frames, overload, duplicates; };
struct ingest_figures ingest_figures_of(const struct ingest *g);

#endif
