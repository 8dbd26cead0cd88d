/* pulse/offset_noise.h - how the noise of a height goes with that of the record's own pretrigger mean.
 *   filter + noise covariance --of--> variance of the mean, covariance with the height --after--> variance of height + gain x mean
 * A correction takes gain x (mean - baseline) off a height (height_correction.h). How much noise that takes away cannot be told from the spread of the means:
 * where pulses are frequent, tails of earlier ones spread them too (at 60 counts/s in records of 2 ms sigmas told so were up to 16 % too small). The
 * noise's own covariance tells it: with row the filter as it looks at a pulse of the template's arrival, and b the mean, Var = b'Tb, Cov = row'Tb. Pure. */
#ifndef TESD_PULSE_OFFSET_NOISE_H
#define TESD_PULSE_OFFSET_NOISE_H

#include <stdint.h>

#include "pulse/status.h"

struct offset_noise {
    double variance;     /* counts^2, of the mean; 0: not known */
    double covariance;   /* height units x counts, with the height; NaN: not known */
};

/* weights: n_weights of a five-lag filter for records of n_weights + 4 samples, the first n_mean of which make the mean; arrival: what it says of the
 * template; covariance: lags 0..n_weights+3, counts^2. STATUS_NO_MEMORY; STATUS_BAD_VALUE: a mean of no sample, or of more than there are. */
enum status offset_noise_of(const double *weights, uint32_t n_weights, double arrival, uint32_t n_mean, const double *covariance, struct offset_noise *out);

/* Variance of a height of that variance to which gain x mean is added. Without a covariance the gain is taken for the best one. */
double offset_noise_after(const struct offset_noise *o, double height_variance, double gain);

#endif
