/* pulse/slow_tail.h - the slow end of a pixel's pulses, which outlasts their records, and what it does to the pulses behind.
 *   time, height and pretrigger mean of its records, in order --note--> sums --learnt--> slow_tail;   heights of those before --track--> level under a pulse
 * Some tenths of a per cent of a pulse fall with a time constant of milliseconds. A filter that is blind to a constant (and to the fast tail, pixel_tail.h) sees the
 * slope of that under the next pulse: energies were 0.2 sigma low from two to five milliseconds behind another pulse, at any grade. To be blind
 * to it as well would cost 6 % of the resolution; but it can be told: the pretrigger mean shows it, with a sign and a size that follow the heights and times
 * of the pulses before. It is learnt by least squares of differences of means
 *     mean - mean of an isolated record not long before = counts x difference of S + fast tail,   S = sum over earlier pulses of height e^(-time since / decay),
 * for a row of decays, of which the best is kept where its counts are known to a quarter. Then counts x S is under each pulse. It does two things to a height: the filter
 * answers to the slope, and the detector's response bends on the level (pixel_tail.h), which of the two is the larger. Plain values; pure. */
#ifndef TESD_PULSE_SLOW_TAIL_H
#define TESD_PULSE_SLOW_TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/measured_pulse.h"
#include "pulse/pixel_model.h"
#include "pulse/status.h"

enum { SLOW_TAIL_DECAYS = 8 };

/* What the pulses before add up to at some time. */
struct slow_tail_sum { bool begun; int64_t last_ns; double height; };

/* Of S alone, before the pulse is added: 0 with none before it, or when its stamp steps back. Then add it; a height that is not finite adds nothing. */
double slow_tail_before(struct slow_tail_sum *s, double decay_s, int64_t time_ns);
void slow_tail_after(struct slow_tail_sum *s, double height);

struct slow_tail_learner {
    double fast_s, decay_s[SLOW_TAIL_DECAYS], least_s;    /* decay of the pulses; nearer ones are none of this module's. fast_s 0: nothing is counted */
    struct slow_tail_sum fast, slow[SLOW_TAIL_DECAYS];
    uint32_t n_isolated;       /* records that could be compared with */
    double isolated_mean, spread_counts, isolated_fast, isolated_slow[SLOW_TAIL_DECAYS];
    int64_t last_ns, isolated_ns;
    double n, yy, ff, fy, ss[SLOW_TAIL_DECAYS], sf[SLOW_TAIL_DECAYS], sy[SLOW_TAIL_DECAYS];
};
struct slow_tail_learner slow_tail_begin(double fast_s, double presamples_s);
/* A record of the pixel, whatever its cuts, in order. */
void slow_tail_note(struct slow_tail_learner *l, const struct measured_pulse *p);
/* Of each decay, by what it leaves of the means; they sum to 1. False: too few records. */
bool slow_tail_likelihoods(const struct slow_tail_learner *l, double of[SLOW_TAIL_DECAYS]);
/* The decay of the largest likelihood x prior: one pixel's records tell the decay within a third, and an array's pixels are alike, so that the mean of all pixels'
 * likelihoods is what each may expect. counts 0: none that stands out. */
struct slow_tail slow_tail_learnt(const struct slow_tail_learner *l, const double prior[SLOW_TAIL_DECAYS], bool inverted);

/* Into the model, with its effect on all of its filters. STATUS_NO_MEMORY: it is as before. */
enum status slow_tail_set(struct pixel_model *m, struct slow_tail slow);

/* Of the pulse's slow_counts, by whichever of the model's filters it was measured: zeros for a height that the neighbours gave. */
struct slow_effect slow_tail_effect(const struct pixel_model *m, const struct measured_pulse *p);

/* Sets slow_counts of the pixel's next n pulses, of each from those before it. */
void slow_tail_track(struct slow_tail_sum *s, const struct slow_tail *slow, struct measured_pulse *pulses, size_t n);

#endif
