/* pulse/record_off.h - the records of OFF 0.1, 0.2 and 0.3 files (model coefficients instead of samples).
 * bytes in memory + off_header --decode--> off_record --encode--> bytes (0.3). No file I/O. Nothing in an OFF file is aligned: fields are copied out.
 * The header is JSON and is read by daemon/source/off_header.h. */
#ifndef TESD_PULSE_RECORD_OFF_H
#define TESD_PULSE_RECORD_OFF_H

#include <stddef.h>
#include <stdint.h>

enum { OFF_MAX_BASES = 32 };

struct off_header {
    int version;               /* 10, 20 or 30 */
    char version_text[16];
    uint32_t n_bases;          /* B, 1..OFF_MAX_BASES */
    uint32_t n_samples;        /* columns of the projectors = record length N */
    uint32_t n_presamples;     /* MaxPresamples; 0 when the file does not say (records do) */
    double frame_period_s;     /* > 0 */
    int32_t channel;           /* ChannelNumberMatchingName; -1 when absent (ljh2off): take it from the file name */
    int32_t channel_index;     /* -1 when absent */
    char channel_name[64];
    uint32_t subframe_divisions;  /* 1 when absent */
    size_t header_bytes;       /* offset of the first record: JSON and binary matrices */
    double misfit;             /* of the projectors to the basis (off_projection.h) */
    size_t record_bytes;       /* 32 + 4B (0.1, 0.2) or 36 + 4B (0.3) */
};

struct off_record {
    uint32_t n_samples, n_presamples;
    int64_t frame;
    int64_t time_ns;            /* as stored; callers floor to 1 us */
    float pretrigger_mean;      /* counts */
    float pretrigger_delta;     /* counts over the pretrigger; NaN before 0.3 */
    float residual_sd;          /* counts, standard deviation of samples - basis x coefficients */
    float coefficients[OFF_MAX_BASES];  /* 0 mean, 1 derivative-like, 2 pulse-like, 3.. extra */
};

/* Record number i of the file that `bytes` begins; it must lie wholly inside (off_record_count). Coefficients from B on are 0. */
void off_record_decode(const struct off_header *h, const uint8_t *bytes, uint64_t i, struct off_record *out);
void off_record_decode_at(const struct off_header *h, const uint8_t *record, struct off_record *out);   /* the same, of one record's bytes */
/* h->record_bytes of version 0.3 into `to`. */
void off_record_encode(const struct off_header *h, const struct off_record *r, uint8_t *to);
uint64_t off_record_count(const struct off_header *h, size_t n);   /* whole records in a file of n bytes */
size_t off_tail_bytes(const struct off_header *h, size_t n);       /* what is left behind the last whole one */

#endif
