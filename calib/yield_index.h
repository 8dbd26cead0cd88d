/* calib/yield_index.h - which of many regions hold an energy, found without asking each.
 *   regions --make--> by energy, bits of those that may hold it and of those that do;   energy --> bits
 * Cells are as fine as regions are usually given, so that as a rule the two are the same; where they are not, the regions decide. Plain and copied
 * freely. */
#ifndef TESD_CALIB_YIELD_INDEX_H
#define TESD_CALIB_YIELD_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "calib/yield_region.h"

enum { YIELD_CELLS = 2048, YIELD_CELL_EV = 1, YIELD_INDEXED = 64 };   /* regions from YIELD_INDEXED on are in no index */

struct yield_cell { uint64_t may, do_hold; };   /* bit r: of region r; do_hold: all energies of the cell */
/* Few cells differ, and an index that is small stays in the nearest cache. The last cell: energies outside of the cells, or NaN. */
enum { YIELD_KINDS = 256 };
struct yield_index { uint8_t kind_of[YIELD_CELLS + 1]; uint32_t n_kinds; struct yield_cell kinds[YIELD_KINDS]; };

void yield_index_make(const struct yield_region *regions, uint32_t n, struct yield_index *out);

static inline const struct yield_cell *yield_index_at(const struct yield_index *x, double energy_eV) {
    size_t cell = energy_eV >= 0 && energy_eV < YIELD_CELLS * YIELD_CELL_EV ? (size_t)(energy_eV / YIELD_CELL_EV) : YIELD_CELLS;
    return &x->kinds[x->kind_of[cell]];
}

#endif
