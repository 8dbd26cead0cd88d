/* pulse/noise_mains.h - the mains in a noise run, and the noise without it.
 *   noise records --covariance--> autocovariance of what is left when a wave of 50 or 60 Hz is taken out
 * Stretches of records (at least 64, and 0.1 s) share one mean and one wave, fitted by least squares together: so short that it does not
 * matter by how little the mains is off its nominal frequency or wanders, so long that a wave is no baseline. That takes noise
 * out of a notch of some Hz as well, a trifle beside the bandwidth of a record. Estimator as NOISE_STREAM otherwise (noise_model.h). */
#ifndef TESD_PULSE_NOISE_MAINS_H
#define TESD_PULSE_NOISE_MAINS_H

#include <stdbool.h>

#include "pulse/noise_plan.h"
#include "pulse/record_store.h"
#include "pulse/status.h"

struct noise_mains {
    double Hz;                  /* 50 or 60, whichever carries more */
    double amplitude_counts;    /* rms over the stretches; contains what noise there is in the notch */
};

/* covariance: lags 0..n_samples-1, counts^2. STATUS_TOO_FEW: no good record. */
enum status noise_mains_covariance(const struct noise_plan *plan, const struct record_store *noise, const bool *good, double sample_period_s,
                                   double *covariance, struct noise_mains *out);

#endif
