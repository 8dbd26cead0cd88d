/* pulse/height_correction.h - what makes heights of one pixel comparable: gain that follows arrival, baseline and found steps.
 *   corrected = height x (1 + sum over gain terms of gain[k] (term[k] - reference[k])) + gain[TERM_OFFSET] x term[TERM_OFFSET]
 * Terms (doc/methods.md, Corrections):
 *   q         arrival less what is usual at that height (a cubic), clipped to +-1.2 samples: the sub-sample phase
 *   q^2, sin 2 pi q, cos 2 pi q   the bias of the lag parabola is even in q, of fourth order and more
 *   baseline  smooth of the pretrigger means (baseline_track.h), counts
 *   offset    this record's mean less that smooth, counts, clipped: low-frequency noise of the record itself. Additive, not a gain
 *   step k    1 from step_time_ns[k] on, else 0: gain steps that the array found (gain_step.h)
 * References are means over one calibration, so that its corrected heights stay in units of its raw heights. A gain is never
 * changed by more than 5 %. Plain values; learnt by correction_learner.h. */
#ifndef TESD_PULSE_HEIGHT_CORRECTION_H
#define TESD_PULSE_HEIGHT_CORRECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/baseline_track.h"
#include "pulse/measured_pulse.h"

enum { GAIN_STEPS_MAX = 3, ARRIVAL_CURVE = 4 };
enum correction_term {
    TERM_ARRIVAL, TERM_ARRIVAL_SQUARED, TERM_ARRIVAL_SINE, TERM_ARRIVAL_COSINE, TERM_BASELINE, TERM_OFFSET, TERM_STEP,
    N_CORRECTION_TERMS = TERM_STEP + GAIN_STEPS_MAX
};
extern const char *const correction_term_names[N_CORRECTION_TERMS];

#define CORRECTION_MAX 0.05  /* relative gain change */

struct height_correction {
    struct baseline_rule baseline;
    double height_scale;                       /* median height; 0: the arrival is not used */
    double arrival_curve[ARRIVAL_CURVE];       /* usual arrival, polynomial in height / height_scale - 1, which is kept in [-1, 1.5] */
    double offset_max;                         /* counts: clip of the offset */
    double gain[N_CORRECTION_TERMS];           /* per unit of the term; 0: not used. Offset: height units per count */
    double reference[N_CORRECTION_TERMS];      /* mean of the term in the calibration; the offset has none */
    uint32_t n_steps;
    int64_t step_time_ns[GAIN_STEPS_MAX];
    double gain_sigma;                         /* relative: what the errors of the learnt gains add to a height, rms over its pulses */
    double noise_share;                        /* of the filter's noise sigma that is left when the offset is used; 1 without */
};

/* Nothing is corrected: gains 0, noise_share 1. */
struct height_correction height_correction_none(void);

bool height_correction_used(const struct height_correction *c);  /* any gain that is not 0 */

/* Terms of one pulse whose baseline is set; 0 for what is not known of it (no arrival, no baseline). */
void height_correction_terms(const struct height_correction *c, const struct measured_pulse *p, double term[N_CORRECTION_TERMS]);

/* Corrected height. Raw when the pulse has no finite height; terms not known count as their reference. */
float height_correction_apply(const struct height_correction *c, const struct measured_pulse *p);
/* Standard deviation of a corrected height, height units. noise_sigma: the filter's; NaN when that is 0 (unknown). p: whose offset may not
 * have been used; NULL: it was. */
double height_correction_sigma(const struct height_correction *c, const struct measured_pulse *p, double noise_sigma, double height);
/* What corrections ask of pulses, by columns. */
enum { CORRECTION_PIECE = 64 };
struct correction_columns {
    float height[CORRECTION_PIECE], arrival[CORRECTION_PIECE], baseline[CORRECTION_PIECE];
    float offset[CORRECTION_PIECE];          /* NaN: on a tail, of which the mean tells nothing */
    float noise_factor[CORRECTION_PIECE];
    int64_t time_ns[CORRECTION_PIECE];
};
void correction_columns_take(struct correction_columns *to, const struct measured_pulse *pulses, size_t n);   /* n <= CORRECTION_PIECE */
/* Corrected heights, the same bits as one by one, and their variances: the square of what height_correction_sigma gives, each with its own noise_factor x
 * noise_sigma. In floats: heights are rounded as they are stored, changes of them and sigmas are right to some 1e-7. */
void height_correction_rows(const struct height_correction *c, const struct correction_columns *x, size_t n, double noise_sigma, float *corrected, float *variance);

/* Sets the references to the means over n pulses of one calibration; without pulses they stay. */
void height_correction_refer(struct height_correction *c, const struct measured_pulse *pulses, size_t n);

#endif
