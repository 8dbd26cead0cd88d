#include "calib/yield_index.h"

static struct yield_cell holders(const struct yield_region *regions, uint32_t n, double lo_eV, double hi_eV) {
    struct yield_cell cell = { 0, 0 };
    for (uint32_t r = 0; r < n && r < YIELD_INDEXED; r++) {
        cell.may |= (uint64_t)(regions[r].lo_eV < hi_eV && regions[r].hi_eV > lo_eV) << r;
        cell.do_hold |= (uint64_t)(regions[r].lo_eV <= lo_eV && regions[r].hi_eV >= hi_eV) << r;
    }
    return cell;
}

void yield_index_make(const struct yield_region *regions, uint32_t n, struct yield_index *out) {
    for (uint32_t k = 0; k < YIELD_CELLS; k++)
        out->cells[k] = holders(regions, n, k * (double)YIELD_CELL_EV, (k + 1) * (double)YIELD_CELL_EV);
    out->cells[YIELD_CELLS] = (struct yield_cell){ n < YIELD_INDEXED ? (UINT64_C(1) << n) - 1 : UINT64_MAX, 0 };
}
