/* daemon/stage/analyse.h - record -> measured pulse -> photon: the pixel's model gives height and cuts, its calibration energy_eV and
 * sigma. Two steps, because corrections may look at a record's neighbours in time. No state of its own. */
#ifndef TESD_DAEMON_STAGE_ANALYSE_H
#define TESD_DAEMON_STAGE_ANALYSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_pair.h"
#include "calib/calibration_table.h"
#include "calib/line_lock.h"
#include "calib/photon_block.h"
#include "daemon/channel_record.h"
#include "pulse/baseline_track.h"
#include "pulse/lock_watch.h"
#include "pulse/mains_track.h"
#include "pulse/measured_pulse.h"
#include "pulse/neighbour_height.h"
#include "pulse/pixel_model.h"
#include "pulse/slow_tail.h"

struct analyse_settings {
    uint32_t pixel;
    const struct pixel_model *model;             /* NULL: every row gets CUT_NO_MODEL */
    size_t n_tables;
    struct calibration_table *const *tables;     /* by start time */
    const struct line_lock *lock;                /* follows a line of the sample during scans; NULL: not. Never with causal */
    bool causal;                                 /* a record and those before it, and the latest calibration, alone; false: from both sides */
    const struct neighbour_height *neighbours;   /* from both sides only: heights by neighbours; NULL: none */
    const struct mains_track *mains;             /* for them; NULL: none */
};

/* What holds for the pixel at a time (calibration_pair.h). before NULL: no curve. */
struct calibration_pair analyse_calibration_at(const struct analyse_settings *s, int64_t time_ns);

/* Record -> measured pulse: raw height, arrival, baseline, cuts. Without a model: NaN and CUT_NO_MODEL. Causal: with what the record itself tells of
 * pulses before and behind its own (pixel_model_measure_crowded). Nothing allocates. */
void analyse_measure(const struct analyse_settings *s, const struct channel_record *record, struct measured_pulse *out);

/* All of a channel's measured pulses in their order -> rows: corrections (which set the pulses' baselines), energy_eV and sigma. Appends
 * n rows; the block has room. Scan, point and incident energy are left for bin. */
void analyse_rows(const struct analyse_settings *s, struct measured_pulse *pulses, size_t n, struct photon_block *into);

/* Row i again, from its pulse measured anew (another height, other cuts): its grade, scan and point stay, and so does what channel_events said. */
void analyse_row_again(const struct analyse_settings *s, const struct measured_pulse *pulse, struct photon_block *block, size_t i);

/* One channel's place when its records come one by one; zeros at its start. When its model is another, all but `lock`: a pixel that jumped is
 * trusted again by a calibration that began after the jump, or when it comes back (lock_watch.h). */
struct analyse_track {
    size_t ended;   /* so many calibrations are over; with the end of each, all but `lock` begins anew from where the calibration says that the baseline stood, so that
                     * it matters to nobody since when the channel was followed */
    bool begun;   /* with the first pulse that has a curve */
    struct baseline_rule rule;
    struct baseline_tracker tracker;
    struct slow_tail_sum slow;
    struct lock_watch lock;
};
/* The next n pulses of the channel -> n rows: what analyse_rows does with them when causal. The block has room. */
void analyse_next(const struct analyse_settings *s, struct analyse_track *track, struct measured_pulse *pulses, size_t n, struct photon_block *into);

#endif
