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
#include <stdint.h>

#include "pulse/measured_pulse.h"
#include "pulse/status.h"

/* Heights were, or are to be, multiplied by 1 + slope x (pretrigger mean - reference). */
struct drift {
    double slope;       /* per count of pretrigger mean; 0: none */
    double reference;   /* counts; median of the pulses it was learnt on */
};

struct drift_learning {
    size_t pulses;              /* used: no cut, finite, not among the outermost percent in baseline or the top half percent in height */
    double entropy_before, entropy_after;    /* nats, all pulses used, at slope 0 and at the slope found */
    double held_out_before, held_out_after;  /* nats, mean of the two halves, at slope 0 and at the other half's slope */
    bool accepted;
};

/* group: n numbers, NULL for one group; pulses of one group stand together. Entropies of the groups are added, so that only pulses of
 * one group are compared: states with other lines in them, or with a jump between them, do not pull on the slope. expected_fwhm: resolution in height units; <= 0: 0.3 % of the median height.
 * STATUS_TOO_FEW (fewer than 100 usable pulses) and STATUS_NO_MEMORY leave the outputs alone; a slope that is not accepted is
 * STATUS_OK with slope 0 and the reference set. report may be NULL. */
enum status drift_learn(const struct measured_pulse *pulses, const uint32_t *group, size_t n, double expected_fwhm, struct drift *out, struct drift_learning *report);

/* height as it would be at the reference baseline. */
static inline float drift_correct(struct drift d, float height, float pretrigger_mean) {
    return (float)((double)height * (1 + d.slope * ((double)pretrigger_mean - d.reference)));
}

#endif
