/* calib/line_tail.h - one low-energy tail for the whole array, from the elastic line of every pixel.
 *   windows of many pixels --line_tail_find--> fraction and length that all have in common
 * A tail cannot be told from the shape of the line in one pixel's hundred counts (doc/methods.md, Lines and curves); in the sum of the likelihoods of
 * all pixels, each with its own centre, width, counts and background, it can. The elastic line is the one without a shape of its own. */
#ifndef TESD_CALIB_LINE_TAIL_H
#define TESD_CALIB_LINE_TAIL_H

#include <stddef.h>

#include "calib/line_fit.h"

struct line_tail_found {
    struct line_tail tail;
    double fraction_sigma;     /* at this length */
    double gain;               /* how much the deviance of all pixels falls against no tail at all */
};

/* requests: one pixel's window each; their shape's own tail is not looked at. Lengths from half a start_fwhm_eV of the first request to
 * longest_eV. STATUS_NOT_FOUND: a tail makes the deviance no more than 16 better (of two parameters: 3.6 sigma).
 * STATUS_TOO_FEW: no window can be fitted. */
enum status line_tail_find(const struct line_fit_request *requests, size_t n, double longest_eV, struct line_tail_found *out);

#endif
