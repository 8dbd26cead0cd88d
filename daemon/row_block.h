/* daemon/row_block.h - what analysis makes of a record_block: one row per record of a pixel, in the order of the records.
 *   record_block --stage/live_analyse--> row_block --> book (grades, maps), journal, scan archive
 * photons: the columns as the file has them. Energies are those of the model in force when the record came, causally; grades, scan, point
 * and incident energy are not set yet. pulses: what they were made of, from which a later model makes them anew (stage/analyse.h:
 * analyse_rows) in the true order of the records: what the run's file is made from. Owns its memory, made once. */
#ifndef TESD_DAEMON_ROW_BLOCK_H
#define TESD_DAEMON_ROW_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "daemon/inner_event.h"
#include "pulse/measured_pulse.h"

enum row_flag {
    ROW_GAP_BEFORE = 1,        /* as BLOCK_GAP_BEFORE */
    ROW_FROM_FILE = 2,         /* as BLOCK_FROM_FILE */
    ROW_NEW_EPOCH = 4,         /* as BLOCK_NEW_EPOCH */
    ROW_NO_RISE = 8,           /* its trigger sample shows no rise: taken by the auto trigger */
    ROW_OLD_EPOCH = 16         /* as BLOCK_OLD_EPOCH */
};

struct row_block {
    size_t n, capacity;        /* n == photons->n */
    struct photon_block *photons;
    struct measured_pulse *pulses;
    uint8_t *flags;            /* enum row_flag */
    size_t n_seconds, second_capacity;
    struct inner_event *seconds;   /* pulses inside records; row: of this block */
    uint64_t model_version;    /* of the model that made the energies; grows with each calibration taken over; 0: none */
    int64_t arrived_ns;        /* CLOCK_MONOTONIC when the first of its records came in */
    int64_t through_ns;        /* stamp of the newest record of those that came in together and whose rows have all been handed on with this block;
                                * INT64_MIN: none yet. Rows of one such batch stand by pixel, not by time */
};

bool row_block_new(size_t capacity, struct row_block **out);   /* false: no memory */
void row_block_free(struct row_block *b);
void row_block_clear(struct row_block *b);
/* Appends row i of `from` with its inner events. False, and nothing added, when there is no room. */
bool row_block_copy(struct row_block *to, const struct row_block *from, size_t i);
/* Appends rows from row first on, with their inner events, as many as there is room for; *second: the first inner event not yet passed over
 * (0 at first). How many rows. */
size_t row_block_append(struct row_block *to, const struct row_block *from, size_t first, size_t *second);

#endif
