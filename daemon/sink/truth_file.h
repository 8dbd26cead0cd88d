/* daemon/sink/truth_file.h - what a simulated beamtime really was: truth.h5, for judges of analysis programs.
 *   plan + pixels + outcomes --> DIR/truth.h5
 * /settings   scalars of the simulation
 * /pixels     the numbers of each pixel (pulse/pixel_sim.h), limit_fwhm_eV[pixel, energy] (resolution_limit.h; energies in
 *             limit_energy_eV), records written, how many of them are faults and no photons, pulses that fell into the noise run
 * /photons    one row per photon, pixel by pixel, by time: time_ns (true arrival), pixel, energy_eV (deposited), kind (attribute
 *             kind_names), scan (number of scan or calibration, -1 in pauses and before a first point), point, phase (0 point, 1 moving, 2 pause, 3 calibration),
 *             incident_eV, fate (attribute fate_names), record (index in the pixel's pulse file that holds it as its first pulse, -1 none),
 *             frame and stamp_ns of that record (-1 and INT64_MIN for none)
 * /scans, /points  the plan; expected_photons[point, kind] for a pixel of sensitivity 1 (multiply with /pixels/sensitivity)
 * /calibration_mix  components of the emission at mono_eV   /feature  shape, and strength per condition
 * HDF5 calls: one thread. */
#ifndef TESD_DAEMON_SINK_TRUTH_FILE_H
#define TESD_DAEMON_SINK_TRUTH_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/beamtime_sim.h"
#include "daemon/sink/beamtime_writer.h"

struct truth_file;  /* opaque */

/* NULL after logging path and reason. Later failures are logged once and latch until truth_file_finish. */
struct truth_file *truth_file_create(const char *path, const struct beamtime_writer *w);
/* Pixels in order 0, 1, 2, ... */
void truth_file_add(struct truth_file *t, const struct pixel_outcome *outcome);
/* False when anything failed; frees t either way. */
bool truth_file_finish(struct truth_file *t);
void truth_file_abandon(struct truth_file *t);   /* removes the unfinished file; NULL is fine */

#endif
