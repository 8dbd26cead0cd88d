/* daemon/point_tally.h - the newest points, each with what came in its time: for counts that no map has, those of a calibration's points and all while nothing
 * is calibrated.   scan_events, rows --> records and energies of the newest points --> counts in a window
 * Photons of all grades count, by their time alone, as rows come. Bounded: so many points, so many energies each. One owner thread. */
#ifndef TESD_DAEMON_POINT_TALLY_H
#define TESD_DAEMON_POINT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "calib/yield_region.h"
#include "daemon/scan_event.h"

struct point_tally;   /* opaque */

bool point_tally_new(struct point_tally **out);   /* false: no memory */
void point_tally_free(struct point_tally *t);     /* NULL is fine */

void point_tally_event(struct point_tally *t, const struct scan_event *e);   /* starts of scans and calibrations, points; others do nothing */
/* used: bytes by pixel, of those whose photons count; NULL: all. */
void point_tally_rows(struct point_tally *t, const struct photon_block *rows, size_t n, const uint8_t *used);

struct tallied { uint64_t records; int64_t end_ns; size_t n; const float *energies_eV; bool complete; };   /* borrowed; not complete: energies were too many */
/* False: that point of that scan or calibration is not known any more, or has not ended. */
bool point_tally_find(const struct point_tally *t, int32_t number, int32_t point, struct tallied *out);
uint32_t point_tally_in(const struct tallied *p, const struct yield_region *region);   /* photons in [lo, hi) */

#endif
