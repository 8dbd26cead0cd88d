/* calib/absorption_edge.h - which absorption edge a scan of the incident energy crosses: for names of groups and for exported files. */
#ifndef TESD_CALIB_ABSORPTION_EDGE_H
#define TESD_CALIB_ABSORPTION_EDGE_H

#include <stddef.h>

struct absorption_edge {
    const char *symbol;      /* of the element */
    const char *shell;       /* "K" or "L3" */
    double onset_eV;
};

/* The edge whose onset the set points (n of them, ascending, finite) cross; of two (V L3 and O K lie 19 eV apart) the one nearer to the
 * middle set point, where points are densest. NULL: none, or a survey over more than two. Onsets: K of C, N, O and L3 of the 3d
 * metals, from xraylib. */
const struct absorption_edge *absorption_edge_crossed(const double *incident_eV, size_t n);

#endif
