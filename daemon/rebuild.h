/* daemon/rebuild.h - NeXus files of ours -> one, with every product counted anew from the photon rows.
 *   photon rows, point tables, grade times, pixels, calibrations of each input --> products by the usual code --> archive
 * For files that a crash left open, files of scans, shards: inputs may hold different scans, or the same scan (number and start) for different
 * channels. Pixels are joined by channel number. A row that stands twice (pixel, time, frame) counts once, the later one. What the inputs
 * say is missing (process/gap_*) is time in which no pixel lived, so that yields stay right. Of an input left open by its writer what was
 * flushed is taken. Monitors and other products that need more than this are not made.
 * Merging asks for more: what must not be summed is refused (merge_check.h), sensitivities are fitted anew to all scans together, as replay
 * of all the records would, and a photon that stands in two inputs is an error. Then the same records give the same datasets as one replay. */
#ifndef TESD_DAEMON_REBUILD_H
#define TESD_DAEMON_REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/pixel_choice.h"
#include "daemon/sink/archive.h"

/* What is counted otherwise than the inputs did. */
struct rebuild_choice {
    bool emission_given, loss_given;
    struct energy_axis emission, loss;
    uint32_t n_regions;           /* 0: the windows of the inputs */
    const struct yield_region *regions;
    struct pixel_choice pixels;   /* of those that a scan used */
    struct cut_list cuts;   /* XES, CEE and CET beside those that are always made */
};

struct rebuild {
    size_t n_inputs;
    const char *const *inputs;
    const char *state;            /* of the file made: "recovered", "prelim", ...; NULL: that of the inputs, "prelim" when they differ */
    const char *command_line;
    bool merging, apart;          /* apart: scans that repeat nothing of the other inputs may stand beside them */
    const struct rebuild_choice *choice;   /* NULL: none */
};

/* out may be one of the inputs: it is replaced when all is written. False after logging; then out is as it was. One thread (HDF5). */
bool rebuild_file(const struct rebuild *r, const char *out);

#endif
