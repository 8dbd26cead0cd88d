/* pulse/neighbour_judge.h - do a pixel's lines bear out what a second estimate of its heights promises?
 *   the same pulses' heights twice, with the deviation promised for each --judge--> variance that the lines say lies between them, pull
 * Lines have widths of their own, so one spectrum alone does not tell the noise in it. But if the second estimate is as good as it says,
 * its spectrum becomes the first one's when Gaussian noise of variance v = first^2 - second^2 is added. The v with which both are equally
 * sharp (entropy at one sigma, sharpening.h) is found by bisection with a fixed sequence of normals; v < 0: noise is added to the first. The width of
 * lines in the second estimate is then sqrt(first^2 - v), their pull that over the promise. Pure, deterministic. */
#ifndef TESD_PULSE_NEIGHBOUR_JUDGE_H
#define TESD_PULSE_NEIGHBOUR_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

struct height_pair { double first, second; uint16_t group; };   /* like spectra share a group below GROUPS_MAX; others are not used */

struct line_verdict {
    size_t pulses;            /* used */
    double variance;          /* v, height units squared; > 0: the second estimate's lines are narrower */
    double pull;              /* of the second estimate's promise, trusting the first's */
};

/* pairs: n. sigma: promised deviations of both estimates, > 0. STATUS_TOO_FEW: fewer than 300 pairs in groups of at least 60. */
enum status neighbour_judge(const struct height_pair *pairs, size_t n, double first_sigma, double second_sigma, struct line_verdict *out);

#endif
