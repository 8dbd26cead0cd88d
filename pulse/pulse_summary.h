/* pulse/pulse_summary.h - what one record says before any model: pulse_record --> pulse_summary.
 * Definitions are those of mass (doc/methods.md, Records), to the bit where they are integers; sums are exact integers or doubles.
 * d[k], k = 0..N-1: samples; p = n_presamples; e = p - 3: the last three presamples may already hold the rise. */
#ifndef TESD_PULSE_PULSE_SUMMARY_H
#define TESD_PULSE_PULSE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/pulse_record.h"

struct pulse_summary {
    float pretrigger_mean;      /* counts: m = mean of d[0..e-1] */
    float pretrigger_rms;       /* counts: population standard deviation s of the same samples */
    uint16_t peak_index;        /* first k with the largest d[k] of the whole record; 0 if that is <= m */
    uint16_t peak_value;        /* counts: largest d - int(m + 0.5); 0 if the largest is <= m */
    uint16_t min_value;         /* counts: smallest d, baseline included */
    float pulse_average;        /* counts: mean of d[p-1..N-1] - m */
    float pulse_rms;            /* counts: root mean square of d - m over the same samples */
    bool shift1;                /* d[p-1] - m > 4.3 s: the trigger came one sample early */
    float promptness;           /* (mean of d[p+2-q..p+7-q] - m) / peak_value, q = shift1; 0 if peak_value is 0 */
    float rise_time_s;          /* 10 to 90 %, scaled to the full height; NaN where it has no meaning */
    float postpeak_derivative;  /* counts per sample: steepest rise behind the peak sample, two samples long */
};

/* record: at least 8 samples behind the trigger and 4 before it. peak_sample: where pulses of this pixel have their maximum
 * (mode of peak_index over training data), which is where the search for a second rise begins. */
struct pulse_summary pulse_summary_of(const struct pulse_record *record, uint32_t peak_sample);

#endif
