/* daemon/record_block.h - a block of records on its way from a live-ish source to those who read them: analysis, raw recorder,
 * reconciliation, learner.   messages or file bytes --record_block_add--> rows + one arena of samples
 *                            messages --record_block_lend--> rows alone: samples stay where they came in
 *                            OFF records --record_block_add_off--> rows + their coefficients in the arena
 * A block that goes to another thread holds its samples in its own arena; one that is read where it was filled may hold lent ones. It owns
 * its memory, made once: adding allocates nothing and refuses when there is no room. One thread at a time (ring.h hands it over). */
#ifndef TESD_DAEMON_RECORD_BLOCK_H
#define TESD_DAEMON_RECORD_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/channel_record.h"
#include "pulse/pulse_record.h"

enum { BLOCK_NO_PIXEL = UINT16_MAX };   /* a channel without a pixel of ours: an error signal, or unknown */

enum block_flag {
    BLOCK_SIGNED = 1,          /* samples are int16 as the header said (the bits stand as they came, as in LJH) */
    BLOCK_FROM_FILE = 2,       /* read from a file that the acquisition writes, not from the port */
    BLOCK_GAP_BEFORE = 4,      /* between this and the channel's record before it not all is known (channel_record.gap_before) */
    BLOCK_NEW_EPOCH = 8,       /* first of the channel since its frame counter started anew */
    BLOCK_COEFFICIENTS = 16,   /* of an OFF file: it has coefficients, and no samples */
    BLOCK_OLD_EPOCH = 32,      /* of the epoch before the newest one that was told of its channel */
    BLOCK_OTHER_BASIS = 64     /* its coefficients are of another basis than the pixel's model: nothing but a time */
};

struct block_record {
    int64_t time_ns;           /* the record's own stamp, since 1970 UTC, floored to 1 us */
    int64_t frame;             /* of the trigger sample */
    union {
        const sample_u16 *samples;     /* n_samples, in the block's arena or lent */
        const struct off_record *off;  /* BLOCK_COEFFICIENTS: in the block's arena */
    };
    uint32_t n_samples, n_presamples;
    float sample_period_s;
    uint32_t basis;            /* of an OFF record: whose its coefficients are (off_bases.h); 0: not known */
    uint16_t channel_index;    /* DASTARD's, 0..n_channels-1 */
    uint16_t pixel;            /* ours, 0..n_pixels-1, or BLOCK_NO_PIXEL */
    uint16_t flags;            /* enum block_flag */
    int16_t epoch;             /* of its channel's frame counter, as admission tells it; they come in the order of these, and inside one in that of frames */
};

/* Records of a channel that are in no block, because none was free: told with the next one that goes the same way. */
struct left_out { int64_t from_ns, to_ns; uint64_t n; uint16_t channel_index; };   /* times of the first and last of them */

struct record_block {
    size_t n, capacity;
    struct block_record *rows;
    size_t n_left_out;         /* before the rows; up to `capacity` */
    struct left_out *left_out;
    size_t n_samples, sample_capacity;
    uint16_t *samples;         /* 64-byte aligned; each record begins at a multiple of 32 samples */
    int64_t arrived_ns;        /* CLOCK_MONOTONIC when its first record came in */
};

/* capacity >= 1 rows; sample_capacity >= the longest record that must fit, in samples; 0: for lent ones alone. False: no memory. */
bool record_block_new(size_t capacity, size_t sample_capacity, struct record_block **out);
void record_block_free(struct record_block *b);
static inline void record_block_clear(struct record_block *b) { b->n = b->n_samples = b->n_left_out = 0; }

/* Copies row and samples (row.samples is set here). False, and nothing added, when there is no room. */
bool record_block_add(struct record_block *b, const struct block_record *row, const void *samples);
/* The same of an OFF record, with BLOCK_COEFFICIENTS. */
bool record_block_add_off(struct record_block *b, const struct block_record *row, const struct off_record *off);
/* The row alone: its samples are borrowed until the block is cleared. */
bool record_block_lend(struct record_block *b, const struct block_record *row, const void *samples);
/* The same from another block: for those who keep some of its records. */
bool record_block_copy(struct record_block *to, const struct record_block *from, size_t i);
bool record_block_leave_out(struct record_block *b, struct left_out what);   /* false: no room for more of them */
/* Rows by pixel (those without one last), each pixel's in the order in which they stand. scratch: `capacity` rows, which change places with
 * the block's own; places: n_pixels + 2 numbers. */
void record_block_sort(struct record_block *b, uint32_t n_pixels, struct block_record **scratch, uint32_t *places);

/* Row i as analysis and writers take it, row by row; borrowed from the block. */
struct channel_record record_block_at(const struct record_block *b, size_t i);
void record_block_get(const struct record_block *b, size_t i, struct channel_record *out);   /* the same, where the caller has it: what is not meant is not set */

#endif
