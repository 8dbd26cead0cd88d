/* daemon/cli/simulate_run.h - the work of tesd simulate.  settings --> DIR with two runs, logs and truth.h5 */
#ifndef TESD_DAEMON_CLI_SIMULATE_RUN_H
#define TESD_DAEMON_CLI_SIMULATE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/beamtime_sim.h"
#include "pulse/trigger_sim.h"

/* Numbers are doubles, as typed; their ranges have been checked. */
struct simulate_settings {
    const char *folder, *lines;
    bool force, feature_given, start_given;
    enum trigger_mode trigger;
    int64_t start_ns;
    uint32_t n_edges, n_conditions, n_strengths, n_calibrant;
    double calibrant_eV[BEAMTIME_MAX_CALIBRANT];
    const struct rixs_edge *edges[BEAMTIME_MAX_EDGES];
    char conditions[BEAMTIME_MAX_CONDITIONS][BEAMTIME_NAME];
    double feature[BEAMTIME_MAX_CONDITIONS];
    double pixels, seed, samples, presamples, period_s, rate_Hz, scans, points, dwell_s, move_s, calibration_s, mono_eV, noise_records, bad_fraction, resolution_eV,
        gain_step, gain_drift, gain_bow, mains_wander_Hz, stamp_jitter_us, crosstalk, shower_Hz, shower_share, flux_step, jumping, jump_at, jump_back, jump_counts, jump_baseline, workers;
};

int simulate_run(const struct simulate_settings *s);   /* an enum exit_code */

#endif
