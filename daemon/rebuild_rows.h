/* daemon/rebuild_rows.h - photon rows of many files in the order of a file of ours: by pixel, in time, each record once.
 * Rows lie in scratch memory (scratch.h), so that their number is bounded by the disk. One owner. */
#ifndef TESD_DAEMON_REBUILD_ROWS_H
#define TESD_DAEMON_REBUILD_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "daemon/scratch.h"

struct rebuild_rows {
    struct scratch scratch;
    struct scratch_piece room, order_room;
    struct photon_block *all;      /* as they came */
    uint64_t *order;               /* of those that count */
    size_t n;                      /* in order */
    uint64_t duplicates;
    uint64_t first_duplicate;      /* a row of them */
};

/* folder: where scratch files may lie; borrowed. False: no room. */
bool rebuild_rows_new(struct rebuild_rows *r, const char *folder, size_t capacity);
bool rebuild_rows_sort(struct rebuild_rows *r, size_t n_pixels);   /* after all rows stand in r->all, pixels below n_pixels */
void rebuild_rows_done(struct rebuild_rows *r);

#endif
