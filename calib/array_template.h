/* calib/array_template.h - the spectrum of the typical pixel, in the height units of one of them, and where its lines are.
 *   smoothed spectra of all pixels --array_template_new--> template --stretch--> lines expected in a pixel
 * Every pixel is stretched (spectrum_stretch.h) onto a first reference, then onto the median density of those that fit best, in which no
 * single pixel's noise or fault is left: 300 pulses of a pixel are compared with those of the whole array. The lines are assigned
 * once, in the template, by the combinatoric test. Pixels whose own peaks are clear vote on it: a template that most of them
 * contradict is ambiguous; and where the template by itself is not clear, their agreement assigns it (doc/methods.md, Lines and curves). */
#ifndef TESD_CALIB_ARRAY_TEMPLATE_H
#define TESD_CALIB_ARRAY_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/fit_plan.h"
#include "calib/pixel_calibration.h"
#include "calib/spectrum_match.h"
#include "calib/spectrum_stretch.h"

struct array_template {
    uint32_t pixel;                      /* whose units it has */
    uint32_t n_pixels;                   /* that the median was taken over */
    struct spectrum *density;            /* counts per bin of all of them together, smoothed; owned */
    double smooth_fwhm;                  /* of the smoothing, height units */
    struct stretch_reference *stretch;   /* owned */
    bool assigned;                       /* the lines are known; else it is ambiguous, or none were found */
    bool ambiguous;
    double height[PLAN_MAX];             /* of the plan's anchors; NaN unless assigned */
    struct spectrum_match match;         /* its own peaks; n_choices 0: none found */
    uint32_t votes, votes_against;       /* pixels with clear peaks of their own that were asked */
};

/* STATUS_TOO_FEW: no pixel has pulses enough. A template whose lines are not known is delivered with STATUS_OK. */
enum status array_template_new(const struct pixel_work *works, uint32_t n_pixels, const struct fit_plan *plan, struct array_template **out);
void array_template_free(struct array_template *t);

#endif
