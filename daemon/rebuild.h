/* daemon/rebuild.h - NeXus files of ours -> one, with every product counted anew from the photon rows.
 *   photon rows, point tables, grade times, pixels, calibrations of each input --> products by the usual code --> archive
 * For files that a crash left open, files of scans, shards: inputs may hold different scans, or the same scan (number and start) for different
 * channels. Pixels are joined by channel number. A row that stands twice (pixel, time, frame) counts once, the later one. What the inputs
 * say is missing (process/gap_*) is time in which no pixel lived, so that yields stay right. Of an input left open by its writer what was
 * flushed is taken. Monitors and other products that need more than this are not made. */
#ifndef TESD_DAEMON_REBUILD_H
#define TESD_DAEMON_REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rebuild {
    size_t n_inputs;
    const char *const *inputs;
    const char *state;            /* of the file made: "recovered", "prelim", ... */
    const char *command_line;
};

/* out may be one of the inputs: it is replaced when all is written. False after logging; then out is as it was. One thread (HDF5). */
bool rebuild_file(const struct rebuild *r, const char *out);

#endif
