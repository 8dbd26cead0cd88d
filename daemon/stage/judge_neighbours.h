/* daemon/stage/judge_neighbours.h - one channel's pulses with heights by neighbours, and whether they are to stay.
 *   learnt_channel --take--> heights by neighbours;   corrected once more --judge--> used, or everything as it was before */
#ifndef TESD_DAEMON_STAGE_JUDGE_NEIGHBOURS_H
#define TESD_DAEMON_STAGE_JUDGE_NEIGHBOURS_H

#include "daemon/stage/learnt_channel.h"
#include "pulse/neighbour_height.h"

/* Learns *h and puts its heights in place. A channel that has none (no open filter, too few pulses) stays as it is. */
void learnt_channel_take_neighbours(struct learnt_channel *c, const struct mains_track *mains, struct neighbour_height *h);

/* standard: the channel's correction before. Sets h->used and h->line_pull; a channel whose lines do not bear out what its heights by
 * neighbours promise (narrower than before, pull at most NEIGHBOUR_PULL_MAX) gets its heights and its correction back, and no open filter. */
#define NEIGHBOUR_PULL_MAX 1.06
void learnt_channel_judge_neighbours(struct learnt_channel *c, const struct spectrum_groups *groups, const struct height_correction *standard, struct neighbour_height *h);

#endif
