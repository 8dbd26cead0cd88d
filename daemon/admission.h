/* daemon/admission.h - which of the records that came are wanted, and what their order tells.
 *   record_block, by port or by files --admission_block--> the records to be analysed and kept, with flags of order
 * A record that came both ways is wanted once. OFF files bring coefficients, of which a model of samples makes nothing but a time (cut as short), and
 * the other way round. So, where both come: a pixel whose model is of OFF coefficients is measured from its file alone: what its port brings
 * is still a record for the raw recorder, and has no pixel. A pixel with a model of samples waits with its OFF file until the port is past it.
 * The first record of a channel after a refused one begins after a gap (BLOCK_GAP_BEFORE). A frame counter that began anew is a new epoch: its first
 * record to stay says so (BLOCK_NEW_EPOCH), and what still comes of the epoch before (BLOCK_OLD_EPOCH). Port and files tell restarts each by their own
 * order, for one may be hours ahead of the other, and a clock have been set back in between. Each record is counted in the plan's tally, by way, and once more if the pixel's model can make nothing of it (other_form), or would
 * make wrong heights of it, since its coefficients are of another basis (other_basis, BLOCK_OTHER_BASIS).
 * One array of channels each: another model of the same channels goes on with the same admission, for what came by port must still be known
 * when a file brings it. One thread, the ingest thread's; nothing allocates after _new. */
#ifndef TESD_DAEMON_ADMISSION_H
#define TESD_DAEMON_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/live_plan.h"
#include "daemon/off_bases.h"
#include "daemon/record_block.h"

struct admission;   /* opaque */

struct admission_settings {
    uint32_t n_channels;
    bool with_files;       /* records also come by files: then they are reconciled */
    bool files_only;       /* nothing comes by port */
    int64_t disorder_ns;   /* what comes by port has stamps this far behind the newest of all channels at most */
    struct off_bases *bases;   /* of the OFF files; borrowed. NULL: no such records come */
    int64_t begun_ns;      /* CLOCK_MONOTONIC: now; from then on a port may be called quiet */
};

bool admission_new(const struct admission_settings *settings, struct admission **out);   /* false: no memory */
void admission_free(struct admission *a);

/* Records of channels below n_channels that came one way. Those not wanted leave the block; samples stay where they are. Returns how many left. */
uint64_t admission_block(struct admission *a, const struct live_plan *plan, struct record_block *b);
/* Whether the samples of some of these coefficients may still come by port, and say more. now_ns: CLOCK_MONOTONIC. */
bool admission_waits(const struct admission *a, const struct live_plan *plan, const struct record_block *b, int64_t now_ns);
/* The record was admitted and then lost: there is a gap before its channel's next, which says what this one was to say. */
void admission_lost(struct admission *a, const struct block_record *r);

#endif
