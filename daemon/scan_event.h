/* daemon/scan_event.h - what the beamline does, as it happens: runs, scans, points, calibrations.
 *   control/scan_link (scan points by RPC), the acquisition's labels --> scan_event --> book, journal, scan archive
 * Times are ns since 1970 UTC on the clock that stamps records; a point is [start, end). Plain; copied freely. */
#ifndef TESD_DAEMON_SCAN_EVENT_H
#define TESD_DAEMON_SCAN_EVENT_H

#include <stdint.h>

enum scan_event_kind {
    SCAN_EVENT_RUN_START,          /* the acquisition began to write, or file_start: `text` is the run's folder or name, number its run number */
    SCAN_EVENT_RUN_END,
    SCAN_EVENT_SCAN_START,         /* number, sample, var_name, var_unit, label */
    SCAN_EVENT_POINT_START,        /* incident_eV */
    SCAN_EVENT_POINT_END,          /* i0, i0_sigma */
    SCAN_EVENT_SCAN_END,
    SCAN_EVENT_CALIBRATION_START,  /* label, number, mono_eV in incident_eV */
    SCAN_EVENT_CALIBRATION_END,
    N_SCAN_EVENT_KINDS
};

struct scan_event {
    enum scan_event_kind kind;
    int64_t time_ns;
    int32_t number;                /* of run, scan or calibration as the beamline counts; -1: none */
    double incident_eV;            /* NaN: not an energy, or unknown */
    double i0, i0_sigma;           /* NaN: unknown */
    char sample[64], label[32], var_name[32], var_unit[16];
    char text[256];
};

#endif
