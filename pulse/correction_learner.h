/* pulse/correction_learner.h - a pixel's own pulses -> height_correction.
 * Terms are learnt together, by sharpening the pixel's spectra (sharpening.h), after their cubic fit in height is removed in each group
 * of like spectra: otherwise the sharpest spectrum would be the most compressed one. A term is taken only when pulses it was not
 * learnt on (the other half, alternate blocks) get sharper; what is not taken is 0. Deterministic; pure. */
#ifndef TESD_PULSE_CORRECTION_LEARNER_H
#define TESD_PULSE_CORRECTION_LEARNER_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/height_correction.h"
#include "pulse/measured_pulse.h"
#include "pulse/status.h"

enum { GROUP_NONE = 0xffff, GROUPS_MAX = 32 };

struct correction_pulses {               /* of one pixel, in time order, baselines set (baseline_track.h); borrowed */
    const struct measured_pulse *pulses;
    const uint16_t *group;               /* like spectra share a number below GROUPS_MAX; others are not used. NULL: one group */
    size_t n;
    double noise_sigma;                  /* height units; <= 0: 0.13 % of the median height */
};

struct correction_learning {
    size_t pulses;                       /* used: no cut, all terms known, in a group of at least 60 */
    double entropy_before, entropy_after;            /* nats for each pulse, all used */
    double held_out_before, held_out_after;          /* nats for each pulse, mean over halves with the other half's gains */
};

/* from: baseline rule, and the steps to use (n_steps, step_time_ns); its gains are not looked at. STATUS_TOO_FEW: fewer than 100
 * pulses can be used. References are means over all pulses used. report may be NULL. */
enum status correction_learn(const struct correction_pulses *p, const struct height_correction *from, struct height_correction *out,
                             struct correction_learning *report);

#endif
