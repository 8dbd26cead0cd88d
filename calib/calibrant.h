/* calib/calibrant.h - calibrates the calibrant: where the lines of the user's own mix lie, by elastic lines at several mono energies.
 *   states of one array (mono energy, heights, learnt table) --calibrant_find--> effective energies with errors
 *                                                            --calibrant_table--> text of a new line table
 * Per pixel: the elastic line of every state is fitted near where the pixel's best curve has it, states are brought to one gain by the
 * lines that several of them show (a drift between states is small: prior 5e-4), and one smooth gain (gain_fit.h, smoothing) goes
 * through the elastic lines alone. It gives the energy of each line of the mix. The array's value is the mean over pixels, those more than 4
 * robust sigma off left out. The seed table names the lines and gives their shapes and a first guess of where they are.
 * The error of an energy has three parts: statistics (the larger of what the pixels' errors and their scatter say), the curve (a
 * parabola through the same elastic lines instead: what the choice of a form is worth), and what is common to all pixels: the mono's scale and
 * what is not known of the drift between states. */
#ifndef TESD_CALIB_CALIBRANT_H
#define TESD_CALIB_CALIBRANT_H

#include <stdbool.h>

#include "calib/calibration_table.h"

struct calibrant_state {
    double mono_eV;
    const struct calibration_heights *heights;   /* n_pixels */
    const struct calibration_table *table;       /* learnt with the seed table; NULL: too few of its anchors are excited */
};

struct calibrant_line {
    char name[16];
    double seed_eV;
    bool measured;               /* else the rest is NaN, and note says why */
    double energy_eV, unc_eV;    /* unc: all three parts */
    double statistical_eV, curve_eV, mono_eV;
    uint32_t n_pixels;
    char note[80];
};

struct calibrant {
    size_t n_lines;
    struct calibrant_line *lines;      /* of the seed table, in its order */
    uint32_t n_states, n_pixels;       /* that had part in it */
    double low_eV, high_eV;            /* elastic lines used */
    double elastic_rms_eV;             /* of the elastic lines around the pixels' curves without each, median over pixels: how smooth the gains are */
};

enum { CALIBRANT_MAX_STATES = 24, CALIBRANT_LEAST_STATES = 3 };

/* mono_unc_eV: of each mono energy, >= 0. STATUS_TOO_FEW with *why: fewer than three states with an elastic line that stands clear of the
 * lines, or no pixel has a curve to start from. STATUS_BAD_VALUE: more states than CALIBRANT_MAX_STATES. */
enum status calibrant_find(const struct line_table *seed, const struct calibrant_state *states, size_t n_states, uint32_t n_pixels, double mono_unc_eV,
                           struct calibrant **out, struct complaint *why);
void calibrant_free(struct calibrant *c);

/* The seed table with the energies that were measured, components moved with them; lines that were not measured are kept for comparison
 * (check) and say so. `made_by`: a comment for the head, without line breaks. A new text, free() it; NULL: no memory. */
char *calibrant_table(const struct calibrant *c, const struct line_table *seed, const char *made_by);

#endif
