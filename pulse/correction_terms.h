/* pulse/correction_terms.h - a pixel's usable pulses, group by group, and the terms of their correction made comparable.
 *   correction_pulses --init--> correction_terms: each term has its cubic fit in height taken out in each group of like spectra (else the
 *   sharpest spectrum would be the most compressed one) and is divided by its standard deviation; the order is group by group, then time
 * Plain arrays, the caller holds the struct. Pure. */
#ifndef TESD_PULSE_CORRECTION_TERMS_H
#define TESD_PULSE_CORRECTION_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/height_correction.h"
#include "pulse/measured_pulse.h"
#include "pulse/offset_noise.h"
#include "pulse/status.h"

enum { GROUP_NONE = 0xffff, GROUPS_MAX = 32 };

/* Besides the terms of height_correction, an even drift of the gain over the run is learnt, and forgotten: without it baselines and steps
 * would take up what interpolation between calibrations is for (measured: a drift of 3 eV left 1.1 eV in mid-run). */
enum { TERM_DRIFT = N_CORRECTION_TERMS, N_LEARNT_TERMS };

struct correction_pulses {               /* of one pixel, in time order, baselines set (baseline_track.h); borrowed */
    const struct measured_pulse *pulses;
    const uint16_t *group;               /* like spectra share a number below GROUPS_MAX; others are not used. NULL: one group */
    size_t n;
    double noise_sigma;                  /* height units; <= 0: 0.13 % of the median height */
    struct offset_noise offset_noise;    /* of that noise and the means; variance 0: told from the spread of the offsets */
    bool steady;                         /* the array shows no even drift: that term is left out, and the others are known better */
};

struct correction_terms {
    struct height_correction c;          /* without gains: says what the terms are */
    size_t n, n_groups;                  /* pulses used: no cut, all terms known, in a group of at least 60 */
    const struct measured_pulse **pulse; /* n */
    size_t group_end[GROUPS_MAX];
    double scale, sigma;                 /* median height; of a narrow line */
    struct offset_noise offset_noise;
    double *height;                      /* n */
    double *term;                        /* n x N_LEARNT_TERMS: cubic in height taken out */
    double deviation[N_LEARNT_TERMS];   /* standard deviation of that; 0: constant in each group, cannot be used */
    double limit[N_LEARNT_TERMS];       /* largest coefficient of term / deviation */
    double *scratch;                     /* n */
};

#define CORRECTION_OFFSET_SIGMAS 4.0     /* clip of the offset: beyond, it is a tail and no noise */

/* from: baseline rule, and the steps to use (n_steps, step_time_ns); its gains are not looked at. STATUS_TOO_FEW: fewer than 100
 * pulses can be used. _done is needed after failure too. */
enum status correction_terms_init(const struct correction_pulses *p, const struct height_correction *from, struct correction_terms *out);
void correction_terms_done(struct correction_terms *t);

#endif
