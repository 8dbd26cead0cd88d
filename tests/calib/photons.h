/* tests/calib/photons.h - blocks of random photons for the tests of what is counted from them. */
#ifndef TESD_TESTS_CALIB_PHOTONS_H
#define TESD_TESTS_CALIB_PHOTONS_H

#include <math.h>

#include "calib/photon_block.h"
#include "tests/dice.h"

struct photon_range { uint32_t n_points, n_pixels; double lo_eV, hi_eV, bin_eV; };

/* Energies over the range and a little beyond; a third of them on or next to a bin edge; some NaN or infinite. */
static inline float random_energy(struct dice *d, const struct photon_range *r) {
    double width = r->hi_eV - r->lo_eV;
    switch (dice_below(d, 12)) {
    case 0:
        return NAN;
    case 1:
        return dice_below(d, 2) ? INFINITY : -INFINITY;
    case 2:
    case 3:
    case 4:
    case 5: {
        float edge = (float)(r->lo_eV + r->bin_eV * (double)dice_below(d, (int64_t)(width / r->bin_eV) + 2));
        int64_t step = dice_below(d, 3);
        return step == 0 ? edge : nextafterf(edge, step == 1 ? INFINITY : -INFINITY);
    }
    default:
        return (float)(r->lo_eV + width * (1.1 * dice_unit(d) - 0.05));
    }
}

static inline void fill_photons(struct dice *d, const struct photon_range *r, struct photon_block *b) {
    for (b->n = 0; b->n < b->capacity; b->n++) {
        size_t i = b->n;
        b->cuts[i] = dice_below(d, 8) == 0 ? 1u << dice_below(d, 5) : 0;
        b->pixel[i] = (uint16_t)dice_below(d, r->n_pixels);
        b->point[i] = (int32_t)dice_below(d, (int64_t)r->n_points + 1) - 1;
        b->grade[i] = (uint8_t)dice_below(d, N_GRADES);
        b->flags[i] = (uint8_t)((dice_below(d, 6) ? dice_below(d, 2) : 2) | (dice_below(d, 20) == 0 ? FLAG_LAST_OF_DEAD : 0));
        b->energy_eV[i] = random_energy(d, r);
        b->incident_eV[i] = (float)(r->hi_eV - 10 * dice_unit(d));
    }
}

#endif
