/* daemon/stage/analyse.h - record -> photon: the pixel's model gives height and cuts, its curve gives energy_eV and sigma.
 * Stateless between records; writes one row per record into a block that the caller owns. */
#ifndef TESD_DAEMON_STAGE_ANALYSE_H
#define TESD_DAEMON_STAGE_ANALYSE_H

#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_table.h"
#include "calib/photon_block.h"
#include "daemon/channel_record.h"
#include "pulse/pixel_model.h"

struct analyse_settings {
    uint32_t pixel;
    const struct pixel_model *model;             /* NULL: every row gets CUT_NO_MODEL */
    size_t n_tables;
    struct calibration_table *const *tables;     /* by start time; the one to use is the latest that started before the record */
};

/* What holds for the pixel at a time: of the latest calibration that started before it; where that one has no curve, of the one before
 * (stale); before the first calibration the first one. It has a curve. NULL: none. */
const struct pixel_calibration *analyse_calibration_at(const struct analyse_settings *s, int64_t time_ns);

/* Appends the row; the block has room. Scan, point and incident energy are left for bin. */
void analyse_record(const struct analyse_settings *s, const struct channel_record *record, struct photon_block *into);

#endif
