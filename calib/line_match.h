/* calib/line_match.h - which peak is which line, without any earlier knowledge: every order-preserving choice of peaks is
 * scored and the best is told with its margin to the second best (doc/methods.md, Lines and curves).
 *   S = -1/2 sum (r_i / s_i)^2 + sum log(prominence_i / highest) - penalties
 * with r_i the residual of a quadratic gain p/E fit in eV. Hard constraints: gain positive and falling with height by less
 * than half from the lowest to the highest line, energy increasing and no pole up to 1.2 x the highest line.
 * A prominent peak that is left over costs 1 + log(prominence / weakest assigned), unless a line that is known but no anchor
 * (check line, elastic) explains it. What fits with one line left out, and gives another a different peak, counts for the margin, a peak near the line
 * left out then being that line with a wrong energy in the table. */
#ifndef TESD_CALIB_LINE_MATCH_H
#define TESD_CALIB_LINE_MATCH_H

#include <stddef.h>

#include "calib/peak_find.h"
#include "pulse/status.h"

/* At most C(14, 7) = 3432 choices, and 8 x as many with one line missing: bounded time whatever the table says. */
enum { MATCH_MAX_PEAKS = 14, MATCH_MAX_LINES = 8 };

/* Score differences below this are ambiguous (doc/methods.md, Lines and curves). */
#define MATCH_CLEAR_MARGIN 5.0

struct match_line {
    double energy_eV, unc_eV;
};

struct match_lines {
    const struct match_line *anchors;  /* increasing energy; more than MATCH_MAX_LINES: that many are picked evenly */
    size_t n_anchors;
    const double *explained_eV;        /* other lines that may be there, any order */
    size_t n_explained;
    double top_eV;                     /* highest energy expected; sets the scale of the model error */
};

struct line_match {
    size_t n;                         /* lines matched */
    size_t line[MATCH_MAX_LINES];     /* index into anchors, increasing */
    double height[MATCH_MAX_LINES];
    double score, margin;             /* margin: score minus the second best's; INFINITY when there is no second */
    double rms_eV;                    /* of the quadratic gain's residuals */
};

/* Peaks in any order. First all lines must be there; if that leaves no acceptable choice and there are at least five lines,
 * one may be missing; also where the best complete choice strains to fit and one with a line missing scores better by MATCH_CLEAR_MARGIN (the
 * line is not in the sample, or its energy in the table is wrong). STATUS_NOT_FOUND: no choice meets the constraints. A small margin is a result, not an error. */
enum status line_match_find(const struct peak *peaks, size_t n_peaks, const struct match_lines *lines, struct line_match *out);

/* The same with what came next, best first, for an operator to see: at most MATCH_KEPT, *n of them; the margin of each is against the
 * next. All have the same number of lines, or one line missing each. */
enum { MATCH_KEPT = 3 };
enum status line_match_choices(const struct peak *peaks, size_t n_peaks, const struct match_lines *lines, struct line_match out[MATCH_KEPT], size_t *n);

/* Drops, of any two peaks closer than `relative` in height, the less prominent; keeps at most max, most prominent first. */
size_t line_match_prune(struct peak *peaks, size_t n, double relative, size_t max);

/* Gain p/E = c[0] + c[1] p + c[2] p^2 by weighted least squares (a straight line for 3 points, a constant ratio line for 2);
 * residuals p/g(p) - E in eV, root mean square returned, NaN if the fit fails. */
double line_match_gain_fit(const double *height, const double *energy_eV, const double *sigma_eV, size_t n, double gain[3], double *residual_eV);

#endif
