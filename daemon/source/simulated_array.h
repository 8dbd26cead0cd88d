/* daemon/source/simulated_array.h - the live array that the twin serves: blocks of records in the acquisition server's order.
 *   plan + pixels + channels --simulated_array_block--> the records whose last sample lies before a frame, channel by channel,
 *   a channel's primary records before its secondary ones
 * Synthesised: the beamtime as beamtime_writer has it on disk, record for record (frames from 0, same samples, same stamps).
 * Pooled: ready-made records at random times, or all channels together; goes on for ever; fast. */
#ifndef TESD_DAEMON_SOURCE_SIMULATED_ARRAY_H
#define TESD_DAEMON_SOURCE_SIMULATED_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/beamtime_pixel.h"
#include "daemon/dastard_array.h"
#include "daemon/dastard_record.h"

struct simulated_array;   /* opaque */

struct simulated_settings {
    struct beamtime_array beam;   /* record length and trigger rule are taken from here */
    bool pooled;
    bool is_signed;               /* of the channels that carry pulses */
    double rate_Hz;               /* pooled: photons/s of a pixel of sensitivity 1 */
    uint32_t together;            /* pooled: pulses of every channel at once in each block; 0: at random times */
    int64_t block_frames;         /* length of a block, for together */
    uint32_t pool;                /* pooled: records of each pixel */
    unsigned workers;             /* to begin with; 0: default */
};

/* The channels are borrowed: their triggers and couplings may change between blocks, their number and the record length may not.
 * STATUS_NO_MEMORY. */
enum status simulated_array_new(const struct simulated_settings *settings, const struct dastard_array *channels, struct simulated_array **out);
void simulated_array_free(struct simulated_array *a);

/* Stamps count from here on; without it from the plan's begin. */
void simulated_array_begin(struct simulated_array *a, int64_t start_ns);
int64_t simulated_array_end(const struct simulated_array *a);   /* frames there are; INT64_MAX when there is no end */

/* Everything not handed out yet whose last sample lies before end_frame and whose first does not lie before epoch_frame; frames are
 * counted from epoch_frame. Borrowed until the next call. end_frame must not step back. STATUS_NO_MEMORY loses the block. */
struct dastard_block { struct dastard_record *records; size_t n; };
enum status simulated_array_block(struct simulated_array *a, int64_t end_frame, int64_t epoch_frame, struct dastard_block *out);
/* Forgets what a block would have held. */
void simulated_array_skip(struct simulated_array *a, int64_t end_frame);

#endif
