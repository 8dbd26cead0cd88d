/* pulse/second_pulse.h - a second pulse anywhere in a record:  shape + whitener --new--> search --find--> sample, height, significance
 * The record less its pulse is whitened, freed of all that the first pulse and the baseline could still explain (a constant and the main terms of the
 * shape, by projection), and matched with the whitened onset of a pulse at every sample (onset_match.h).
 * Measured (doc/methods.md, Cuts and pile-up): finds more than any chi2 or derivative. Costs some 40 dots; only for records whose residual
 * gives rise to doubt, after a first look. Nearer than the arrival resolution the two cannot be told apart: there N_j is small, and left out.
 * Tried and rejected: a filter per lag (a megabyte a pixel), the whole covariance (N^2 a record). */
#ifndef TESD_PULSE_SECOND_PULSE_H
#define TESD_PULSE_SECOND_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/dot_kernel.h"
#include "pulse/onset_match.h"
#include "pulse/pulse_record.h"
#include "pulse/pulse_shape.h"
#include "pulse/second_glance.h"
#include "pulse/status.h"

struct second_search;  /* opaque; immutable once made */

/* whitener: WHITENER_ORDER + 1 taps that leave noise of variance 1 (linear_prediction, divided by the square root of its error). shape is
 * borrowed. STATUS_BAD_VALUE: records longer than SECOND_SAMPLES_MAX, or a shape without a pulse. */
enum status second_search_new(const struct pulse_shape *shape, uint32_t n_presamples, const double *whitener, struct second_search **out);
void second_search_free(struct second_search *s);

struct second_pulse {
    uint32_t sample;      /* where its trigger would be: the record's own pulse has n_presamples */
    float height;         /* filter units, > 0; to 10 % or so */
    float significance;   /* t: standard deviations */
};

/* The most significant pulse that goes the way of the shape. height and phase: as measured of the record's own pulse; base: its pretrigger
 * mean. Returns false, and an insignificant 0, when nothing rises anywhere. No allocation; 100 kB of stack. */
bool second_search_find(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height,
                        double phase, struct second_pulse *out);

/* The first look (second_glance.h); INFINITY: none can be taken. */
float second_search_glance(const struct second_search *s, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height, double phase);

#endif
