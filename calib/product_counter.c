#include "calib/product_counter.h"

#include <assert.h>
#include <stdbool.h>

#include "pulse/cut.h"

void product_counter_init(struct product_counter *c) {
    c->products = NULL;
    c->pixel = 0;
    c->n_pending = 0;
}

void product_counter_begin(struct product_counter *c, struct scan_products *products, uint32_t pixel) {
    if (c->products == products && c->pixel == pixel)
        return;
    c->products = products;
    c->pixel = pixel;
    for (unsigned g = 0; g < N_GRADES; g++)
        c->regions[g] = 0;
    for (uint32_t r = 0; r < products->n_yields && r < YIELD_INDEXED; r++)
        for (unsigned g = 0; g < N_GRADES; g++)
            if (products->yields[r]->pixels_used[pixel])
                c->regions[g] |= (uint64_t)(products->yields[r]->grades_used >> g & 1) << r;
}

void product_counter_flush(struct product_counter *c) {
    for (size_t k = 0; k < c->n_pending; k++)
        ++*c->pending[k];
    c->n_pending = 0;
}

/* Of the regions that may hold an energy, those that do. */
static uint64_t decide(const struct scan_products *p, uint64_t may, double energy_eV) {
    uint64_t held = 0;
    for (; may != 0; may &= may - 1) {
        unsigned r = (unsigned)__builtin_ctzll(may);
        held |= (uint64_t)(energy_eV >= p->yields[r]->region.lo_eV && energy_eV < p->yields[r]->region.hi_eV) << r;
    }
    return held;
}

/* Bit r: the row counts in region r. */
static inline uint64_t regions_of(const struct product_counter *c, const struct photon_block *b, size_t i) {
    const struct yield_cell *cell = yield_index_at(&c->products->yield_index, (double)b->energy_eV[i]);
    uint64_t held = cell->do_hold;
    if (cell->may != held)
        held |= decide(c->products, cell->may & ~held, (double)b->energy_eV[i]);
    bool counts = b->cuts[i] == 0 && (b->flags[i] & TRUST_MASK) < TRUST_BEYOND && (b->flags[i] & FLAG_LAST_OF_DEAD) == 0;
    return counts ? held & c->regions[b->grade[i]] : 0;
}

static void count_further_yields(const struct scan_products *p, const struct photon_block *b, size_t first, size_t n) {
    for (uint32_t r = YIELD_INDEXED; r < p->n_yields; r++)
        for (size_t i = first; i < first + n; i++)
            if (b->cuts[i] == 0 && b->point[i] >= 0)
                yield_spectrum_add(p->yields[r], b, i);
}

/* A photon is in few of many regions. */
static void count_yields(const struct product_counter *c, const struct photon_block *b, size_t first, size_t n) {
    const struct scan_products *p = c->products;
    for (size_t i = first; i < first + n; i++)
        for (uint64_t held = b->point[i] >= 0 ? regions_of(c, b, i) : 0; held != 0; held &= held - 1)
            p->yields[__builtin_ctzll(held)]->counts[b->point[i]]++;
    count_further_yields(p, b, first, n);
}

/* As scan_products_add does, row by row: a few rows are in one point, too few for sums of their own. */
static void count_in_points(const struct product_counter *c, const struct photon_block *b, size_t first, size_t n) {
    const struct scan_products *p = c->products;
    const size_t cells = (size_t)c->pixel * p->n_points;
    const uint32_t used = p->pixels_used[c->pixel] != 0;
    for (size_t i = first; i < first + n; i++) {
        const uint32_t in_point = b->point[i] >= 0, photon = in_point & (b->cuts[i] == 0), counts = in_point & ((b->flags[i] & FLAG_LAST_OF_DEAD) == 0);
        const uint32_t high = counts & (b->grade[i] == GRADE_HIGH);
        const size_t point = in_point ? (size_t)b->point[i] : 0;
        const uint32_t event = counts & ((b->cuts[i] & (CUT_BIT(CUT_SECONDARY) | CUT_BIT(CUT_VETO))) == 0);
        p->photons[point] += photon;
        p->events[point * N_GRADES + b->grade[i]] += event & used;
        p->high_photons[cells + point] += photon & high;
        p->high_events[cells + point] += event & high;
    }
}

static void fetch(uint32_t *const *counters, size_t n) {
    for (size_t k = 0; k < n; k++)
        __builtin_prefetch(counters[k], 1);
}

static void count_in_maps(struct product_counter *c, const struct photon_block *b, size_t first, size_t n) {
    if (c->n_pending + 2 * n > PRODUCT_COUNTER_ROOM)
        product_counter_flush(c);
    uint32_t **to = c->pending + c->n_pending;
    size_t found = rixs_map_counters(c->products->emission, b, first, n, to);
    found += rixs_map_counters(c->products->loss, b, first, n, to + found);
    fetch(to, found);
    c->n_pending += found;
}

void product_counter_add(struct product_counter *c, const struct photon_block *b, size_t first, size_t n) {
    for (size_t end = first + n; first < end; first += n) {
        n = end - first < RIXS_MAP_PIECE ? end - first : RIXS_MAP_PIECE;
        assert(b->pixel[first] == c->pixel);
        count_in_points(c, b, first, n);
        count_in_maps(c, b, first, n);
        count_yields(c, b, first, n);
    }
}
