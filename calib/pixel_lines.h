/* calib/pixel_lines.h - the planned lines in one pixel's heights: looked for near where they are expected, then fitted.
 * Heights are sorted once; every window is a slice of them. The caller owns all memory. */
#ifndef TESD_CALIB_PIXEL_LINES_H
#define TESD_CALIB_PIXEL_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/calibration_table.h"
#include "calib/fit_plan.h"
#include "calib/gain_spline.h"
#include "calib/shared_width.h"
#include "calib/spectrum.h"

struct pixel_heights {
    const float *sorted;             /* ascending, all > 0 and finite */
    size_t n;
    const struct spectrum *smooth;   /* counts per bin, smoothed by plan->smooth_eV */
    double smooth_fwhm;              /* of that, height units */
};

enum line_state {
    LINE_NOT_FOUND,   /* no significant maximum, or no significant area in the fit */
    LINE_UNCERTAIN,   /* centre not known well enough */
    LINE_MISFIT,      /* the model does not describe the counts */
    LINE_GOOD
};

struct found_line {
    enum line_state state;
    double start;            /* height of the smoothed maximum; NaN: none */
    double gauss_fwhm_eV;    /* of the fit's free Gaussian */
    double width_slope, width_information;  /* with a shared Gaussian: of line_fit, what this line would like it to be; else 0 */
    struct anchor_fit fit;   /* line, energies and what was fitted; residual_eV and used are left to the caller */
};

/* Highest maximum worth a fit within search_eV of the height `expected`; NaN if there is none. */
double pixel_lines_pick(const struct pixel_heights *pixel, const struct planned_line *line, double expected, double search_eV, double eV_per_unit);

/* Fits lines [from, to) of the plan at found[].start on the local slope of `rough`; lines that take their width over from
 * another come after it. Fills state and fit. */
void pixel_lines_fit(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, size_t from, size_t to,
                     struct found_line *found);

/* One Gaussian for all anchors of a plan whose lines have widths of their own (plan->shared). *width: in, where to start (0: the plan's
 * resolution); out, in eV at the highest anchor: elsewhere it goes with the slope, as noise does. Fills state and fit of the anchors. */
void pixel_lines_fit_shared(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, struct found_line *found,
                            struct shared_width *width);

/* Check lines with that Gaussian; the elastic line, and lines whose own width nobody knows, with one of their own. */
void pixel_lines_fit_checks(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, const struct shared_width *width,
                            struct found_line *found);

/* Counts in the window of line `index` around found->start on the local slope, 0 at start; the caller frees it. STATUS_NOT_FOUND: the line was
 * not looked for. */
enum status pixel_lines_window(const struct pixel_heights *pixel, const struct fit_plan *plan, const struct natural_spline *rough, size_t index,
                               const struct found_line *found, struct spectrum **out);

/* Gain spline through the starts (fitted = false) or the good fits of the plan's anchors. False: fewer than two points, or
 * no increasing curve. */
bool pixel_lines_spline(const struct fit_plan *plan, const struct found_line *found, bool fitted, struct natural_spline *out);

/* Root mean square residual in eV of a quadratic gain through the starts of the anchors; NaN for fewer than two. */
double pixel_lines_roughness(const struct fit_plan *plan, const struct found_line *found);

#endif
