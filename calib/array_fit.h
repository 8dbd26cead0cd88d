/* calib/array_fit.h - rounds of fits of all pixels side by side, because windows, widths and tails are the array's.
 *   assigned pixels --array_fit_run--> lines fitted in every pixel, a plan that knows the array
 * Rounds with a Gaussian for every line, until the array's resolution settles; then the lines' own widths are known as medians over the
 * pixels, and every pixel is fitted with one Gaussian for all its lines. With tails: the elastic lines of all pixels tell what tail they have
 * in common, and all is fitted once more with it. */
#ifndef TESD_CALIB_ARRAY_FIT_H
#define TESD_CALIB_ARRAY_FIT_H

#include <stdbool.h>

#include "calib/assignment.h"
#include "calib/line_shape.h"

struct array_fit {
    struct fit_plan *plan;
    const struct assignment *assignment;         /* of the same plan and works */
    const struct calibration_heights *heights;   /* of the same pixels */
    bool tails;
    struct line_tail tail;                       /* result; fraction 0: none looked for, or none found */
};

/* Pixels whose lines moved within the calibration begin anew with what came after that (pixel_work.step). */
enum status array_fit_run(struct array_fit *a);

#endif
