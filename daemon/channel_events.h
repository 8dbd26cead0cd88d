/* daemon/channel_events.h - which records of a channel are events of its pixel, and what else its samples tell about time.
 *   channel_reader + rows + trigger mode --> CUT_SECONDARY, gaps, second pulses inside records (edge, single, isolated triggers) */
#ifndef TESD_DAEMON_CHANNEL_EVENTS_H
#define TESD_DAEMON_CHANNEL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/photon_block.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/grade.h"
#include "daemon/trigger_mode.h"
#include "pulse/pixel_model.h"

struct channel_events {
    enum trigger_kind kind;        /* never unknown */
    struct inner_event *seconds;
    size_t n_seconds, capacity;
};

/* Row i of the block is record i of the reader. Adds CUT_SECONDARY where it applies. With the edge trigger (or automatic records among the
 * others; or one that drops records without a trace) every record of samples is read once more, after its level has been learnt from the good ones. causal: the level is learnt
 * from the first good ones instead, and says nothing of those. False: no memory. */
bool channel_events_find(struct channel_reader *reader, struct trigger_mode mode, const struct pixel_model *model, bool causal, struct photon_block *block, struct channel_events *out);
/* The same for rows whose samples were looked into when they came (row_block.h: ROW_NO_RISE and inner events): flags, one per row; seconds:
 * malloc'ed, taken over. */
void channel_events_kept(struct trigger_mode mode, uint32_t n_samples, const uint8_t *flags, struct inner_event *seconds, size_t n_seconds,
                         struct photon_block *block, struct channel_events *out);
void channel_events_done(struct channel_events *e);

#endif
