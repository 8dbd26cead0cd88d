/* daemon/beamtime.h - the recorded input of an offline command: pulses, noise, and the timeline of scans and calibrations. */
#ifndef TESD_DAEMON_BEAMTIME_H
#define TESD_DAEMON_BEAMTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/scan_timeline.h"
#include "daemon/source/run_input.h"

struct beamtime_paths {
    char **pulses, **noise, **logs;   /* as named on the command line */
    size_t n_pulses, n_noise, n_logs;
    bool prefer_off;
    const char *calibration;          /* label of a state that counts as a calibration whatever its name; "all": all records, nothing else; NULL: CALn only */
};

struct beamtime {
    struct run_input pulses, noise;
    struct scan_timeline *timeline;
    size_t n_calibrations, n_scans;   /* scans: those with points */
    size_t refused;                   /* inputs left out; each was logged */
};

/* False after logging when there is nothing to work on (no pulse file that can be read). */
bool beamtime_open(const struct beamtime_paths *paths, const char *i0_key, struct beamtime *out);
void beamtime_close(struct beamtime *b);

#endif
