/* daemon/cli/simulate_photons.h - a simulated beamtime at the level of photons: true arrivals, energies smeared by a stated response, through the
 * same grading, binning and products as records.   settings --simulate_photons--> OUT.nxs
 * Where records cost microseconds each, a photon costs a fraction of one: statistics of products over many seeds. */
#ifndef TESD_DAEMON_CLI_SIMULATE_PHOTONS_H
#define TESD_DAEMON_CLI_SIMULATE_PHOTONS_H

#include "daemon/cli/simulate_run.h"

/* Response: a Gaussian of FWHM resolution x (1 +- 0.15 from pixel to pixel) x sqrt(0.5 + 0.5 E / 700 eV), 1.2 times as wide in the grades below
 * high; photons nearer than the trigger resolves are one of their summed energy. Each point carries true_rate_Hz, the photons/s of a pixel of
 * sensitivity 1, and pixels carry their true resolution. An enum exit_code. */
int simulate_photons(const struct simulate_settings *s);

#endif
