/* pulse/record_dastard.h - DASTARD's triggered-record messages (port base + 2) <-> records.  two frames in memory --decode--> record
 * Frame 0 is 36 bytes, little-endian; frame 1 the samples. No sockets here: sources, the twin and the fuzzer share this.
 *
 *   off size field                                   off size field
 *     0  u16 channel INDEX (not the number)           12  f32 sample period, s (do not multiply by large frame counts)
 *     2  u8  header version, 0                        16  f32 volts per arb
 *     3  u8  sample type: 2 i16, 3 u16                20  i64 time of the trigger sample, ns since 1970 UTC
 *     4  u32 presamples                               28  i64 frame of the trigger sample
 *     8  u32 samples in this record
 *
 * Records of one channel may have any length (edge-multi short records), presamples may be 0 there. Nothing tells primary from
 * secondary records. */
#ifndef TESD_PULSE_RECORD_DASTARD_H
#define TESD_PULSE_RECORD_DASTARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/pulse_record.h"

enum { DASTARD_HEADER_BYTES = 36, DASTARD_SAMPLES_MAX = 1 << 20 };

enum dastard_refusal {           /* why a message is not a record; counted by kind, never logged one by one */
    DASTARD_GOOD,
    DASTARD_HEADER_LENGTH,       /* frame 0 is not 36 bytes */
    DASTARD_VERSION,
    DASTARD_SAMPLE_TYPE,         /* neither i16 nor u16 */
    DASTARD_LENGTHS,             /* no samples, presamples >= samples, or more samples than any record has */
    DASTARD_PAYLOAD,             /* frame 1 is not samples x 2 bytes */
    DASTARD_PERIOD,              /* sample period not positive and finite */
    N_DASTARD_REFUSALS
};
extern const char *const dastard_refusal_names[N_DASTARD_REFUSALS];  /* for metrics and messages */

struct dastard_message {
    uint16_t channel_index;
    bool is_signed;              /* samples are i16; those of `record` are the same bits */
    struct pulse_record record;  /* samples borrow frame 1; pixel is 0: the caller knows it; time is floored to 1 us */
};

/* *out is untouched unless DASTARD_GOOD. */
enum dastard_refusal dastard_message_decode(const uint8_t *header, size_t header_bytes, const uint8_t *samples, size_t sample_bytes, struct dastard_message *out);

/* Frame 0 of a message; frame 1 is the record's samples as they stand. Time is written in ns as the record has it. */
void dastard_message_encode(uint16_t channel_index, bool is_signed, const struct pulse_record *record, uint8_t header[DASTARD_HEADER_BYTES]);

#endif
