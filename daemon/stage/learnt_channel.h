/* daemon/stage/learnt_channel.h - what was learnt of one channel (learn.h), and what its array asks of it.
 *   its pulses + groups of like spectra --estimate, drift_worth, scores--> what the array makes of all;   that --correct--> its height_correction
 * Channels share nothing: each call is for one of them, and several may run at once. */
#ifndef TESD_DAEMON_STAGE_LEARNT_CHANNEL_H
#define TESD_DAEMON_STAGE_LEARNT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/spectrum_group.h"
#include "pulse/correction_prior.h"
#include "pulse/gain_step.h"
#include "pulse/height_correction.h"
#include "pulse/measured_pulse.h"
#include "pulse/pixel_model.h"
#include "pulse/slow_tail.h"
#include "pulse/tail_reach.h"

struct learnt_channel {
    struct pixel_model *model;       /* NULL: none; reason says why */
    bool kept;                       /* the model was given (learner_keep_model) */
    char reason[200];                /* why there is no model, or what to know (such as an assumed white noise); "" nothing */
    struct pixel_learning learning;
    size_t n_pulses;
    struct measured_pulse *pulses;   /* good ones in time order, with their baselines from both sides */
    size_t n_ends;                   /* calibrations of the timeline */
    struct baseline_tracker *ends;   /* of the baseline at the end of each, followed causally (calibration_table.h, at_end) */
    struct height_correction correction;  /* learnt on all of them; references over all */
    struct tail_reach reach;         /* of all records measured; for the array to add up */
    struct slow_tail_learner slow;   /* the same; fast_s 0: a model that was kept keeps its own */
    bool steady;                     /* the array shows no even drift of gains: corrections are learnt without that term */
    bool no_memory;                  /* a later step had none */
    uint64_t measured, cut_counts[N_CUTS];    /* records measured, and those cut by their reason */
};

void learnt_channel_done(struct learnt_channel *c);

/* How long a photon of any of them must wait to be isolated, told by all together: sets isolation_decays of their models. With filters that are kept
 * it gets no shorter: it belongs to them and their limits, more records had told it, and counts that were told would not be those of the run's file. */
void learnt_channels_isolate(struct learnt_channel *channels, size_t n);
/* What pulses leave behind beyond their records (slow_tail.h), into their models. */
void learnt_channels_slow_tails(struct learnt_channel *channels, size_t n);

/* The channel's own estimate of all gains, with gain steps at the times given (n_steps up to GAIN_STEPS_MAX), which becomes its correction
 * for the time being. May be called again with more steps. */
void learnt_channel_estimate(struct learnt_channel *c, const struct spectrum_groups *groups, const int64_t *step_time_ns, uint32_t n_steps,
                             struct correction_estimate *out);
/* correction_drift_worth of the channel, with the steps of the last estimate; 0 without a model. */
double learnt_channel_drift_worth(struct learnt_channel *c, const struct spectrum_groups *groups);
/* Its correction, with the steps of the last estimate. prior: what the array has in common; NULL: nothing is known of that. */
void learnt_channel_correct(struct learnt_channel *c, const struct spectrum_groups *groups, const struct correction_prior *prior);

/* Its correction with these gains, unless its spectra are less sharp by them (correction_take). */
void learnt_channel_take(struct learnt_channel *c, const struct spectrum_groups *groups, const struct correction_estimate *estimate);

/* gain_step_scores of the channel; all 0 without a model. */
void learnt_channel_scores(struct learnt_channel *c, const struct spectrum_groups *groups, const int64_t *times, size_t n_times, struct gain_step_score *out);

/* Its correction with the references of the pulses in [start, end). */
struct height_correction learnt_channel_correction(const struct learnt_channel *c, int64_t start_ns, int64_t end_ns);
/* Heights of those pulses, corrected with *correction, which is that one. heights is malloc'ed, the caller frees. False: no memory. */
bool learnt_channel_heights(const struct learnt_channel *c, int64_t start_ns, int64_t end_ns, struct height_correction *correction, float **heights, int64_t **time_ns, size_t *n);

#endif
