/* daemon/calibration_join.h - calibration_NNNN groups of several files of ours -> those of one file that holds all their pixels.
 *   inputs' groups + where each input's pixels stand in the new file --calibration_join--> groups with a row for each pixel of the new file
 * A calibration is known by its start. Shards of one array each hold rows of their own pixels: they are put together. Where two inputs
 * hold the same pixel of the same calibration, the rows must be the same bytes: other curves mean other energies, which do not add.
 * Two calibrations of different times under one number: the later one gets a number of its own. One thread (HDF5). */
#ifndef TESD_DAEMON_CALIBRATION_JOIN_H
#define TESD_DAEMON_CALIBRATION_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/rebuild_input.h"
#include "daemon/sink/archive.h"

struct calibration_join {
    struct rebuild_input *inputs;
    size_t n_inputs, n_pixels;         /* n_pixels: of the new file */
    uint16_t *const *pixel_of;         /* input, its pixel -> the new file's */
    const uint32_t *channels;          /* of the new file's pixels, for messages */
    bool strict;                       /* false: of two rows for one pixel the first is taken */
};

bool calibration_join(const struct calibration_join *j, struct archive *a);   /* false after logging */

#endif
