#include "calib/yield_index.h"

static struct yield_cell holders(const struct yield_region *regions, uint32_t n, double lo_eV, double hi_eV) {
    struct yield_cell cell = { 0, 0 };
    for (uint32_t r = 0; r < n && r < YIELD_INDEXED; r++) {
        cell.may |= (uint64_t)(regions[r].lo_eV < hi_eV && regions[r].hi_eV > lo_eV) << r;
        cell.do_hold |= (uint64_t)(regions[r].lo_eV <= lo_eV && regions[r].hi_eV >= hi_eV) << r;
    }
    return cell;
}

/* Its kind, a new one where there is room; else kind 0, of which nothing is decided. */
static uint8_t kind_of(struct yield_index *x, struct yield_cell cell) {
    for (uint32_t k = x->n_kinds; k-- > 0;)   /* the last one nearly always */
        if (x->kinds[k].may == cell.may && x->kinds[k].do_hold == cell.do_hold)
            return (uint8_t)k;
    if (x->n_kinds == YIELD_KINDS)
        return 0;
    x->kinds[x->n_kinds] = cell;
    return (uint8_t)x->n_kinds++;
}

void yield_index_make(const struct yield_region *regions, uint32_t n, struct yield_index *out) {
    out->n_kinds = 1;
    out->kinds[0] = (struct yield_cell){ n < YIELD_INDEXED ? (UINT64_C(1) << n) - 1 : UINT64_MAX, 0 };
    for (uint32_t k = 0; k < YIELD_CELLS; k++)
        out->kind_of[k] = kind_of(out, holders(regions, n, k * (double)YIELD_CELL_EV, (k + 1) * (double)YIELD_CELL_EV));
    out->kind_of[YIELD_CELLS] = 0;
}
