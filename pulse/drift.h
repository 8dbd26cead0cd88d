/* pulse/drift.h - gain that follows the baseline: measured pulses --drift_learn--> slope of height against pretrigger mean.
 * height x (1 + slope x (m - reference)) with the slope that makes the spectrum of heights sharpest, judged by the entropy
 * -sum p ln p of its smoothed, normalised histogram (idea: mass; its faults and these remedies: pulse-analysis.md 6).
 *   - the slope is bounded: |slope| x spread of m < 0.05, searched on a grid and refined, coarse smoothing first;
 *   - the histogram's range and the set of pulses are fixed beforehand, so no slope can win by pushing pulses out;
 *   - smoothing follows the expected resolution, not a number of counts;
 *   - it must hold for pulses it was not learnt on: both halves of the data (alternate blocks) must get sharper with the
 *     other half's slope, else the slope is 0. */
#ifndef TESD_PULSE_DRIFT_H
#define TESD_PULSE_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "pulse/measured_pulse.h"
#include "pulse/pixel_model.h"
#include "pulse/status.h"

struct drift_learning {
    size_t pulses;              /* used: no cut, finite, not among the outermost percent in baseline or the top half percent in height */
    double entropy_before, entropy_after;    /* nats, all pulses used, at slope 0 and at the slope found */
    double held_out_before, held_out_after;  /* nats, mean of the two halves, at slope 0 and at the other half's slope */
    bool accepted;
};

/* pulses: measured with a drift slope of 0. expected_fwhm: resolution in height units; <= 0: 0.3 % of the median height.
 * STATUS_TOO_FEW (fewer than 100 usable pulses) and STATUS_NO_MEMORY leave the outputs alone; a slope that is not accepted is
 * STATUS_OK with slope 0 and the reference set. report may be NULL. */
enum status drift_learn(const struct measured_pulse *pulses, size_t n, double expected_fwhm, struct drift *out, struct drift_learning *report);

#endif
