/* calib/calibrant_pixel.h - one pixel of calibrant.h: its elastic lines, its states brought to one gain, its curve through them.
 *   states + pixel --calibrant_pixel_measure--> elastic and line heights --calibrant_pixel_energies--> energies of the lines */
#ifndef TESD_CALIB_CALIBRANT_PIXEL_H
#define TESD_CALIB_CALIBRANT_PIXEL_H

#include "calib/calibrant.h"

struct height_error { double height, sigma; };   /* units; NaN: not there */

struct calibrant_pixel {
    struct height_error elastic[CALIBRANT_MAX_STATES];
    struct height_error line[LINE_TABLE_MAX];    /* mean over states, by the seed table's index */
    uint32_t n_elastic;
    double scale_sigma[CALIBRANT_MAX_STATES];          /* relative: what is not known of each state's gain against the others */
};

/* usable[s]: the elastic line of state s stands clear of the lines. False: no curve to start from, or fewer than three elastic lines. */
bool calibrant_pixel_measure(const struct line_table *seed, const struct calibrant_state *states, size_t n_states, const bool *usable, uint32_t pixel,
                             struct calibrant_pixel *out);

struct calibrant_energy { double energy_eV, sigma_eV, common_eV; };   /* common: of the mono energies' errors; NaN: not measured */

/* Curve of the form through the elastic lines -> energies of the lines inside its trust (doc/nexus.md). False: fewer than three different energies, or no increasing curve.
 * elastic_rms_eV: elastic lines off the curve through the others; NULL: not asked, and NaN with fewer than 4. */
bool calibrant_pixel_energies(const struct calibrant_pixel *p, const struct calibrant_state *states, size_t n_states, size_t n_lines, double mono_unc_eV,
                              enum curve_form form, struct calibrant_energy *out, double *elastic_rms_eV);

#endif
