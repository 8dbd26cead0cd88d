/* daemon/upstream_loss.h - what the acquisition triggered and we never had, per channel.
 *   TRIGGERRATE (how many it triggered) + records (how many we have) --upstream_loss_channel--> sent, had, lost
 * Nothing in a record message is a sequence number; the record port drops what exceeds its queue (doc/methods.md, Records); files may be torn. So
 * both sides are counted, cumulatively, over the same stretch of time, and compared. Counting begins with the first window that lies
 * wholly in the time in which we listened, and goes on over any number of restarts: each begins a segment.
 *
 * Windows are cut by the frame counter, stamps jitter, so at either end of what is compared a record may be counted on either side: those
 * up to EDGE_NS outside are taken as belonging. `lost` is therefore never too large for that; it is exact when we were there from the
 * source's start and the source has stopped, else too small by less than the records of that time.
 * TRIGGERRATE counts primary records only: of a channel that receives group triggers those of its sources are expected too. With
 * edge-multi it misses some 3e-5 of the records, so `lost` is then a lower limit.
 * A clock set back by more than ten windows, or while the source was away, begins a segment, too: what was counted before stays, and the windows about that moment are
 * nobody's. One set back by less is told by windows that come twice, and those are compared once.
 * One owner thread. Memory: 2 kB per channel. */
#ifndef TESD_DAEMON_UPSTREAM_LOSS_H
#define TESD_DAEMON_UPSTREAM_LOSS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/upstream_tally.h"

#define UPSTREAM_LOSS_EDGE_NS INT64_C(50000000)   /* one processing block of the acquisition */

struct upstream_loss;   /* opaque */

bool upstream_loss_new(uint32_t n_channels, struct upstream_loss **out);   /* false: no memory */
void upstream_loss_free(struct upstream_loss *l);

/* A record of the channel that was not there before, whichever way it came: each distinct one once. Time: its stamp, ns. */
void upstream_loss_record(struct upstream_loss *l, uint32_t index, int64_t time_ns, bool by_port);
/* One that had come by file before now comes by the port (for by_port alone). */
void upstream_loss_late_port(struct upstream_loss *l, uint32_t index);

/* STATUS: the source runs or not. Told before any window it means that we were there from its start. */
void upstream_loss_running(struct upstream_loss *l, bool running);
/* The first record of a channel since its frame counter began anew, told before it: when frame 0 was tells whether that is news. Where the clock was set back meanwhile,
 * what the port brings of a channel that has not told it is from before. */
void upstream_loss_epoch(struct upstream_loss *l, uint32_t index, int64_t time_ns, int64_t frame, double period_s);
/* GROUPTRIGGER: from now on each record of `source` makes one of `receiver`. Clear, then add all. */
void upstream_loss_uncouple(struct upstream_loss *l);
bool upstream_loss_couple(struct upstream_loss *l, uint32_t source, uint32_t receiver);   /* false: no memory, or no such channel */

/* One TRIGGERRATE window, (hi - duration, hi]. Repeated ones (SendAllStatus) are ignored, and those that the clock tells once more after it was set back. */
void upstream_loss_window(struct upstream_loss *l, int64_t hi_ns, int64_t duration_ns, const uint32_t *counts, size_t n);
/* The same from the message's body. False: not such a body; nothing is changed. */
bool upstream_loss_message(struct upstream_loss *l, const json_t *body);

struct upstream_channel upstream_loss_channel(const struct upstream_loss *l, uint32_t index);
struct upstream_channel upstream_loss_sum(const struct upstream_loss *l);

#endif
