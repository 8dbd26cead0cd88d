/* daemon/rebuild_points.h - the point table of a scan in a NeXus file of ours (scan_NNNN) -> the scan it was: points, labels, columns of the
 * beamline's own. One thread (HDF5). */
#ifndef TESD_DAEMON_REBUILD_POINTS_H
#define TESD_DAEMON_REBUILD_POINTS_H

#include <stdint.h>

#include "calib/scan_timeline.h"
#include "daemon/h5_input.h"

/* s: with its number, else zeros; scan_done is needed after a failure too. At most `sure` points, which are whole in a file left open. Points that are
 * empty or overlap are a failure. */
void rebuild_points_read(struct h5_input *in, hid_t group, uint64_t sure, struct scan *s);

#endif
