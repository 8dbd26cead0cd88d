/* daemon/analysis_team.h - threads that help the ingest thread analyse, where one core is not enough.
 *   batch by pixel --share out--> one run of whole pixels for each member ==ring==> its own row_block ==ring given back==> rows in the batch's order
 * The ingest thread takes a share itself and waits for the others, so records, their model and the pixels' states need no copy and nobody
 * looks at a batch that is gone; a plan that ingest has adopted between two batches is adopted by all. Shares are cut between pixels at equal
 * numbers of records, and rows come back in the order of the batch: the same rows in the same order whatever the number of members.
 * A member that stalls holds up ingest, which says so after a second: what then happens is what happens when analysis is behind (ingest.h).
 * Threads are made by the owner (pipeline.c): each calls analysis_team_step with its member. */
#ifndef TESD_DAEMON_ANALYSIS_TEAM_H
#define TESD_DAEMON_ANALYSIS_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/record_block.h"
#include "daemon/row_block.h"
#include "daemon/stage/live_analyse.h"

enum { ANALYSIS_MEMBERS_MAX = 16 };

struct analysis_team;     /* opaque */
struct analysis_member;   /* opaque; a thread's own */

/* n_members >= 1 threads beside the caller's, batches of at most `batch` records. False: no memory. */
bool analysis_team_new(unsigned n_members, size_t batch, struct analysis_team **out);
void analysis_team_free(struct analysis_team *t);   /* NULL is fine; its threads have stopped */
unsigned analysis_team_size(const struct analysis_team *t);
struct analysis_member *analysis_team_member(struct analysis_team *t, unsigned k);   /* k < n_members */
bool analysis_team_step(void *member);              /* a pipeline_step that waits by itself, 0.1 s at most */

/* What a share came to: rows of records from..reached-1; a share may stop before its end when its block has no room for more. */
struct analysis_share { size_t reached, end; const struct row_block *rows; };
/* Analyses block->rows, which stand by pixel (record_block_sort), n <= batch. shares: n_members + 1, in order of the batch; their rows are
 * borrowed until the next call. */
void analysis_team_run(struct analysis_team *t, struct live_analyse *a, const struct record_block *block, struct analysis_share *shares);

#endif
