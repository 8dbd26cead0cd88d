#include "calib/product_counter.h"

#include <assert.h>
#include <stdbool.h>

#include "pulse/cut.h"

enum { LANE_BITS = 8, LANES = 8, WORDS = YIELD_INDEXED / LANES };   /* a count per byte: a run is shorter than what that holds */

static uint32_t lane(uint64_t word, unsigned k) {
    return (uint32_t)(word >> LANE_BITS * k & 0xff);
}

/* Bit k of eight to byte k. */
static uint64_t spread(uint64_t bits) {
    uint64_t own = (bits & 0xff) * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    return (own + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
}

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

static void count_yields(const struct product_counter *c, const struct photon_block *b, size_t first, size_t n) {
    const struct scan_products *p = c->products;
    const uint32_t words = ((p->n_yields < YIELD_INDEXED ? p->n_yields : YIELD_INDEXED) + LANES - 1) / LANES;
    uint64_t lanes[WORDS] = { 0 }, seen = 0;
    for (size_t i = first; i < first + n; i++) {
        uint64_t held = regions_of(c, b, i);
        seen |= held;
        for (uint32_t w = 0; w < words; w++, held >>= LANES)
            lanes[w] += spread(held);
    }
    for (; seen != 0; seen &= seen - 1) {
        unsigned r = (unsigned)__builtin_ctzll(seen);
        p->yields[r]->counts[b->point[first]] += lane(lanes[r / LANES], r % LANES);
    }
    for (uint32_t r = YIELD_INDEXED; r < p->n_yields; r++)
        for (size_t i = first; i < first + n; i++)
            if (b->cuts[i] == 0)
                yield_spectrum_add(p->yields[r], b, i);
}

struct run_sums { uint32_t photons, high_photons, high_events; uint64_t events; };   /* events: a lane per grade */

static struct run_sums sum_run(const struct photon_block *b, size_t first, size_t n) {
    struct run_sums s = { 0 };
    for (size_t i = first; i < first + n; i++) {
        uint32_t photon = b->cuts[i] == 0, counts = (b->flags[i] & FLAG_LAST_OF_DEAD) == 0, high = counts & (b->grade[i] == GRADE_HIGH);
        uint32_t event = counts & ((b->cuts[i] & (CUT_BIT(CUT_SECONDARY) | CUT_BIT(CUT_VETO))) == 0);
        s.photons += photon;
        s.high_photons += photon & high;
        s.high_events += event & high;
        s.events += (uint64_t)event << LANE_BITS * b->grade[i];
    }
    return s;
}

static void count_in_point(struct product_counter *c, const struct run_sums *s, size_t point) {
    struct scan_products *p = c->products;
    size_t cell = (size_t)c->pixel * p->n_points + point;
    for (unsigned g = 0; g < N_GRADES && p->pixels_used[c->pixel]; g++)
        p->events[point * N_GRADES + g] += lane(s->events, g);
    p->photons[point] += s->photons;
    p->high_photons[cell] += s->high_photons;
    p->high_events[cell] += s->high_events;
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

void product_counter_add(struct product_counter *c, const struct photon_block *b, size_t first, size_t n, int32_t after) {
    struct scan_products *p = c->products;
    assert(n >= 1 && n <= PRODUCT_COUNTER_RUN && b->pixel[first] == c->pixel);
    struct run_sums s = sum_run(b, first, n);
    if (b->point[first] < 0) {
        assert(after >= 0 && (uint32_t)after < p->n_points);
        p->moving[after] += s.photons;
        return;
    }
    count_in_point(c, &s, (size_t)b->point[first]);
    if (s.photons == 0)
        return;
    count_in_maps(c, b, first, n);
    count_yields(c, b, first, n);
}
