/* calib/spectrum_group.h - which stretches of time hold like spectra of a pixel, so that corrections can compare like with like.
 *   scan_timeline --new--> spectrum_groups;   time --at--> group of the same sample and energies, and a coarser one of the same energies
 * Calibrations of one sample and excitation energy are alike; scans of one sample over the same incident energies are alike, and
 * coarsely alike whatever the sample. Without any scan, what lies behind the same calibration is alike; without calibrations, all is.
 * Anything else (pauses, unnamed states) is in no group.
 * The spectra of a scan change with the incident energy: its place is the number of that among the energies of all scans, sorted, so that a
 * point has the same number in every repeat, whichever way a scan goes and however long its steps are. Energies within 0.05 eV of each other
 * are one (as motors say them; a line moves by a twentieth of its width). Of more than SPECTRUM_PLACES_MAX, neighbours share a number.
 * Immutable once made. */
#ifndef TESD_CALIB_SPECTRUM_GROUP_H
#define TESD_CALIB_SPECTRUM_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "pulse/status.h"

enum { SPECTRUM_GROUP_NONE = 0xffff, SPECTRUM_PLACES_MAX = 4096 };
struct spectrum_group {
    uint16_t like, coarse;
    uint16_t place;           /* 1..SPECTRUM_PLACES_MAX: of the incident energy (of the point before, when moving); 0: none */
};

struct spectrum_groups;  /* opaque */
/* Borrows the timeline. */
enum status spectrum_groups_new(const struct scan_timeline *t, struct spectrum_groups **out);
void spectrum_groups_free(struct spectrum_groups *g);

struct spectrum_group spectrum_groups_at(const struct spectrum_groups *g, int64_t time_ns);

#endif
