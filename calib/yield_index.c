#include "calib/yield_index.h"

void yield_index_make(const struct yield_region *regions, uint32_t n, struct yield_index *out) {
    *out = (struct yield_index){ 0 };
    for (uint32_t r = 0; r < n && r < YIELD_INDEXED; r++) {
        for (uint32_t k = 0; k < YIELD_CELLS; k++)
            if (regions[r].lo_eV < (k + 1) * (double)YIELD_CELL_EV && regions[r].hi_eV > k * (double)YIELD_CELL_EV)
                out->candidates[k] |= UINT64_C(1) << r;
        out->candidates[YIELD_CELLS] |= UINT64_C(1) << r;
    }
}
