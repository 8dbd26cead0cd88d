/* tests/pulse/drifting.h - measured pulses of a made-up pixel whose gain follows its baseline, arrival and steps in a known way. */
#ifndef TESD_TESTS_PULSE_DRIFTING_H
#define TESD_TESTS_PULSE_DRIFTING_H

#include <math.h>

#include "pulse/baseline_track.h"
#include "pulse/measured_pulse.h"
#include "tests/pulse/synthetic.h"

#define DRIFTING_SIGMA 5.0     /* height units, of a line */
#define DRIFTING_BASELINE 6000.0

struct drifting {
    double slope;              /* true height = height x (1 + slope x baseline change) */
    double phase2;             /* relative, per square of arrival */
    double offset;             /* height units per count that the record's own mean is off */
    double step, step_s;       /* relative, from that time on */
    double spread;             /* counts, of the slow baseline */
    double period_s;
    double even_per_s;         /* relative gain that it gains evenly */
};

static inline double drifting_slow(const struct drifting *d, double t) {
    return d->spread * sin(2 * M_PI * t / d->period_s);
}

/* n pulses, three a second: lines and a continuum. *truth, when wanted: heights as they should be. */
static inline void drifting_make(struct synthetic *s, const struct drifting *d, size_t n, struct measured_pulse *p, double *truth) {
    static const double lines[] = { 3000, 5000, 6500, 7200 };
    double t = 0;
    for (size_t i = 0; i < n; i++) {
        t -= log(1 - synthetic_uniform(s)) / 3;
        double height = i % 5 == 4 ? 1000 + 7000 * synthetic_uniform(s) : lines[synthetic_bits(s) % 4];
        double slow = drifting_slow(d, t), own = synthetic_gauss(s), arrival = 1.2 * synthetic_uniform(s) - 0.6;
        double gain = (1 - d->slope * slow) * (1 - d->phase2 * arrival * arrival) * (t >= d->step_s ? 1 + d->step : 1) * (1 + d->even_per_s * t);
        double noise = DRIFTING_SIGMA * synthetic_gauss(s);
        p[i] = (struct measured_pulse){ .time_ns = (int64_t)(t * 1e9), .height = (float)((height + noise) * gain - d->offset * own),
                                        .arrival_samples = (float)(arrival + 0.1 * height / 5000), .pretrigger_mean = (float)(DRIFTING_BASELINE + slow + own) };
        if (truth)
            truth[i] = height + noise;
    }
    struct baseline_rule rule = { 0 };
    baseline_track_both(&rule, p, n);
}

#endif
