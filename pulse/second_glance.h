/* pulse/second_glance.h - a first look for a second pulse:  shape + whitener --new--> glance --look--> significance, for a sixth of a search's price
 * The significance that a search (second_pulse.h) would find, as sums of four samples tell it, or the samples around the onset if they tell more (of pulses a few
 * samples apart the sums say nothing). Where it is below SECOND_GLANCE_LEAST of some limit, the search finds nothing above it: onsets are so long that
 * the sums' output is correlated to 0.94 and more with the whole search's wherever that has its maximum. Of 61 records in 114,000 that exceeded their limit by
 * less than 30 %, the least of these looks was 0.87 of it; four of five doubtful records stay below 0.75. Immutable once made. */
#ifndef TESD_PULSE_SECOND_GLANCE_H
#define TESD_PULSE_SECOND_GLANCE_H

#include "pulse/dot_kernel.h"
#include "pulse/pulse_record.h"
#include "pulse/pulse_shape.h"
#include "pulse/status.h"

enum { SECOND_SAMPLES_MAX = 8192 };
#define SECOND_GLANCE_LEAST 0.75

struct second_glance;  /* opaque */

/* whitener: WHITENER_ORDER + 1 taps (onset_match.h) that leave noise of variance 1. shape is borrowed. STATUS_BAD_VALUE: no such look can be taken, for noise or shape
 * have nothing to look at, or records are longer than SECOND_SAMPLES_MAX. */
enum status second_glance_new(const struct pulse_shape *shape, const double *whitener, struct second_glance **out);
void second_glance_free(struct second_glance *g);

/* height and phase: as measured of the record's own pulse; base: its pretrigger mean. No allocation; 25 kB of stack. */
float second_glance_look(const struct second_glance *g, const struct dot_kernel *kernel, const sample_u16 *samples, float base, double height, double phase);

#endif
