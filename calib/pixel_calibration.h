/* calib/pixel_calibration.h - one pixel on its way through the calibration of the array:
 *   heights --prepare--> smoothed spectrum --expect--> maxima --fit (rounds)--> lines --finish--> curve, leave-one-out, verdict
 * calibration_table drives all pixels through these steps side by side, because windows and limits are the array's. */
#ifndef TESD_CALIB_PIXEL_CALIBRATION_H
#define TESD_CALIB_PIXEL_CALIBRATION_H

#include "calib/calibration_table.h"
#include "calib/fit_plan.h"
#include "calib/height_step.h"
#include "calib/pixel_lines.h"
#include "calib/shared_width.h"

/* Fewer pulses than this give no calibration: with 150 one assignment in four was wrong (doc/methods.md, Lines and curves). */
enum { CALIBRATION_MIN_PULSES = 200 };

struct pixel_work {
    float *sorted;                   /* owned; positive finite heights, ascending */
    size_t n;
    struct spectrum *smooth;         /* owned; NULL: too few pulses or no spread */
    double smooth_fwhm;              /* height units */
    struct found_line found[PLAN_MAX];
    struct natural_spline rough;     /* gain through what is known so far */
    bool has_rough;
    struct height_step step;         /* lines moved: only the pulses from step.index on are in `sorted` */
    bool ambiguous;                  /* assignments that differ fit about equally well */
    enum assigned_by assigned_by;    /* with margin and choices: as in pixel_calibration */
    double margin;
    uint32_t n_choices;
    struct line_match choices[MATCH_KEPT];
    struct shared_width width;       /* the Gaussian of all lines, eV at the highest anchor; 0: not yet */
    double resolution_eV, resolution_sigma_eV;  /* of this round; NaN */
};

/* STATUS_TOO_FEW: not enough pulses, *w is still valid (and must be freed). */
enum status pixel_work_init(struct pixel_work *w, const struct calibration_heights *heights, const struct fit_plan *plan);
void pixel_work_done(struct pixel_work *w);

/* Smooths the spectrum anew for this slope, if it differs enough from the one it was smoothed for. */
enum status pixel_work_smooth(struct pixel_work *w, const struct fit_plan *plan, double eV_per_unit);

/* Picks the maxima near where the plan's anchors are expected (heights, NaN: unknown). True: the picks make a smooth gain and
 * are now the rough curve; one that does not fit in is dropped. */
bool pixel_work_expect(struct pixel_work *w, const struct fit_plan *plan, const double *expected);

/* After a round of fits: did the lines move within the calibration? Then *w begins anew with the pulses after that, without a rough
 * curve; true. */
bool pixel_work_cut_at_step(struct pixel_work *w, const struct fit_plan *plan, const struct calibration_heights *heights);

/* One round of fits: anchors on the rough curve, then a new rough curve, then check lines and elastic line on that. */
void pixel_work_fit(struct pixel_work *w, const struct fit_plan *plan);

/* Curve, fits, leave-one-out residuals and verdict from the last round, by the pixel's own merits; calibration_verdict judges it
 * against the others. */
enum status pixel_work_finish(struct pixel_work *w, const struct fit_plan *plan, struct pixel_calibration *out);

/* Additive jump against an earlier calibration of the pixel: fills jump and jumped of *now. */
void pixel_calibration_compare(struct pixel_calibration *now, const struct pixel_calibration *before, const struct fit_plan *plan);

#endif
