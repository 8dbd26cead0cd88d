/* daemon/stage/learn.h - one channel's records -> its pixel model, and its heights in every calibration.
 * Pushed, never pulling: noise records, then training records, then (with the model made) every record once more to be measured.
 * One learner per channel; learners share nothing, so channels can be learnt in parallel. Holds about 40 bytes per record. */
#ifndef TESD_DAEMON_STAGE_LEARN_H
#define TESD_DAEMON_STAGE_LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "daemon/channel_record.h"
#include "pulse/drift.h"
#include "pulse/noise_plan.h"
#include "pulse/pixel_model.h"

struct calibration_sample {          /* of one pixel in one calibration */
    float *heights;                  /* good pulses, corrected with `drift`, in time order */
    int64_t *time_ns;                /* of the same */
    size_t n;
    struct drift drift;              /* one slope for all calibrations, a reference of this one's own */
};

struct learnt_channel {
    struct pixel_model *model;       /* NULL: none; reason says why */
    char reason[200];                /* why there is no model, or what to know (such as an assumed white noise); "" nothing */
    struct pixel_learning learning;
    uint64_t measured, cut_counts[N_CUTS];    /* records measured, and those cut by their reason */
    size_t n_calibrations;
    struct calibration_sample *calibrations;  /* one per calibration of the timeline, in time order */
};

struct learner;

/* plan: for records of shape->n_samples; shared by learners (execution is thread-safe), NULL for coefficients. Only calibrations of
 * the timeline are learnt from when it has any, else all records. False when memory fails. */
bool learner_new(const struct channel_shape *shape, const struct noise_plan *plan, const struct scan_timeline *timeline, struct learner **out);
void learner_noise(struct learner *l, const struct channel_record *record);
void learner_train(struct learner *l, const struct channel_record *record);
void learner_make_model(struct learner *l);
void learner_measure(struct learner *l, const struct channel_record *record);
/* Learns the drift, gives everything to *out and frees the learner. False when memory failed on the way. */
bool learner_finish(struct learner *l, struct learnt_channel *out);
void learnt_channel_done(struct learnt_channel *c);

/* Calibrations of a timeline, by position; returns how many. index may be NULL to count. */
size_t learn_calibrations(const struct scan_timeline *t, size_t *index, size_t max);

#endif
