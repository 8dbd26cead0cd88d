/* daemon/rebuild_input.h - one NeXus file of ours as far as its products can be made anew from it: pixels, scans with points, axes, windows
 * and grade times, gaps. Photon rows stay in the file (photon_file.h). One thread (HDF5). */
#ifndef TESD_DAEMON_REBUILD_INPUT_H
#define TESD_DAEMON_REBUILD_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_sensitivity.h"
#include "daemon/h5_input.h"
#include "daemon/rebuild_scan.h"

struct rebuild_pixel {
    uint32_t channel;
    char name[64], verdict[64], reason[256];
    double sensitivity, resolution_eV;
    uint64_t lost_upstream;
    uint8_t neighbours;
    double neighbour_line_pull;
};

/* calibration_NNNN, as far as scans need it. */
struct rebuild_calibration {
    int32_t number;
    int64_t start_ns;
    double resolution_eV;         /* of the typical pixel; NaN unknown */
    char line_table[64];
    char *line_table_text;        /* owned */
};

struct rebuild_gap { int64_t from_ns, to_ns; uint64_t lost; };

struct rebuild_input {
    struct h5_input file;
    hid_t entry;
    size_t n_pixels, n_scans, n_gaps, n_calibrations;
    struct rebuild_pixel *pixels;
    struct rebuild_scan *scans;
    struct rebuild_gap *gaps;
    struct rebuild_calibration *calibrations;
    struct calibration_counts counts;   /* n 0: the file has none */
    uint64_t n_rows;              /* that are sure to be whole */
    uint64_t n_points;            /* of its scan, in a file left open; else UINT64_MAX */
    int64_t start_ns, end_ns;     /* of the scans; start > end: none */
    char state[32];               /* "final", ...; "" unknown */
    char *config;                 /* text of the settings; owned */
};

bool rebuild_input_open(const char *path, struct rebuild_input *out);   /* false after logging; nothing to be closed then */
void rebuild_input_close(struct rebuild_input *in);

#endif
