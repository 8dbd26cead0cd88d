/* pulse/pulse_sim.h - the samples of a simulated pixel: pulses with tails and pile-up, crosstalk, drift, noise, quantisation.
 *   deposits of the pixel and its neighbours + pixel_sim --pulse_stream_read--> samples of any record, in order of time
 * Pulses are evaluated analytically at their sub-sample arrival; the noise is one process through the run; samples shared by two
 * records are the same samples. A sample is what the ADC holds at frame k, k = 0 the first frame of the run. Pure. */
#ifndef TESD_PULSE_PULSE_SIM_H
#define TESD_PULSE_PULSE_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/pixel_sim.h"
#include "pulse/random_stream.h"
#include "pulse/status.h"

struct deposit {
    double arrival_samples;   /* since frame 0; need not be whole */
    double deposited_keV;
};

/* A fault of the readout that triggers: from this frame on the level stands step_counts higher; 0: a burst of noise. */
struct disturbance {
    int64_t frame;
    double step_counts;
};

/* Sorted by arrival (disturbances by frame); borrowed by whoever is given them. */
struct pulse_train {
    const struct deposit *deposits;
    size_t n;
};

/* The noiseless signal above the baseline at one time: the sum over all deposits of the train, saturated. Slow and exact: the
 * meaning that pulse_stream_read is tested against. */
double pulse_sim_signal(const struct pixel_sim *p, struct pulse_train train, double at_samples);

/* One pulse of this energy, arriving at sample 0, at n samples from -offset_samples on. For templates and limits. */
void pulse_sim_shape(const struct pixel_sim *p, double deposited_keV, double offset_samples, double *out, size_t n);

/* Samples after an arrival until its pulse is below 1e-3 counts. */
double pulse_sim_reach_samples(const struct pixel_sim *p);

struct pulse_stream;   /* opaque */

/* train, neighbours and faults are borrowed until _free. n_samples: length of the records that will be read. */
enum status pulse_stream_new(const struct pixel_sim *p, struct pulse_train train, const struct pulse_train neighbours[2],
                             const struct disturbance *faults, size_t n_faults, const struct random_stream *random, uint32_t n_samples,
                             struct pulse_stream **out);
void pulse_stream_free(struct pulse_stream *s);
/* Samples first_frame .. first_frame + n_samples - 1; first_frame >= 0 and not before that of the call before. */
void pulse_stream_read(struct pulse_stream *s, int64_t first_frame, uint16_t *samples);

#endif
