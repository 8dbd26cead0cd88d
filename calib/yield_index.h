/* calib/yield_index.h - which of many regions may hold an energy, found without asking each.
 *   regions --make--> candidates by energy;   energy --> bits of the regions that may hold it
 * Plain and copied freely; the regions themselves decide. */
#ifndef TESD_CALIB_YIELD_INDEX_H
#define TESD_CALIB_YIELD_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "calib/yield_region.h"

enum { YIELD_CELLS = 256, YIELD_CELL_EV = 8, YIELD_INDEXED = 64 };   /* regions from YIELD_INDEXED on are in no index */

struct yield_index { uint64_t candidates[YIELD_CELLS + 1]; };   /* the last cell: energies outside of the cells, or NaN */

void yield_index_make(const struct yield_region *regions, uint32_t n, struct yield_index *out);

/* Bit r: region r may hold the energy; not set: it does not. */
static inline uint64_t yield_index_at(const struct yield_index *x, double energy_eV) {
    size_t cell = energy_eV >= 0 && energy_eV < YIELD_CELLS * YIELD_CELL_EV ? (size_t)(energy_eV / YIELD_CELL_EV) : YIELD_CELLS;
    return x->candidates[cell];
}

#endif
