/* pulse/pixel_tail.h - the second filter of a pixel, for pulses on the tail of an earlier one.
 *   template --decay--> tail_samples;   template + noise + decay --learn--> tail filter in the model
 * An earlier pulse whose record is over decays as its template does at the end of the record: with one constant, when it has none but
 * one left. The decay is that of the last third behind the trigger. */
#ifndef TESD_PULSE_PIXEL_TAIL_H
#define TESD_PULSE_PIXEL_TAIL_H

#include "pulse/pixel_model.h"
#include "pulse/record_store.h"
#include "pulse/status.h"

/* Samples in which the end of the template falls by 1/e, fitted to its logarithm; 0 when it does not fall, or has fallen below 1e-3. */
double pixel_tail_decay(const double *template_pulse, uint32_t n_samples, uint32_t n_presamples, bool inverted);

/* covariance as for optimal_filter_design. The gain is set so that the filter says of the good pulses, at all their arrivals, what the
 * model's own filter says of them. STATUS_OK with no tail filter in the model when there is no decay, no such filter or no good pulse. */
enum status pixel_tail_learn(const struct record_store *pulses, const bool *good, const double *template_pulse, const double *covariance,
                             struct pixel_model *m);

#endif
