/* calib/scan_join.h - logs and states of one beamtime -> the scans of a timeline, in order and numbered.
 * The inner part of scan_timeline_finish; its rules stand there. The result does not depend on the order of the input. */
#ifndef TESD_CALIB_SCAN_JOIN_H
#define TESD_CALIB_SCAN_JOIN_H

#include "calib/scan_timeline.h"

/* *scans: malloc'ed array of *n settled scans (points in order, start < end), replaced by a new one of those that are left. On
 * failure the array stays the caller's, some of its labels and intervals joined. */
enum status scan_join(struct scan **scans, size_t *n, struct complaint *why);

#endif
