/* pulse/phase_wave.h - sine and cosine of many phases at once, for corrections of every photon: libm's cost as much each as all the rest.
 *   turns[n] --> sin(2 pi turns), cos(2 pi turns), each right to 2e-15, the same bits for a phase alone and among others */
#ifndef TESD_PULSE_PHASE_WAVE_H
#define TESD_PULSE_PHASE_WAVE_H

#include <stddef.h>

/* |turns| < 2^50. The arrays do not overlap. */
void phase_waves(const double *restrict turns, size_t n, double *restrict sine, double *restrict cosine);

#endif
