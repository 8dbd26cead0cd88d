#include "calib/absorption_edge.h"

#include <math.h>

static const struct absorption_edge edges[] = {
    { "C", "K", 283.8 },    { "N", "K", 401.6 },    { "O", "K", 532.0 },    { "Ti", "L3", 455.5 }, { "V", "L3", 512.9 },  { "Cr", "L3", 574.5 },
    { "Mn", "L3", 640.3 },  { "Fe", "L3", 708.1 },  { "Co", "L3", 778.6 },  { "Ni", "L3", 854.7 }, { "Cu", "L3", 931.1 }, { "Zn", "L3", 1019.7 },
};
enum { N_EDGES = sizeof edges / sizeof edges[0], MAX_EDGES_IN_SCAN = 2 };

const struct absorption_edge *absorption_edge_crossed(const double *incident_eV, size_t n) {
    if (n == 0)
        return NULL;
    unsigned crossed = 0;
    const struct absorption_edge *best = NULL;
    double middle = incident_eV[n / 2];
    for (const struct absorption_edge *e = edges; e < edges + N_EDGES; e++)
        if (e->onset_eV >= incident_eV[0] && e->onset_eV <= incident_eV[n - 1]) {
            crossed++;
            if (best == NULL || fabs(e->onset_eV - middle) < fabs(best->onset_eV - middle))
                best = e;
        }
    return crossed <= MAX_EDGES_IN_SCAN ? best : NULL;
}
