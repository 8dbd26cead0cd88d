/* calib/assignment.h - which line is where in every pixel of an array, before anything is fitted (doc/methods.md, Lines and curves).
 *   spectra of all pixels --> template --stretch--> expected heights --> maxima = first rough curve of each pixel
 * In this order: the array's template, stretched; the pixel's own peaks, matched without it, may veto (clearly something else) or, where
 * the stretch leaves two places, decide; else the lines of the pixel's previous curve, looked for in the new spectrum; else nothing.
 * "Ambiguous" is a result: the pixel then has no curve, and the choices are kept for an operator to see. */
#ifndef TESD_CALIB_ASSIGNMENT_H
#define TESD_CALIB_ASSIGNMENT_H

#include <stdint.h>

#include "calib/array_template.h"
#include "calib/calibration_table.h"
#include "calib/fit_plan.h"
#include "calib/pixel_calibration.h"

struct assignment {
    const struct fit_plan *plan;
    struct pixel_work *works;                /* borrowed */
    uint32_t n;
    const struct calibration_table *before;  /* of the same array, or NULL */
    struct array_template *common;           /* owned; NULL: no pixel has pulses enough */
};

/* Makes the template and expects lines in all pixels. *a is valid, and must be freed, whatever the status. */
enum status assignment_make(struct assignment *a, const struct fit_plan *plan, struct pixel_work *works, uint32_t n, const struct calibration_table *before);
void assignment_done(struct assignment *a);

/* One pixel once more, after its work began anew. */
void assignment_expect(const struct assignment *a, uint32_t pixel);

/* The pixel's calibration of before, if it has a curve; else NULL. */
const struct pixel_calibration *assignment_before(const struct assignment *a, uint32_t pixel);

#endif
