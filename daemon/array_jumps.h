/* daemon/array_jumps.h - when the pixels jumped that a later calibration finds jumped (calib/jump_time.h): from the photons of the scans in
 * between, against what the rest of the array saw. Two-sided: for products that are final. */
#ifndef TESD_DAEMON_ARRAY_JUMPS_H
#define TESD_DAEMON_ARRAY_JUMPS_H

#include <stdbool.h>

#include "calib/scan_timeline.h"
#include "daemon/array_model.h"
#include "daemon/stage/learnt_channel.h"

/* Sets before_until_ns of the tables' jumped pixels and says so in their reasons. learnt: one per channel of the model. False: no memory. */
bool array_jumps_find(const struct learnt_channel *learnt, const struct scan_timeline *timeline, struct array_model *m);

#endif
