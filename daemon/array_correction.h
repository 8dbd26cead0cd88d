/* daemon/array_correction.h - every channel's height correction, and what only the array as a whole can see of it.
 *   learnt channels + timeline --run--> their corrections: each channel's own estimate, the gain steps that the array finds (gain_step.h),
 *   what the channels have in common (correction_prior.h), and with that each channel's correction, checked on held-out pulses;
 *   then, where curves are known, all once more against the array's spectra (array_match.h). */
#ifndef TESD_DAEMON_ARRAY_CORRECTION_H
#define TESD_DAEMON_ARRAY_CORRECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_table.h"
#include "calib/scan_timeline.h"
#include "daemon/array_neighbours.h"
#include "daemon/stage/learnt_channel.h"

/* Curves of all channels for the heights of one calibration as they are corrected now, with its start and end: *out, NULL for none. False: no memory. */
typedef bool array_curves(void *context, struct calibration_table **out);

/* first, last: stamps of the first and the last record. workers 0: one per processor. curves: NULL, or asked once, when every channel has its own correction:
 * corrections are then learnt once more against the array's spectra (array_match.h). neighbours: NULL, or where to put the array's
 * neighbour mode (NULL there when no channel uses it): corrections are then learnt once more, on heights by neighbours, and each
 * channel's lines say which it gets. False: no memory. */
bool array_correction_run(struct learnt_channel *learnt, size_t n, const struct scan_timeline *timeline, int64_t first_ns, int64_t last_ns, unsigned workers,
                          array_curves *curves, void *context, struct array_neighbours **neighbours);

#endif
