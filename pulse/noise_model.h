/* pulse/noise_model.h - noise records --> which of them are noise, their autocovariance, their spectrum.
 * Autocovariance: R[j] in counts^2 for lags j = 0..N-1. NOISE_STREAM is the one to use; the others are what the field's other
 * programs do, kept to compare results and predictions with theirs (doc/methods.md, Noise).
 * Measured on 48 simulated pixels (doc/methods.md, Noise): the stream estimator is positive definite in all, costs 0.02-0.5 %
 * of resolution and promises it within 1 %; unbiased per record is never positive definite; biased costs 1-2 %. */
#ifndef TESD_PULSE_NOISE_MODEL_H
#define TESD_PULSE_NOISE_MODEL_H

#include <stdbool.h>

#include "pulse/noise_plan.h"
#include "pulse/record_store.h"
#include "pulse/status.h"

enum noise_estimator {
    NOISE_STREAM,      /* the run as one stream where records touch; mean of 64-record blocks removed; sums / counts */
    NOISE_UNBIASED,    /* each record alone, its mean removed, sums / counts */
    NOISE_BIASED,      /* the same, all lags divided by N */
    NOISE_LONG_CHUNK,  /* records glued, touching or not, in chunks of 15, chunk mean removed, sums / counts */
    N_NOISE_ESTIMATORS
};
/* "stream", ...: to be named wherever a resolving power is promised, since it moves by up to 12 % with the estimator. */
extern const char *const noise_estimator_names[N_NOISE_ESTIMATORS];

/* good[i]: record i is like the others, within 5 robust sigmas in standard deviation and range, and in its mean against the
 * median of the 31 around it. Returns how many are. *baseline_sd (may be NULL): median standard deviation, counts. */
uint32_t noise_model_select(const struct record_store *noise, bool *good, double *baseline_sd);
/* The rule of mass, in absolute counts: largest - smallest <= max_excursion. */
uint32_t noise_model_select_excursion(const struct record_store *noise, double max_excursion, bool *good);

/* good: n_records, those to use (NOISE_LONG_CHUNK leaves out chunks that hold a record that is not). plan: of the records' length.
 * STATUS_TOO_FEW: no record, or no whole chunk, is left. */
enum status noise_model_covariance(const struct noise_plan *plan, const struct record_store *noise, const bool *good,
                                   enum noise_estimator estimator, double *covariance);

/* Does record i begin where record i-1 ends? */
bool noise_model_follows(const struct record_store *noise, uint32_t i);

/* One-sided power spectral density, counts^2/Hz, N/2+1 values at i / (N x sample_period_s); record means removed; the DC and
 * Nyquist values are doubled like the rest. hann: window sin^2(pi k / (N-1)), else none. */
enum status noise_model_spectrum(const struct noise_plan *plan, const struct record_store *noise, const bool *good, bool hann,
                                 double sample_period_s, double *density);

#endif
