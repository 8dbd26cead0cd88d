/* tests/pulse/mains_array.h - pretrigger means of an array that sees the mains: what mains_track is made from. */
#ifndef TESD_TESTS_PULSE_MAINS_ARRAY_H
#define TESD_TESTS_PULSE_MAINS_ARRAY_H

#include <math.h>
#include <stdlib.h>

#include "pulse/mains_track.h"
#include "tests/pulse/synthetic.h"

enum { ARRAY_PIXELS = 12, ARRAY_PULSES = 900 };

struct mains_array {
    double Hz, wander_rad, wander_s;   /* phase 2 pi Hz t + wander_rad sin(2 pi t / wander_s) */
    double jump_every_s;               /* the phase is another at random after so long; 0: never */
    double amplitude, noise;           /* counts */
    struct measured_pulse pulses[ARRAY_PIXELS][ARRAY_PULSES];
    struct mains_source source[ARRAY_PIXELS];
};

static inline double mains_array_phase(const struct mains_array *a, int64_t time_ns) {
    double t = (double)time_ns * 1e-9, jump = 0;
    if (a->jump_every_s > 0) {
        uint64_t k = (uint64_t)(t / a->jump_every_s) * 0x9e3779b97f4a7c15U;
        jump = (double)((k ^ (k >> 29)) % 6283) * 1e-3;
    }
    return 2 * M_PI * fmod(a->Hz * t, 1) + a->wander_rad * sin(2 * M_PI * t / a->wander_s) + jump;
}

/* Pixel i sees cos(phase + 0.7 i), three times a second. */
static inline void mains_array_make(struct synthetic *s, struct mains_array *a) {
    for (int i = 0; i < ARRAY_PIXELS; i++) {
        double t = 5;
        for (int k = 0; k < ARRAY_PULSES; k++) {
            t -= log(1 - synthetic_uniform(s)) / 3;
            struct measured_pulse *p = &a->pulses[i][k];
            *p = (struct measured_pulse){ .time_ns = (int64_t)(t * 1e9), .height = 1000, .baseline = 4000, .baseline_weight = 50 };
            double offset = a->amplitude * cos(mains_array_phase(a, p->time_ns) + 0.7 * i) + a->noise * synthetic_gauss(s) + (k % 50 == 3 ? 200 : 0);
            p->baseline_offset = (float)(offset * 49 / 50);
        }
        a->source[i] = (struct mains_source){ a->pulses[i], ARRAY_PULSES };
    }
}

#endif
