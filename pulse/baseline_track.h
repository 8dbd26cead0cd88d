/* pulse/baseline_track.h - the slow baseline of a pixel from the pretrigger means of its good pulses, record by record.
 *   rule (baseline_rule.h) + pulses in order --next or _both--> baseline, baseline_offset of every pulse
 * Jumps of a readout that lost its lock are taken out before smoothing, so that no gain follows them: by whole quanta where the rule knows one, else
 * by the jump itself once three records in a row agree on it.
 * The smooth is exponential in time, BASELINE_TIME_S to one side (causal: one pulse at a time gives the same as all) or to both. */
#ifndef TESD_PULSE_BASELINE_TRACK_H
#define TESD_PULSE_BASELINE_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/baseline_rule.h"
#include "pulse/measured_pulse.h"

#define BASELINE_TIME_S 8.0

enum { BASELINE_RECENT = 5 };

struct baseline_tracker {             /* zero at the start of a channel, or begun */
    bool expects;
    double expected_counts;           /* see baseline_track_begin */
    float recent[BASELINE_RECENT];    /* last good means, jumps taken out */
    uint32_t n_recent, newest;
    uint32_t n_pending;               /* records in a row that lie the same step away */
    double pending;                   /* their mean step, counts */
    double jumped;                    /* counts taken off since the start */
    double sum, weight;               /* of the causal smooth at last_ns */
    int64_t last_ns;
};

/* A readout locks anywhere when it starts, and references were learnt where it stood then: the first good mean is taken to lie within half a
 * quantum of expected_counts, the level of the calibration in force, whole quanta off. Without a quantum nothing is expected. */
void baseline_track_begin(struct baseline_tracker *t, double expected_counts);

/* In the place of _begin: goes on from where a calibration left it, `mark` being the tracker then (weight 0: not known), with a pulse at time_ns. After a pause
 * (20 s) what was found of the readout's lock still holds, and the level is found anew. */
void baseline_track_resume(struct baseline_tracker *t, const struct baseline_tracker *mark, double expected_counts, int64_t time_ns);

/* Of the next n pulses, each from it and those before: sets baseline, baseline_offset and baseline_weight. A pulse with cuts is told the baseline and
 * does not move it; its offset is 0. Neither does one on a tail, whose offset is the tail's. Before the first good pulse the baseline is NaN. */
void baseline_track_next(struct baseline_tracker *t, const struct baseline_rule *rule, struct measured_pulse *pulses, size_t n);

/* The same from both sides, for n pulses in time order. */
void baseline_track_both(const struct baseline_rule *rule, struct measured_pulse *pulses, size_t n);

#endif
