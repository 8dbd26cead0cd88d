/* calib/fit_plan.h - what is fitted in every pixel of an array, and in which window: one plan for all pixels, so that all
 * have the same small biases. line_table + mono energy + resolution --> plan.
 *
 * Window of a line: +- max(1.33 x its total width, 2.4 x the array's resolution). At the 2.7 eV of the SSRL 10-1 array this
 * is C +-11, N +-9.7, O +-7.3, Fe Ni Cu +-6.5..7 eV, the windows measured to work there (doc/methods.md, Lines and
 * curves); other detectors get theirs by the same rule. Total width = intrinsic width of the table and resolution in quadrature,
 * or, where the table has no width, what the first round of fits found.
 * A neighbour of the same element whose window overlaps (Fe Lb beside Fe La), or the elastic line, is a companion in the model,
 * and the window then reaches 0.8 half-widths beyond it.
 *
 * First rounds: every line has a Gaussian of its own, but one with few counts has it held at that of a stronger one nearby. They tell what the
 * array's pixels have in common: how wide each line is by itself (fit_plan_separate). From then on a pixel has one Gaussian for all its
 * lines (shared_width.h); a free width makes weak lines unstable (doc/methods.md, Lines and curves). The elastic line keeps its own: it measures. */
#ifndef TESD_CALIB_FIT_PLAN_H
#define TESD_CALIB_FIT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/calibration_curve.h"
#include "calib/line_shape.h"
#include "calib/line_table.h"
#include "pulse/complaint.h"

enum { PLAN_MAX = CURVE_MAX_ANCHORS };

struct planned_line {
    struct reference_line line;
    struct line_shape shape;
    bool anchor;                 /* carries the curve; else compared only */
    bool elastic;
    double gauss_fwhm_eV;        /* start value of the free Gaussian */
    double fwhm_eV;              /* expected total width */
    double below_eV, above_eV;   /* window around the centre, both > 0 */
    double search_eV;            /* the maximum is looked for this far from where it is expected */
    bool has_companion;
    struct line_shape companion;
    double companion_offset_eV;
    int width_of;                /* first rounds: index of the line whose Gaussian is taken over; -1: own */
};

struct fit_plan {
    size_t n, n_anchors;         /* anchors come first, by energy; then check lines, then the elastic line */
    struct planned_line lines[PLAN_MAX];
    double resolution_eV;        /* FWHM of a typical pixel */
    double bin_eV;               /* of the fit histograms: a sixth of the resolution */
    double smooth_eV;            /* FWHM of the smoothing for peak searches */
    double scale;                /* energies of search windows and limits are meant for 1 keV: times this */
    double top_eV;               /* highest energy expected */
    bool shared;                 /* one Gaussian per pixel */
};

/* STATUS_NOT_FOUND: fewer than two anchors of the table are excited; STATUS_BAD_VALUE: more than CURVE_MAX_ANCHORS of them. */
enum status fit_plan_init(struct fit_plan *plan, const struct line_table *lines, double mono_eV, struct complaint *why);

/* After a round of fits: the array's typical resolution (NaN: keep) and per planned line the typical fitted total width and
 * counts (NaN: not measured). */
void fit_plan_refine(struct fit_plan *plan, double resolution_eV, const double *fwhm_eV, const double *counts);

/* Widths of the lines by themselves, eV (NaN: not known, then the line keeps a Gaussian of its own): from here on pixels have one Gaussian. */
void fit_plan_separate(struct fit_plan *plan, const double *own_fwhm_eV);

/* Once that is so: another width for one line. */
void fit_plan_set_own(struct fit_plan *plan, size_t line, double own_fwhm_eV);

/* All lines of all pixels have this tail. */
void fit_plan_set_tail(struct fit_plan *plan, struct line_tail tail);

#endif
