/* pulse/noise_sim.h - coloured detector noise that is one stationary process through the whole run.
 * Innovation form: one white normal e[k] drives everything,
 *     y[k] = white e[k] + sum_i weight_i x_i[k] + sum_j tone_j(k),      x_i[k+1] = pole_i x_i[k] + e[k],
 * so the spectrum is |white + sum_i weight_i / (z - pole_i)|^2 plus lines, its covariance is known in closed form, and a gap between
 * two records is crossed exactly (joint Gaussian of the states) without computing its samples. Records that touch or overlap
 * therefore carry the very same process. Pure; the caller owns everything. */
#ifndef TESD_PULSE_NOISE_SIM_H
#define TESD_PULSE_NOISE_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/random_stream.h"

enum { NOISE_POLES = 5, NOISE_TONES = 2, NOISE_WANDERS = 3 };

struct noise_tone { double amplitude_counts, cycles_per_sample, phase; };  /* amplitude sin(2 pi cycles k + phase) */

/* The phase of a grid is not a clock's: radians sin(2 pi cycles k + phase) is added to the first tone's. Within a record its frequency stands. */
struct noise_wander { double radians, cycles_per_sample, phase; };

struct noise_sim {
    double white_counts;                 /* standard deviation of the white part */
    double pole[NOISE_POLES];            /* 0 < pole < 1, per sample; all different */
    double weight_counts[NOISE_POLES];
    struct noise_tone tone[NOISE_TONES];
    struct noise_wander wander[NOISE_WANDERS];   /* of tone[0] */
};

/* A TES-like spectrum of unit white level: amplifier (white), Johnson noise rolled off at the rise time, thermal fluctuation noise
 * rolled off at the fall time, and a 1/f-like rise below a few hundred Hz down to 2 Hz. Levels are amplitude densities relative to
 * the white one, at frequencies well below each roll-off. Tones are set to zero. */
struct noise_levels { double johnson, thermal, flicker_30_Hz; };
void noise_sim_shape(struct noise_sim *n, double period_s, double rise_s, double fall_s, struct noise_levels levels);
void noise_sim_scale(struct noise_sim *n, double factor);   /* all amplitudes, tones included */

/* r[k], k = 0..n-1: covariance in counts^2. Tones enter as amplitude^2 / 2 cos: their phase counts as unknown. */
void noise_sim_autocovariance(const struct noise_sim *n, double *r, size_t count);

struct noise_stream {
    const struct noise_sim *noise;  /* borrowed */
    struct random_stream random;
    int64_t frame;                  /* next sample */
    double state[NOISE_POLES];
};

/* Stationary start at `frame`. */
void noise_stream_init(struct noise_stream *s, const struct noise_sim *noise, const struct random_stream *random, int64_t frame);
/* out[0..n) += noise of frames first_frame.. ; first_frame must not lie before the last sample read. */
void noise_stream_add(struct noise_stream *s, int64_t first_frame, double *out, size_t n);

#endif
