/* calib/jump_time.h - when did a pixel jump? A calibration shows that its lock point moved since the one before, not when; a scan in
 * between that is measured by the wrong curve has all its lines some 20 eV off.
 *   one pixel's photons, each as energy by the curve before and by the curve after + what the array saw meanwhile --> how many came before
 * Photon i speaks for the curve before with  l_i = ln f(E_before) - ln f(E_after),  f the array's spectrum at that time with a floor under
 * it, so that a photon at a place where the array sees nothing says little. The jump is where the sum of l stops growing: the change
 * point of largest likelihood. No form of the sample's spectrum is assumed. */
#ifndef TESD_CALIB_JUMP_TIME_H
#define TESD_CALIB_JUMP_TIME_H

#include <stddef.h>

#include "calib/spectrum.h"

/* l of a photon. array: counts against eV, of the other pixels at that time, smoothed by more than curves drift (some eV); energies outside
 * its axis have the floor alone. Within +-2, so that no single photon decides. */
double jump_time_evidence(const struct spectrum *array, double before_eV, double after_eV);

/* The first `index` of n photons in time order are known to be of the time before, the others are not: they came later, or so close to
 * the jump that it cannot be told (e^5 to 1). n: no jump among them. 0: nothing says that the curve before held at all. */
size_t jump_time_index(const double *evidence, size_t n);

#endif
