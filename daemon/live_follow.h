/* daemon/live_follow.h - the files of the run under way, read beside the port: the follow thread's work in `tesd run`.
 *   book: array, run folder --> step: source/follow --record_block==ring==> ingest, which reconciles them with the port
 * The ring is all that waits: when ingest has no room for more, the files do. Blocks say by their generation which array their indices
 * speak of; those of an earlier array are left out by ingest. */
#ifndef TESD_DAEMON_LIVE_FOLLOW_H
#define TESD_DAEMON_LIVE_FOLLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/live_array.h"
#include "daemon/ring.h"
#include "daemon/source/follow.h"

struct live_follow;   /* opaque */

struct live_follow_settings {
    struct follow_settings follow;
    const char *folder;          /* base or run folder as this machine sees it; "": where the acquisition says that it writes. Borrowed */
};

/* False after logging. */
bool live_follow_new(const struct live_follow_settings *settings, struct live_follow **out);
void live_follow_free(struct live_follow *f);

/* Book thread. The array is copied; NULL: none. */
void live_follow_array(struct live_follow *f, const struct live_array *array);
void live_follow_run(struct live_follow *f, const char *folder);   /* the acquisition writes there */
void live_follow_end(struct live_follow *f);                       /* it has stopped writing: what is there is read to its end */

/* Ingest thread: blocks of rows with BLOCK_FROM_FILE, and the generation that is in force. */
struct ring *live_follow_ring(struct live_follow *f);
const _Atomic uint64_t *live_follow_generation(const struct live_follow *f);

bool live_follow_step(void *follow);                               /* a pipeline_step */

struct live_follow_figures { struct follow_counts counts; uint64_t unknown_channel, coefficients; bool over, polling, uring; };
struct live_follow_figures live_follow_figures_of(struct live_follow *f);   /* any thread; over: ended, and everything has been delivered */

#endif
