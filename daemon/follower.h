/* daemon/follower.h - the follow thread's work: records of the files that the acquisition writes -> blocks for ingest.
 *   folder told by the session --source/follow--> record_blocks ==ring==> ingest, which reconciles them with the port
 * The ring full: it waits, files do not run away. Other threads tell it what to follow; it tells them when a run has been read to its end. */
#ifndef TESD_DAEMON_FOLLOWER_H
#define TESD_DAEMON_FOLLOWER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/live_plan.h"
#include "daemon/off_bases.h"
#include "daemon/ring.h"
#include "daemon/source/follow.h"

struct follower;   /* opaque */

/* ring: of record_blocks; bases: where those of OFF files are kept; both borrowed. folder: what to follow from the start, "" nothing yet. False after logging. */
bool follower_new(const struct follow_settings *settings, const char *folder, struct off_bases *bases, struct plan_exchange *exchange, struct ring *ring, struct follower **out);
void follower_free(struct follower *f);
bool follower_step(void *follower);                              /* a pipeline_step */

void follower_folder(struct follower *f, const char *path);      /* any thread: a run begins there */
void follower_end(struct follower *f);                           /* any thread: it is written to its end */
bool follower_is_behind(const struct follower *f);               /* any thread: something told has not been read to its end yet */
struct follow_counts follower_counts(struct follower *f);        /* any thread, a moment old */

#endif
