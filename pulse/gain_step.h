/* pulse/gain_step.h - when did the gain of the array step? A sum of score tests over pixels.
 *   a pixel's pulses --gain_step_scores--> score and information at each time;   all pixels' --gain_step_find--> the time of a step
 * In one pixel: 'the gain differs by delta after time t'. With f the pixel's smoothed density of heights, psi = f'/f, score = sum over
 * later pulses of psi x height, less what the terms of its correction or a cubic in height could explain in each group of like spectra;
 * information is its variance when there is no step.
 * Over pixels the scores are compared with one another: chi2 = sum (score - m information)^2 / information, m what they have in common.
 * A spectrum that changes moves all pixels alike and drops out; so does a step that is the same in all, which is then left to the
 * baseline term. Pure. */
#ifndef TESD_PULSE_GAIN_STEP_H
#define TESD_PULSE_GAIN_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/correction_terms.h"
#include "pulse/height_correction.h"
#include "pulse/status.h"

struct gain_step_score { double score, information; };

/* times: n_times, ascending. Groups below GAIN_STEP_GROUPS_MAX are used, of at least 60 pulses each. All 0 when fewer than 100 pulses can
 * be used. out has n_times entries. */
enum { GAIN_STEP_GROUPS_MAX = 10 };
enum status gain_step_scores(const struct correction_pulses *p, const struct height_correction *c, const int64_t *times, size_t n_times, struct gain_step_score *out);

struct gain_step_found {
    size_t index;      /* of the time with the largest chi2, preferred times favoured */
    double chi2;       /* there */
    uint32_t pixels;   /* that can tell; chi2 has pixels - 1 degrees of freedom without a step */
    bool clear;        /* chi2 is beyond what chance and many trials give */
};

/* scores: n_pixels rows of n_times. preferred: times at which a step is likely, such as pauses between scans (settings are changed there,
 * and what was measured on both sides is whole): another one must beat them by 20 in chi2. NULL: none. */
struct gain_step_found gain_step_find(const struct gain_step_score *scores, const bool *preferred, size_t n_pixels, size_t n_times);

#endif
