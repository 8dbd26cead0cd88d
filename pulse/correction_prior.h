/* pulse/correction_prior.h - what the pixels of an array have in common in their corrections, so that each needs to learn only the rest.
 *   every pixel's own estimate --make--> prior: mean and covariance of the gains over pixels;   estimate + prior --shrink--> better estimate
 * Detectors of one array are alike: their phase bias and the slope of their drift differ less from pixel to pixel than one pixel's pulses
 * can tell (a phase coefficient learnt alone costs 0.5-1 % of resolution, doc/methods.md, Corrections). With estimate g of covariance C and
 * gains spread over the array by T around m, the best linear guess is m + T (T + C)^-1 (g - m), its covariance T (T + C)^-1 C: a pixel that
 * knows its gains keeps them, one that does not gets the array's. T: the mean of all C is factorised as L L'; of z = L^-1 g, whose errors
 * have variance 1, median and clipped variance are taken component by component; what that variance exceeds 1 by is the array's own spread.
 * Pure; plain values. */
#ifndef TESD_PULSE_CORRECTION_PRIOR_H
#define TESD_PULSE_CORRECTION_PRIOR_H

#include <stdbool.h>
#include <stddef.h>

#include "pulse/height_correction.h"
#include "pulse/status.h"

enum { PRIOR_PIXELS_MIN = 8 };

struct correction_estimate {
    unsigned terms;                      /* bit k: term k is estimated; 0: nothing is */
    double entropy;                      /* nats of all pulses together, with these gains and that drift; 0: not known */
    double gain[N_CORRECTION_TERMS];     /* units of height_correction; 0 for other terms */
    double covariance[N_CORRECTION_TERMS][N_CORRECTION_TERMS];
};

struct correction_prior {
    unsigned terms;
    size_t pixels;                       /* it rests on */
    double mean[N_CORRECTION_TERMS];
    double covariance[N_CORRECTION_TERMS][N_CORRECTION_TERMS];
};

/* Of those estimates whose terms are the ones that most have. STATUS_TOO_FEW: fewer than PRIOR_PIXELS_MIN; STATUS_NO_MEMORY. */
enum status correction_prior_make(const struct correction_estimate *estimates, size_t n, struct correction_prior *out);

/* In place; terms that the prior does not know stay as they are. STATUS_NOT_POSITIVE: nothing is changed. */
enum status correction_prior_shrink(const struct correction_prior *prior, struct correction_estimate *e);

#endif
