/* calib/shared_width.h - one Gaussian for all lines of a pixel: its resolution, which no line may choose for itself.
 *   windows with the lines' own profiles --shared_width_fit--> one width, and each line's fit with it
 * The likelihoods of all windows are maximised together: for a given width the windows are independent fits, and each tells the slope
 * and the information its profile likelihood has for the logarithm of the width (line_fit.h); Newton on their sums, a few steps. Strong
 * narrow lines decide, broad bands and weak lines follow; a free width per line makes weak lines unstable (doc/methods.md, Lines and curves). */
#ifndef TESD_CALIB_SHARED_WIDTH_H
#define TESD_CALIB_SHARED_WIDTH_H

#include <stddef.h>

#include "calib/line_fit.h"

struct shared_line {
    struct line_fit_request request;  /* start_fwhm_eV and fixed_fwhm are set here */
    double scale;                     /* the line's Gaussian is this times the shared one: units per eV differ along a curve */
    enum status status;               /* result: of line_fit */
    struct line_fit fit;              /* result, with the error of the shared width in all errors; valid where status is STATUS_OK */
};

struct shared_width {
    double fwhm_eV, sigma_eV;
};

/* start_fwhm_eV > 0: also what is taken, with sigma 0, when the lines do not know the width to a third. The width stays within a factor
 * four of it. STATUS_TOO_FEW: no line could be fitted. */
enum status shared_width_fit(struct shared_line *lines, size_t n, double start_fwhm_eV, struct shared_width *out);

#endif
