/* pulse/onset_match.h - a pulse's onset anywhere in whitened samples:  whitener + pulse + nuisances --init--> match --clean--> e --at--> t
 * With e the samples whitened by a prediction filter and freed, by projection, of what the nuisances explain, w_j the whitened onset of the pulse at j
 * and N_j what of it the projection leaves, the likelihood ratio of a pulse of height a at j is
 *     t_j^2 = (w_j . e)^2 / N_j,   a = w_j . e / N_j.
 * Samples are those of a record, or sums of some (second_pulse.h). Immutable once made. */
#ifndef TESD_PULSE_ONSET_MATCH_H
#define TESD_PULSE_ONSET_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/dot_kernel.h"
#include "pulse/pulse_shape.h"
#include "pulse/status.h"

enum { WHITENER_ORDER = 16, MATCH_NUISANCES = 6, ONSET_MOST = 512, MATCH_PULSE = 1 };

/* In floats of one block, but for the struct. */
struct onset_match {
    uint32_t n, order;                   /* samples; taps of the whitener less 1. Onsets are looked for from sample `order` on */
    uint32_t n_onset, n_compared;        /* samples until the onset has 99 %, and 90 %, of its weight: what comes between is more than half of it */
    float taps[WHITENER_ORDER + 1];      /* oldest sample first */
    float onset[ONSET_MOST];             /* the pulse whitened, from its own first sample on; zeros behind n_onset */
    float *nuisance;                     /* owned: MATCH_NUISANCES x n whitened rows, orthonormal or 0 */
    float *left;                         /* owned: n; 1 / N_j for an onset that begins at j, 0 where it is not to be seen */
};

/* What it is made of. rows: MATCH_NUISANCES x n, of which number MATCH_PULSE is the pulse, 0 before `first`; taps: order + 1 that leave noise of variance
 * 1, order <= WHITENER_ORDER. Onsets of which the projection leaves less than least_left, or the end of the record less than a fourth of n_onset, are not
 * looked for. */
struct onset_plan { uint32_t n, first, order; const float *rows; const double *taps; double least_left; };

/* The rows of a record's shape: a constant and the shape's terms in h, hp, hp^2, hu, hpu, sample by sample or as sums of `sum` samples, of a record of n. The pulse is the
 * second. rows: room for MATCH_NUISANCES x n / sum. */
void onset_match_rows(const struct pulse_shape *shape, uint32_t n, uint32_t sum, float *rows);

/* STATUS_BAD_VALUE: no pulse in it. On failure there is nothing to be undone. */
enum status onset_match_init(const struct onset_plan *plan, struct onset_match *m);
void onset_match_done(struct onset_match *m);

/* e: room for n + ONSET_MOST; x whitened, projected, 0 before `order`, and zeros behind n. */
void onset_match_clean(const struct onset_match *m, const struct dot_kernel *kernel, const float *x, float *e);
/* t_j^2 from w_j . e and 1 / N_j, 0 where the product is not positive. t2 may be products. */
void onset_match_squares(const float *products, const float *left, uint32_t n, float *t2);
/* Of floats that are not negative; 0 of none. */
float onset_match_largest(const float *x, uint32_t n);

#endif
