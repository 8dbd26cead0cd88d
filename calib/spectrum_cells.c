#include "calib/spectrum_cells.h"

#include <stdbool.h>
#include <stdlib.h>

enum { GROUPS = 32, PLACES = SPECTRUM_PLACES_MAX + 1 };

struct spectrum_cells {
    uint32_t photons[GROUPS][PLACES];
    uint16_t cell[GROUPS][PLACES];
};

enum status spectrum_cells_new(struct spectrum_cells **out) {
    *out = calloc(1, sizeof **out);
    return *out != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void spectrum_cells_free(struct spectrum_cells *c) {
    free(c);
}

void spectrum_cells_count(struct spectrum_cells *c, struct spectrum_group g) {
    if (g.like < GROUPS && g.place < PLACES)
        c->photons[g.like][g.place]++;
}

static uint64_t photons_of(const struct spectrum_cells *c, size_t group) {
    uint64_t sum = 0;
    for (size_t k = 0; k < PLACES; k++)
        sum += c->photons[group][k];
    return sum;
}

/* One group's, numbered from `first` on; what is left at its end belongs to its last cell. */
static size_t number_group(struct spectrum_cells *c, size_t group, uint64_t least, size_t first) {
    uint64_t left = photons_of(c, group), held = 0;
    const bool any = left > 0;
    size_t n = 0;
    for (size_t k = 0; k < PLACES; k++) {
        c->cell[group][k] = (uint16_t)(first + n);
        held += c->photons[group][k];
        left -= c->photons[group][k];
        if (held >= least && left >= least) {
            n++;
            held = 0;
        }
    }
    return any ? n + 1 : 0;
}

size_t spectrum_cells_number(struct spectrum_cells *c, uint64_t least, size_t most) {
    uint64_t all = 0;
    size_t n = 0;
    for (size_t group = 0; group < GROUPS; group++)
        all += photons_of(c, group);
    if (least < all / most + 1)
        least = all / most + 1;
    for (size_t group = 0; group < GROUPS; group++)
        n += number_group(c, group, least, n);
    return n;
}

uint16_t spectrum_cells_of(const struct spectrum_cells *c, struct spectrum_group g) {
    if (g.like >= GROUPS || g.place >= PLACES || c->photons[g.like][g.place] == 0)
        return SPECTRUM_CELL_NONE;
    return c->cell[g.like][g.place];
}
