/* pulse/measured_pulse.h - what the pulse chain says about one record before calibration, whether it came as samples (LJH,
 * live) or as coefficients (OFF). Plain and small: learning keeps arrays of it. */
#ifndef TESD_PULSE_MEASURED_PULSE_H
#define TESD_PULSE_MEASURED_PULSE_H

#include <stdbool.h>
#include <stdint.h>

struct measured_pulse {
    int64_t time_ns;         /* trigger stamp floored to 1 us */
    int64_t frame;
    float height;            /* filtered, filter units (about peak counts), before any correction; NaN without a filter */
    float arrival_samples;   /* sub-sample arrival from the lag parabola, + = later; NaN without a filter */
    float pretrigger_mean;   /* counts */
    float residual;          /* counts rms left by the pixel's pulse model; NaN when not computed */
    uint32_t cuts;           /* CUT_BIT(...); 0 = a good pulse */
    float noise_factor;      /* noise of the height over the model's noise_sigma; 0 stands for 1 (gap_filter.h) */
    bool falling;            /* the pretrigger falls as on the tail of an earlier pulse, or as the noise of one good record in forty does */
    bool on_tail;            /* measured as standing on the tail of an earlier pulse (pixel_tail.h): its mean says nothing of the baseline */
    float tail_share;        /* of such a pulse: height of the tail per count of baseline_offset; 0: too little is left of it to matter */
    /* what baseline_track knows from the pulses around it; 0 before it was asked */
    float baseline;          /* counts: smooth of pretrigger means, jumps taken out; NaN unknown */
    float baseline_offset;   /* counts: this record's mean less that, for a pulse on a tail what the tail adds; 0 when it may not count */
    float baseline_weight;   /* number of records it rests on, in effect */
    float slow_counts;       /* of its mean, what earlier pulses' slow tails are expected to add (slow_tail.h); 0 before it was asked */
    /* what the open filter says (open_filter.h); both 0 without one */
    float open_height;       /* filter units; of a pulse whose height the neighbours gave (neighbour_height.h): what was its height before */
    float open_level;        /* counts above pretrigger_mean; NaN in such a pulse */
};

/* Height that a pulse would have to have to raise the signal as the tail does that this one stands on; 0: it stands on none. The detector's
 * response bends, so the pulse's energy is E(height + tail) - E(tail). */
static inline float measured_pulse_tail(const struct measured_pulse *p) {
    float tail = p->on_tail ? p->tail_share * p->baseline_offset : 0;
    return tail > 0 ? tail : 0;
}

#endif
