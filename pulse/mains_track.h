/* pulse/mains_track.h - phase and frequency of the mains through a run, from the pretrigger means of all pixels together.
 *   pulses of all pixels --new--> mains_track;   time --at--> the wave's phase;   a pixel's pulses --fit--> its amplitude and phase
 * A record's mean less its baseline (baseline_track.h) holds Re(C e^(i phi(t))) of the mains: phi is the array's, C the pixel's. One pixel
 * has a few samples a second of it, the array has hundreds. Sums of offset x e^(-i w t) in bins of 0.25 s, over pixels with weight conj(C) / noise variance, are looked
 * at through a Gaussian window of 4 s around every second: the frequency that makes the sum largest (within 0.16 Hz of the nominal one,
 * power smoothed over 10 s) gives the phase there. C and phi are found in turns, beginning with one pixel's. The mains
 * need not be locked to anything, but must keep its phase over some seconds: real grids wander by some 20 mHz in minutes. Pure. */
#ifndef TESD_PULSE_MAINS_TRACK_H
#define TESD_PULSE_MAINS_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/measured_pulse.h"
#include "pulse/status.h"

enum { MAINS_PIXELS_MIN = 6 };

struct mains_track;  /* opaque; immutable once made */

struct mains_source {                      /* one pixel, borrowed: pulses in time order with their baselines */
    const struct measured_pulse *pulses;
    size_t n;
};

/* What a pixel's offsets say of the mains. */
struct mains_wave {
    double cosine, sine;       /* counts: wave = cosine cos phi + sine sin phi, in pretrigger means */
    double spread;             /* counts: robust deviation of the offsets used, mains included */
    double chi2;               /* by which the wave explains them better than nothing, in units of their variance; 2 by chance */
};

/* STATUS_TOO_FEW: fewer than MAINS_PIXELS_MIN sources have 100 good pulses, or nothing keeps its phase (median chi2 below 40): there is
 * no mains, or none that can be followed. STATUS_BAD_VALUE: the run is longer than a month. STATUS_NO_MEMORY. */
enum status mains_track_new(const struct mains_source *sources, size_t n, double nominal_Hz, struct mains_track **out);
void mains_track_free(struct mains_track *t);

/* Cosine and sine of phi. False: not known well enough then (0.25 rad). */
bool mains_track_at(const struct mains_track *t, int64_t time_ns, double *cosine, double *sine);
struct mains_wave mains_track_fit(const struct mains_track *t, const struct mains_source *source);
double mains_track_mean_Hz(const struct mains_track *t);   /* over the seconds that are known */

#endif
