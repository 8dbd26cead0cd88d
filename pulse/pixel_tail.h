/* pulse/pixel_tail.h - the second filter of a pixel, for pulses on the tail of an earlier one.
 *   template --decay--> tail_samples;   template + noise + decay --learn--> tail filter in the model, a gap_filter for the whole record
 * An earlier pulse whose record is over decays as its template does at the end of the record: with one constant, when it has none but
 * one left. The decay is that of the last third behind the trigger, as far as it is not lost in noise. The filter is blind to exp(-k / tail_samples), however large.
 * Where much of a pulse is left, its response still bends the tail's beginning and a slow component lifts its end: no one constant describes it (energies were off by +0.5 to
 * -0.2 sigma with the time since the pulse before, and spread 6 % more than told). There the filter is blind to a small error of the decay as well, for 3 % of noise.
 * In long records a tail is faint: little is left of a pulse at its record's end. But the next record begins before its own trigger, where there is more of it,
 * enough to bend the energy (0.2 sigma at 60 counts/s) and, nearest to the pulse before, to have one pulse in thirty cut by its residual: a loss that rises with the rate.
 * A tail also takes gain, because the detector's response bends: a pulse l on a tail l2 adds S(l + l2) - S(l2) to the signal. With a curve
 * E(h) for pulses alone this is E(h + a) - E(a), where a is the height of the pulse that would add the same cross term: for a filter q and
 * the template T = exp(-t / tau) behind its maximum, a = q.(T e^(-t/tau)) / q.(T T) x the tail at the trigger (measured_pulse_tail). */
#ifndef TESD_PULSE_PIXEL_TAIL_H
#define TESD_PULSE_PIXEL_TAIL_H

#include "pulse/pixel_model.h"
#include "pulse/record_store.h"
#include "pulse/status.h"

/* Samples in which the end of the template falls by 1/e, fitted to its logarithm; 0 when it does not fall, or is below 1e-3 where the fit begins. */
double pixel_tail_decay(const double *template_pulse, uint32_t n_samples, uint32_t n_presamples, bool inverted);

/* Height of a tail of that decay for every count that it adds to the pretrigger mean, as the filter sees it: n_samples - 4 weights. */
double pixel_tail_share(const struct pixel_model *m, const double *weights, const double *template_pulse, double tail_samples);

/* covariance as for optimal_filter_design. Heights are on the scale of the model's own filter, learnt from the good pulses. STATUS_OK with no tail
 * filter in the model when there is no decay, no such filter or too few good pulses. m: filter, shape and noise_sigma are there. */
enum status pixel_tail_learn(const struct record_store *pulses, const bool *good, const double *template_pulse, const double *covariance,
                             struct pixel_model *m);

/* Whether energies of pulses on tails can be trusted: there is a filter, or nothing is left of a pulse at the end of its record. */
bool pixel_tail_known(const struct pixel_model *m);

/* Less than 2e-3 of a pulse is left at the end of its record: a fall of the pretrigger alone, which noise makes in one record of forty, is not worth the
 * tail filter where nothing else speaks against the record. */
bool pixel_tail_faint(const struct pixel_model *m);

/* Without measuring it again: what pixel_model_measure said of a record is what is said of it as one on a tail, but for this. All there is to say in a
 * model without a tail filter. */
void pixel_tail_filterless(const struct pixel_model *m, struct measured_pulse *pulse);

#endif
