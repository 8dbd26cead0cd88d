/* daemon/stage/learn.h - one channel's records -> learnt_channel: its pixel model and its measured pulses.
 * Pushed, never pulling: noise records, then training records, then (with the model made) every record once more to be measured.
 * One learner per channel; learners share nothing, so channels can be learnt in parallel. Holds about 50 bytes per record. */
#ifndef TESD_DAEMON_STAGE_LEARN_H
#define TESD_DAEMON_STAGE_LEARN_H

#include <stdbool.h>

#include "calib/scan_timeline.h"
#include "daemon/channel_record.h"
#include "daemon/stage/learnt_channel.h"
#include "pulse/noise_plan.h"

enum { LEARNT_PULSES_MAX = 20000 };  /* kept per channel for what follows; more are thinned evenly, calibrations last */

struct learner;

/* plan: for records of shape->n_samples; shared by learners (execution is thread-safe), NULL for coefficients. Only calibrations of
 * the timeline are learnt from when it has any, else all records. False when memory fails. */
bool learner_new(const struct channel_shape *shape, const struct noise_plan *plan, const struct scan_timeline *timeline, struct learner **out);
void learner_open(struct learner *l);   /* asks for an open filter as well (open_filter.h): what the neighbour mode measures with */
void learner_noise(struct learner *l, const struct channel_record *record);
void learner_train(struct learner *l, const struct channel_record *record);
void learner_make_model(struct learner *l);
/* Instead of noise, training records and making a model: this one's filters are kept. Its record length must be the channel's. */
void learner_keep_model(struct learner *l, const struct pixel_model *m);
void learner_measure(struct learner *l, const struct channel_record *record);
/* Follows the baseline, gives everything to *out and frees the learner. False when memory failed on the way. */
bool learner_finish(struct learner *l, struct learnt_channel *out);

#endif
