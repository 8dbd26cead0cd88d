/* calib/spectrum_cells.h - numbers for the places of groups of like spectra (spectrum_group.h), each with photons enough for a spectrum of its own.
 *   every photon's group --count--> how many where;   --number--> cells, places with too few joined with those that follow them */
#ifndef TESD_CALIB_SPECTRUM_CELLS_H
#define TESD_CALIB_SPECTRUM_CELLS_H

#include <stddef.h>
#include <stdint.h>

#include "calib/spectrum_group.h"
#include "pulse/status.h"

enum { SPECTRUM_CELL_NONE = 0xffff };

struct spectrum_cells;   /* opaque */

enum status spectrum_cells_new(struct spectrum_cells **out);
void spectrum_cells_free(struct spectrum_cells *c);

void spectrum_cells_count(struct spectrum_cells *c, struct spectrum_group g);
/* Cells of at least `least` photons, and so many more that there are no more than about `most` (below SPECTRUM_CELL_NONE). A group with fewer is one cell. Returns how many. */
size_t spectrum_cells_number(struct spectrum_cells *c, uint64_t least, size_t most);
uint16_t spectrum_cells_of(const struct spectrum_cells *c, struct spectrum_group g);   /* SPECTRUM_CELL_NONE: in no group, or not counted */

#endif
