/* pulse/correction_learner.h - a pixel's own pulses, and what its array has in common -> height_correction.
 *   pulses --estimate--> every gain with its covariance (for the array);   pulses [+ prior of the array] --learn--> correction
 * Gains are learnt together, by sharpening the pixel's spectra (sharpening.h). Whatever is taken must make pulses sharper that it was not
 * learnt on (the other half, alternate blocks); what is not taken is 0. Without a prior, terms are added by forward selection. With
 * one, all terms are used, each as far from the array's value as the pixel's own pulses can tell. Deterministic; pure. */
#ifndef TESD_PULSE_CORRECTION_LEARNER_H
#define TESD_PULSE_CORRECTION_LEARNER_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/correction_prior.h"
#include "pulse/correction_terms.h"
#include "pulse/height_correction.h"
#include "pulse/status.h"

struct correction_learning {
    size_t pulses;                                   /* used */
    double entropy_before, entropy_after;            /* nats for each pulse, all used */
    double held_out_before, held_out_after;          /* nats for each pulse, mean over halves with the other half's gains */
};

/* from: baseline rule, and the steps to use (n_steps, step_time_ns); its gains are not looked at. prior: NULL for none. STATUS_TOO_FEW:
 * fewer than 100 pulses can be used. References are means over all pulses used. report may be NULL. */
enum status correction_learn(const struct correction_pulses *p, const struct height_correction *from, const struct correction_prior *prior,
                             struct height_correction *out, struct correction_learning *report);

/* All terms that can be used, without asking whether they pay. *out: the correction with those gains; *estimate: what the array makes
 * a prior of. STATUS_TOO_FEW as above. */
enum status correction_estimate_make(const struct correction_pulses *p, const struct height_correction *from, struct correction_estimate *estimate,
                                     struct height_correction *out);

/* The correction *from with the estimate's gains (of the same terms), references as above, and gain_sigma by its covariance. STATUS_NOT_FOUND: spectra get no
 * sharper by them than by those of *from, which were learnt on the same pulses, within what the choice of as many gains would give by chance; *out is then left alone. */
enum status correction_take(const struct correction_pulses *p, const struct height_correction *from, const struct correction_estimate *estimate, struct height_correction *out);

/* *nats: by how much an even drift of the gain, learnt together with the baseline's slope and the steps, makes all pulses sharper that it was not learnt on.
 * Chance costs one; 0: not known. Here the gains of *from are where the search begins: those of an estimate. STATUS_TOO_FEW as above. */
enum status correction_drift_worth(const struct correction_pulses *p, const struct height_correction *from, double *nats);

#endif
