/* pulse/pixel_sim.h - one simulated pixel: the numbers that make its pulses, noise and faults.  seed + pixel --draw--> pixel_sim
 * These numbers are the truth that a judge reads back. All from the seed: the same pixel whatever the size of the array, except for
 * the choice of the bad ones. Times are seconds since the first frame of the run. Pure; plain values. */
#ifndef TESD_PULSE_PIXEL_SIM_H
#define TESD_PULSE_PIXEL_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "pulse/noise_sim.h"
#include "pulse/status.h"

enum pixel_kind {
    PIXEL_GOOD,
    PIXEL_DEAD,         /* never triggers: no file */
    PIXEL_NOISY,        /* several times the noise, and triggers on it */
    PIXEL_UNLOCKED,     /* readout jumps by flux quanta at random times and triggers on the jumps */
    PIXEL_SATURATED,    /* too little range left: large pulses are clipped at the end of the ADC; twice the rate */
    PIXEL_LOCK_JUMP,    /* locks at another point during the run: heights move by a constant, not by a factor */
    PIXEL_NO_CARBON,    /* contaminated window: almost nothing arrives below 350 eV */
    PIXEL_DOUBLE_GAIN,  /* its readout amplifies pulses and noise about twice as much as the others' */
    N_PIXEL_KINDS
};
extern const char *const pixel_kind_names[N_PIXEL_KINDS];

/* Which pixels are bad: round(fraction x n) of them, kinds in turn from a drawn start. kinds has n entries. fraction 0..1. */
void pixel_sim_kinds(uint64_t seed, uint32_t n, double fraction, enum pixel_kind *kinds);
/* Makes that fraction of those that are good jump. */
void pixel_sim_let_jump(uint64_t seed, uint32_t n, double fraction, enum pixel_kind *kinds);

enum { DRIFT_WAVES = 4 };

struct pixel_sim {
    enum pixel_kind kind;
    double period_s;                      /* sample period */
    /* Pulse: linear pulse
     *     l(t) = amplitude ((1 - slow_share) e^(-t/fall) + slow_share e^(-t/slow) - (rise e^(-t/rise) - front e^(-t/front)) / (rise - front)) / norm
     * (it starts as t^2: the readout's bandwidth rounds the front), and the signal is S(l) = l / (1 + l / saturation_counts): resistance that saturates, so the shape changes with energy, p/E falls and
     * piled-up pulses do not simply add. rise and fall have a small energy dependence of their own. */
    double gain_counts_per_keV;           /* peak of a small pulse */
    double saturation_counts;
    double rise_s, front_s, fall_s, slow_s;
    double slow_share;
    double rise_per_keV, fall_per_keV;    /* relative change */
    double norm;
    /* Baseline and gain */
    double baseline_counts;
    struct { double amplitude_counts, period_s, phase; } drift[DRIFT_WAVES];
    double gain_per_count;                /* relative gain change per count of baseline drift */
    double gain_step, gain_step_s;        /* relative step at that time; 0: none */
    double gain_drift, gain_bow;          /* relative: grows evenly to gain_drift over run_s; gain_bow x sin(pi t / run_s), nothing at both ends */
    double run_s;
    double jump_counts, jump_s;           /* PIXEL_LOCK_JUMP: added to every amplitude from then on */
    double jump_back_s;                   /* until then; 0: to the end */
    double jump_baseline_counts;          /* and so much to the baseline */
    double flux_jumps_per_s, flux_quantum_counts;   /* PIXEL_UNLOCKED */
    double noise_triggers_per_s;
    struct noise_sim noise;
    double level_counts;                  /* trigger level: rise over 4 samples */
    double sensitivity;                   /* relative rate of photons, mean about 1 over the array */
    double crosstalk;                     /* share of a neighbour's linear pulse that is seen here */
};

struct pixel_sim_settings {
    uint64_t seed;
    double period_s;
    uint32_t n_samples, n_presamples;
    double run_s;               /* length of the pulse run: places steps and jumps */
    double resolution_eV;       /* FWHM limit of a good pixel at 0.7 keV; the noise is scaled to it, with a spread of 8 % */
    double gain_step;           /* rms of the relative gain step halfway; 0: none */
    double gain_drift, gain_bow;   /* of the typical pixel, with a spread of 30 %; 0: none */
    double mains_wander_Hz;     /* rms of the frequency of the mains about its mean, in half a minute to ten; the array's */
    double jump_at, jump_back;  /* of PIXEL_LOCK_JUMP, in run_s; jump_back 0: it stays */
    double jump_counts;         /* typical size, of either sign, with a spread of 20 % */
    double jump_baseline;       /* counts of baseline for each of them */
    double crosstalk;           /* mean share of a neighbour's pulse; 0: a realistic 3.5e-4 */
};

/* STATUS_NO_MEMORY, STATUS_BAD_VALUE (settings out of range), STATUS_NOT_POSITIVE (noise covariance; does not happen for the
 * settings the command allows). */
enum status pixel_sim_draw(const struct pixel_sim_settings *settings, uint32_t pixel, enum pixel_kind kind, struct pixel_sim *out);

bool pixel_sim_jumped(const struct pixel_sim *p, double time_s);      /* heights are moved then */
double pixel_sim_baseline(const struct pixel_sim *p, double time_s);  /* counts, with drift and lock jump */
double pixel_sim_gain(const struct pixel_sim *p, double time_s);      /* factor, about 1 */
double pixel_sim_peak_samples(const struct pixel_sim *p);             /* arrival to maximum of a small pulse */

#endif
