/* calib/table_fault.h - is one energy of the line table wrong? What lies off a smooth gain in all pixels alike is the table's fault
 * (or the mix's), not the pixels'.
 *   anchor heights of many pixels --> the one line whose removal makes the gain of all others smooth
 * Each line in turn is left out, a quadratic gain p/E is fitted to the others in every pixel, and the medians of the residuals over
 * the pixels are compared: pixels' own errors average out, the table's stay. A plain leave-one-out misleads, because a wrong line
 * pushes its neighbours' predictions too. */
#ifndef TESD_CALIB_TABLE_FAULT_H
#define TESD_CALIB_TABLE_FAULT_H

#include <stddef.h>

#include "pulse/status.h"

enum { TABLE_FAULT_FEWEST_LINES = 6 };  /* three are the gain's, one may be wrong, two must be left to tell */

struct table_fault {
    size_t line;         /* index of the suspect */
    double fault_eV;     /* tabulated less what the others say */
    double sigma_eV;     /* of that, from the spread over pixels */
    size_t other;        /* a second line that explains it about as well; = line: none */
};

/* height: n_pixels rows of n_lines heights, energies increasing. least_eV: smaller faults are not told.
 * STATUS_NOT_FOUND: no line stands out. STATUS_TOO_FEW: fewer lines than needed, or fewer than 3 pixels, or more than 24 lines. */
enum status table_fault_find(const double *height, size_t n_pixels, const double *energy_eV, size_t n_lines, double least_eV, struct table_fault *out);

#endif
