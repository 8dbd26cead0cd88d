/* pulse/correction_terms.h - a pixel's usable pulses, group by group, and the terms of their correction made comparable.
 *   correction_pulses --init--> correction_terms: each term has its fit by a cubic in height and a mean for each place taken out in each group
 *   of like spectra and is divided by its standard deviation; the order is group by group, then time
 * Without the height's cubic the sharpest spectrum would be the most compressed one. Without the place's: in a scan the lines that follow the
 * incident energy move with time, and so does the baseline; gains that hold those lines together would be the sharpest. (Measured, one
 * scan of an edge in a minute: slopes of the baseline 1.5 times too large in all pixels, a step wrong by 1e-3 that made up for it between the
 * calibrations. A cubic of the place instead of means: the same once, and a step made up by another seed.) So a scan tells of gains by its repeats,
 * and by what differs between the pulses of one point. A mean of n pulses takes 1/n of what they tell: places with fewer than 20 in a pixel
 * are joined with their neighbours, whose lines are some steps away and not the whole of a scan.
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
    const uint16_t *place;               /* number of what changes the spectra of its group (a scan's incident energy), by size: neighbours follow
                                            each other, gaps do no harm. NULL: nothing does */
    size_t n;
    double noise_sigma;                  /* height units; <= 0: 0.13 % of the median height */
    struct offset_noise offset_noise;    /* of that noise and the means; variance 0: told from the spread of the offsets */
    bool steady;                         /* the array shows no even drift: that term is left out, and the others are known better */
};

struct correction_terms {
    struct height_correction c;          /* without gains: says what the terms are */
    size_t n, n_groups;                  /* pulses used: no cut, all terms known, in a group of at least 60 */
    const struct measured_pulse **pulse; /* n */
    size_t group_end[GROUPS_MAX], n_places[GROUPS_MAX];
    uint16_t *place;                     /* n: 0 .. n_places of its group - 1 */
    struct place_mean *mean;             /* room for those of a group */
    double scale, sigma;                 /* median height; of a narrow line */
    struct offset_noise offset_noise;
    double *height;                      /* n */
    double *term;                        /* n x N_LEARNT_TERMS: fits taken out */
    double deviation[N_LEARNT_TERMS];   /* standard deviation of that; 0: constant in each group, cannot be used */
    double limit[N_LEARNT_TERMS];       /* largest coefficient of term / deviation */
    double *scratch;                     /* n */
};

bool correction_pulse_usable(const struct measured_pulse *m);   /* no cut, all terms known */

#define CORRECTION_OFFSET_SIGMAS 4.0     /* clip of the offset: beyond, it is a tail and no noise */

/* from: baseline rule, and the steps to use (n_steps, step_time_ns); its gains are not looked at. STATUS_TOO_FEW: fewer than 100
 * pulses can be used. _done is needed after failure too. */
enum status correction_terms_init(const struct correction_pulses *p, const struct height_correction *from, struct correction_terms *out);
void correction_terms_done(struct correction_terms *t);

#endif
