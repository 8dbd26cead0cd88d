/* calib/calibration_form.h - the curves of a learnt table in another form (gain_fit.h): same anchors, same fits, same verdicts on the
 * lines; new curves, leave-one-out errors and residuals of check lines.   table + form --calibration_form_set--> table
 * Assignment, fits and the comparison of pixels always go by the spline, so that the choice of a form moves no line. */
#ifndef TESD_CALIB_CALIBRATION_FORM_H
#define TESD_CALIB_CALIBRATION_FORM_H

#include <stdbool.h>

#include "calib/calibration_table.h"

/* Form by its name; false: no such form. */
bool calibration_form_named(const char *name, enum curve_form *out);

/* A pixel whose curve is not monotone in this form loses it and is bad, with the reason. STATUS_NO_MEMORY: some pixels have the new
 * form and some the old one. */
enum status calibration_form_set(struct calibration_table *t, enum curve_form form);

/* Leave-one-out: energy of each anchor that carries the curve by the curve of this form through the others, less its own, into
 * fits[].residual_eV; NaN with fewer than 4 anchors, or where the others make no increasing curve. */
void calibration_form_leave_one_out(struct pixel_calibration *p, enum curve_form form);

#endif
