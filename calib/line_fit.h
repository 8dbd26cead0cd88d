/* calib/line_fit.h - Poisson maximum-likelihood fit of one line (and a companion at a fixed distance) on a flat background.
 *   histogram around the line + line_shape --line_fit--> centre, width, counts, with errors
 * Minimises the deviance 2 sum [m - n + n ln(n/m)] (Fowler, arXiv 1312.5622) by Levenberg-Marquardt with Fisher's information
 * H = J' diag(1/m) J; width, counts and background as logarithms, so they stay positive; covariance = inverse of H.
 * Least squares with observed or expected weights was rejected: it is biased by 6 % in width at 200 counts (tested). */
#ifndef TESD_CALIB_LINE_FIT_H
#define TESD_CALIB_LINE_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/line_shape.h"
#include "calib/spectrum.h"
#include "pulse/status.h"

enum { LINE_FIT_MAX_BINS = 512 };

struct line_fit_request {
    const struct spectrum *histogram;    /* eV; whole counts; at most LINE_FIT_MAX_BINS bins */
    const struct line_shape *shape;
    const struct line_shape *companion;  /* NULL: none; of the same Gaussian, at a free ratio */
    double companion_offset_eV;          /* above the line */
    double start_centre_eV;
    double start_fwhm_eV;                /* of the Gaussian; the fit stays within 1/4 and 4 times of it */
    bool fixed_fwhm;
};

struct line_fit {
    double centre_eV, centre_sigma_eV;
    double gauss_fwhm_eV, gauss_fwhm_sigma_eV;  /* sigma 0 when fixed */
    double counts, counts_sigma;                /* area of the line without its companion */
    double companion_counts;
    double background_per_eV;
    double covariance[3][3];                    /* of centre, Gaussian (0 when fixed), counts: eV, eV, counts */
    /* Where the Gaussian is fixed: what this line would like it to be, by the likelihood with all else at its best for each width (the
     * profile). For ln(fwhm): slope of the log likelihood and its information; and how centre and counts go along. */
    double width_slope, width_information;
    double centre_per_width, counts_per_width;  /* eV and counts per unit of ln(fwhm) */
    double deviance;
    double expected_deviance;                   /* of a true model: bins with few counts do not contribute 1 each */
    double dof;
    int iterations;
};

/* STATUS_TOO_FEW: fewer than 8 counts in the window or fewer bins than parameters. STATUS_NOT_CONVERGED: no minimum inside the
 * limits (centre inside the window). STATUS_BAD_VALUE: too many bins or widths that are not positive. */
enum status line_fit(const struct line_fit_request *request, struct line_fit *out);

#endif
