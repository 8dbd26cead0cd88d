/* daemon/measured_channel.h - all records of a channel, measured, in their true order, and the rows they make.
 *   channel_reader --read--> rows of a photon_block, and what later steps ask of each record beside its row
 * Causally, rows are made of some tens of pulses at a time, while these are in the nearest cache, and pulses are not kept; from both sides a row needs
 * all pulses of the channel. Lives in memory of the caller. One owner thread. */
#ifndef TESD_DAEMON_MEASURED_CHANNEL_H
#define TESD_DAEMON_MEASURED_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/photon_block.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/analyse.h"
#include "pulse/measured_pulse.h"

struct measured_channel {
    size_t n, most;
    bool causal;
    float *residual;                  /* of each record: as measured_pulse has it */
    bool *gap_before;                 /* of each */
    struct measured_pulse *pulses;    /* of each; causal: some, until they are rows */
    struct channel_place *places;     /* of each; causal: NULL */
};

/* For `most` records. */
size_t measured_channel_bytes(size_t most, bool causal);
/* memory: that long, aligned as from malloc; not cleared. */
struct measured_channel measured_channel_in(void *memory, size_t most, bool causal);
/* Into a block with room for `most` rows. In one pass where the records stand in order, which is nearly always; else they are sorted and measured once
 * more. settings->causal as above. False: no memory. */
bool measured_channel_read(struct measured_channel *m, const struct analyse_settings *settings, struct channel_reader *reader, struct photon_block *block);
/* Fills residual from pulses that have been measured anew since. Not causal. */
void measured_channel_residuals(struct measured_channel *m);

#endif
