/* calib/gain_match.h - coefficients that bring one pixel's photons to where the array's spectra have them.
 *   energy_i = energy_eV[i] + sum over k of coefficient[k] slope[i][k];   the sum of log f_cell(energy_i) is climbed, f the array's (array_spectra.h)
 * With f known the score is F' psi and the information F' w F (w: psi^2 smoothed once more, as in pulse/sharpening.h), so a few Newton steps settle it.
 * Unlike sharpening a pixel by itself this compares the pixel with the others in every cell: cells that no time of the pixel has in
 * common tell of each other, and what a thousand photons cannot say of their own density does not matter. What must not be learnt (a smooth
 * error of the pixel's curve, a drift) is given as further columns, and its coefficients are forgotten. Pure; the caller owns memory. */
#ifndef TESD_CALIB_GAIN_MATCH_H
#define TESD_CALIB_GAIN_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "calib/array_spectra.h"
#include "pulse/status.h"

enum { GAIN_MATCH_TERMS_MAX = 13 };

struct gain_match_points {
    size_t n;
    unsigned n_terms;        /* 1..GAIN_MATCH_TERMS_MAX */
    double *energy_eV;       /* n, with all coefficients 0 */
    double *slope;           /* n x n_terms, eV per unit of the coefficient; a column of zeros keeps its coefficient */
    uint16_t *cell;          /* n */
};

double gain_match_energy(const struct gain_match_points *p, const double *coefficients, size_t i);

/* From *coefficients, in place. STATUS_NOT_POSITIVE: the photons do not tell; the coefficients are as they were. */
enum status gain_match_climb(const struct array_spectra *s, const struct gain_match_points *p, double *coefficients);

/* n_terms x n_terms: J^-1 (F' psi^2 F) J^-1, J = F' w F. */
enum status gain_match_covariance(const struct array_spectra *s, const struct gain_match_points *p, const double *coefficients, double *covariance);

#endif
