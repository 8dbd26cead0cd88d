/* calib/scan_repeat.h - whether one scan repeats another: same sample, motor, edge and number of points, set points within half a step.
 *   scan --scan_repeat_new--> its set points by energy and its edge --scan_repeat_of--> yes, or why not
 * Set points are compared in order of energy, k-th with k-th, so a scan downwards repeats one upwards. Pure. */
#ifndef TESD_CALIB_SCAN_REPEAT_H
#define TESD_CALIB_SCAN_REPEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "pulse/status.h"

struct set_point { double incident_eV; uint32_t row; };   /* row: of the scan */

struct scan_repeat {
    const struct scan *scan;        /* borrowed */
    struct set_point *set_points;   /* n_points, by energy; as they come when one is no energy */
    const char *edge;               /* symbol of the element, "scan" when the set points cross no edge */
};

enum status scan_repeat_new(const struct scan *scan, struct scan_repeat *out);
void scan_repeat_done(struct scan_repeat *r);

/* Order by sample, edge, motor, unit and number of points: 0 when all are the same. */
int scan_repeat_by_kind(const struct scan_repeat *a, const struct scan_repeat *b);
/* Each set point within half the local step of `first` of the one it is paired with. A motor that is no energy (NaN) repeats nothing. */
bool scan_repeat_meets(const struct scan_repeat *first, const struct scan_repeat *r);
/* Both at once. why: n bytes, says what differs when false; NULL: not wanted. */
bool scan_repeat_of(const struct scan_repeat *first, const struct scan_repeat *r, char *why, size_t n);

#endif
