/* calib/elastic_area.h - photons of the elastic line per exposure, at each incident energy of a scan.
 *   energy-loss map + scan_elastic + exposures --elastic_area_find--> area and its error, point by point
 * The elastic yield is no constant of a scan: the sample absorbs more above an edge, and scatters more on a white line. So:
 * - Where the line stands free (scan_elastic.h) its area is measured: neighbouring points are joined until they hold some 400 counts, and
 *   in each such stretch the Gaussian of the scan is fitted with a flat background, by a linear filter (weights even about the line, zero
 *   in sum), which has no bias at any count and none from a background that slopes. In between it is interpolated, outside it is constant.
 * - Elsewhere losses and fluorescence lie below the line and hide it; above it there is nothing. Twice the counts on that side are an upper
 *   bound: an interpolated area above it is lowered to it, one below it has the distance in its error, and a fifth of itself besides.
 * Errors of neighbouring points are those of one stretch: common to them, not independent. Pure. */
#ifndef TESD_CALIB_ELASTIC_AREA_H
#define TESD_CALIB_ELASTIC_AREA_H

#include <stdint.h>

#include "calib/rixs_map.h"
#include "calib/scan_elastic.h"
#include "calib/scan_timeline.h"
#include "pulse/status.h"

struct elastic_area {
    double area, sigma;   /* counts of the whole line per exposure */
    bool measured;        /* the line stands free here; false: interpolated */
};

/* exposure: n_points, what counts of the map are divided by; not above 0, or NaN: the point is not asked. e and point_used as scan_elastic_find
 * made them of the same map, e->found. out: n_points; NaN where the incident energy is. STATUS_TOO_FEW: no point that stands free has an
 * exposure. */
enum status elastic_area_find(const struct rixs_map *loss, const struct scan *scan, const double *exposure, const struct scan_elastic *e, const uint8_t *point_used,
                              struct elastic_area *out);

#endif
