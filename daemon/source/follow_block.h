/* daemon/source/follow_block.h - what follow reads, as a record_block: the same shape as the live source gives.
 *   follow --follow_block_step--> rows with index, pixel and BLOCK_FROM_FILE */
#ifndef TESD_DAEMON_SOURCE_FOLLOW_BLOCK_H
#define TESD_DAEMON_SOURCE_FOLLOW_BLOCK_H

#include "daemon/live_array.h"
#include "daemon/off_bases.h"
#include "daemon/record_block.h"
#include "daemon/source/follow.h"

struct follow_block {            /* zeros at first, but for bases; counters since then */
    struct off_bases *bases;     /* borrowed; NULL: OFF records do not say whose their coefficients are */
    const struct live_array *array;
    uint64_t unknown_channel;    /* records of channels that the array does not have; left out */
    struct record_block *into;
};

/* Adds to the block until it is full (FOLLOW_BLOCKED) or there is nothing more now; what does not fit comes with the next call. The array
 * may be another one in each call. */
enum follow_state follow_block_step(struct follow_block *b, struct follow *f, int64_t now_ns, const struct live_array *array, struct record_block *into);

#endif
