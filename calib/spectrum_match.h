/* calib/spectrum_match.h - which peaks of a smoothed spectrum are the plan's anchors, without any earlier knowledge.
 *   smoothed spectrum --peaks, pruned--> line_match --> heights of all anchors, score, margin, and the two that came next
 * The independent test of doc/methods.md, Lines and curves: for the array's template, and as a veto for each pixel. */
#ifndef TESD_CALIB_SPECTRUM_MATCH_H
#define TESD_CALIB_SPECTRUM_MATCH_H

#include "calib/fit_plan.h"
#include "calib/line_match.h"
#include "calib/spectrum.h"

struct spectrum_match {
    double height[PLAN_MAX];     /* of the plan's anchors; those not matched by the gain of the others */
    double score, margin;        /* of the best; margin INFINITY when there is no second */
    struct line_match choices[MATCH_KEPT];  /* best first; line[] counts the plan's anchors */
    size_t n_choices;
};

/* smooth_fwhm: of the smoothing, units of the spectrum's axis. STATUS_NOT_FOUND: no assignment makes sense; *out is untouched. */
enum status spectrum_match_find(const struct spectrum *smooth, double smooth_fwhm, const struct fit_plan *plan, struct spectrum_match *out);

#endif
