/* pulse/correction_climb.h - gains of a correction that make a pixel's spectra sharpest, learnt on all pulses or on a half of them.
 *   correction_terms + set of terms --up--> gains, --entropy--> how sharp, --covariance--> how well known
 * Gains are coefficients of term / deviation (correction_terms.h). Halves are alternate blocks of 16 pulses. Pure. */
#ifndef TESD_PULSE_CORRECTION_CLIMB_H
#define TESD_PULSE_CORRECTION_CLIMB_H

#include <stddef.h>

#include "pulse/correction_terms.h"
#include "pulse/sharpening.h"
#include "pulse/status.h"

typedef unsigned term_set;               /* bit k: term k; terms that cannot be used are passed over */
enum { CLIMB_ALL = 2 };                  /* which pulses: 0, 1 a half; 2 all */

struct term_gains { double of[N_LEARNT_TERMS]; };
struct term_covariance { double of[N_LEARNT_TERMS][N_LEARNT_TERMS]; };   /* 0 outside the set */

struct correction_climb {
    const struct correction_terms *terms;   /* borrowed */
    struct sharpening_points points;
    size_t ends[GROUPS_MAX];
    struct density *density;
};

/* STATUS_NO_MEMORY. _done is needed after failure too. */
enum status correction_climb_init(const struct correction_terms *terms, struct correction_climb *out);
void correction_climb_done(struct correction_climb *c);

/* Climbs from `start`, beginning with kernels of at most `widest` sigmas. */
struct term_gains correction_climb_up(struct correction_climb *c, term_set set, size_t which, const struct term_gains *start, double widest);
/* The start for a large drift: one term looked for over its whole range. */
struct term_gains correction_climb_scan(struct correction_climb *c, enum correction_term term, size_t which);
/* Nats for each pulse of those pulses. */
double correction_climb_entropy(struct correction_climb *c, term_set set, size_t which, const struct term_gains *gains);
/* STATUS_NOT_POSITIVE: the pulses do not tell. */
enum status correction_climb_covariance(struct correction_climb *c, term_set set, size_t which, const struct term_gains *gains, struct term_covariance *out);

#endif
