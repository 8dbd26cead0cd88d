/* pulse/pulse_quality.h - what the cuts look at, of one record (doc/methods.md, Cuts and pile-up), all from exact integer sums.
 * The pretrigger window is d[0..p-5]: the last 4 presamples are left out, since the rise may begin early. */
#ifndef TESD_PULSE_PULSE_QUALITY_H
#define TESD_PULSE_PULSE_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/cut.h"
#include "pulse/dot_kernel.h"
#include "pulse/pixel_model.h"
#include "pulse/pulse_record.h"

struct pulse_quality {
    float pretrigger_mean;   /* counts: mean of d[0..p-4], mass's definition */
    float pretrigger_sd;     /* counts: population, over the window */
    float pretrigger_rise;   /* counts: fitted slope x length of the window, signed */
    int32_t peak_sample;     /* first index of the largest sample (of the smallest when inverted) */
    float peak_counts;       /* its distance from the pretrigger mean, positive for a pulse */
    float late_rise;         /* counts per 6 samples: largest 6-apart difference of 4-sample means from late_start on, or the least that was asked for */
    bool saturated;          /* two samples or more at 0, or at 65535 */
};

/* record: n_presamples >= 8. late_start: first sample that the search for a late rise looks at. Same result for any kernel. */
struct pulse_quality pulse_quality_of(const struct dot_kernel *kernel, const struct pulse_record *record, bool inverted, uint32_t late_start);

/* The same for who only has to know whether limits are kept, which is cheaper, and knows the extremes of the record already, as a filter tells them
 * (optimal_filter_look): a late rise that they allow is given as one that they just allow. */
struct pulse_quality pulse_quality_within(const struct dot_kernel *kernel, const struct pulse_record *record, bool inverted, const struct cut_limits *limits,
                                          struct dot_extremes extremes);

/* Where that search starts: 22 samples behind the trigger, or well behind the peak of slow pulses. */
uint32_t pulse_quality_late_start(const struct cut_limits *limits, uint32_t n_presamples);

/* CUT_BITs of the limits that are not kept. */
uint32_t pulse_quality_cuts(const struct pulse_quality *q, const struct cut_limits *limits);

#endif
