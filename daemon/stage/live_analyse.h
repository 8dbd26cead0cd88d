/* daemon/stage/live_analyse.h - records as they come -> rows, pixel by pixel, causally.   record_block + array_model --> row_block
 * Same records + same model = the same rows as analyse_rows with a frozen model gives (doc/live.md). One owner thread; with several, each has
 * one of these for its own pixels. Nothing allocates after _new. */
#ifndef TESD_DAEMON_STAGE_LIVE_ANALYSE_H
#define TESD_DAEMON_STAGE_LIVE_ANALYSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/record_block.h"
#include "daemon/row_block.h"

struct live_analyse;   /* opaque */

bool live_analyse_new(size_t n_pixels, struct live_analyse **out);   /* no model yet: rows get CUT_NO_MODEL. False: no memory */
void live_analyse_free(struct live_analyse *a);

/* Between two blocks: from here on this model, borrowed until the next call; NULL: none. version: what rows will say. */
void live_analyse_model(struct live_analyse *a, const struct array_model *model, uint64_t version);
/* What a pixel's records are searched for, as channel_events does with recorded ones. */
enum live_look {
    LIVE_LOOK_TRIGGER = 1,   /* the edge trigger's rule: records without a rise and, unless RISES is set, second pulses */
    LIVE_LOOK_RISES = 2      /* second pulses by the model's rise_level (single and isolated triggers) */
};
void live_analyse_look(struct live_analyse *a, const uint8_t *look);   /* bits per pixel; copied */

/* Records from..n-1 that belong to a pixel become rows; those without are passed over. Returns where it stopped because `into` was full
 * (block->n: all done). */
size_t live_analyse_block(struct live_analyse *a, const struct record_block *block, size_t from, struct row_block *into);

#endif
