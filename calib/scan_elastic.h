/* calib/scan_elastic.h - where the elastic line lies in one scan, and how wide it is: a number of its own, about monochromator and
 * calibration together, that is never folded into a gain (doc/methods.md, Lines and curves).
 *   energy-loss map of a scan --scan_elastic_find--> emission - incident, width, counts, the points they come from
 * Only points count where the line stands free: in blocks of incident energy, counts around loss 0 against those on either side, and
 * against what all other points emit at the block's energy. Where resonant emission or a fluorescence line runs through the elastic line
 * there is nothing to measure. Then a Gaussian on a flat background is fitted to
 * the sum of those points (line_fit.h); its place and width, which the flank of a line on one side would move and narrow, come from the points with
 * nothing on either side, where those have the counts for it. */
#ifndef TESD_CALIB_SCAN_ELASTIC_H
#define TESD_CALIB_SCAN_ELASTIC_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/rixs_map.h"
#include "calib/scan_timeline.h"

enum { SCAN_ELASTIC_BINS = 128 };

struct scan_elastic {
    bool found;
    double offset_eV, offset_sigma_eV;   /* emission - incident; NaN unless found */
    double fwhm_eV, fwhm_sigma_eV;       /* total; sigma 0: too few counts, held at the resolution given. NaN unless found */
    double counts;                       /* area of the line; NaN unless found */
    uint32_t n_points;                   /* points behind it */
    char reason[80];                     /* why not; "" when found */
    uint32_t n_bins;                     /* of the sum of those points, on the loss axis; 0: nothing to show */
    double low_eV, bin_eV;               /* bin i covers losses low + [i, i + 1) bin */
    uint32_t stack[SCAN_ELASTIC_BINS];
    double background;                   /* counts a bin beneath the line; NaN unless found */
};

/* loss: the map of the scan; resolution_eV: FWHM of the pixels together, NaN unknown (3 eV is taken). point_used: n_points bytes 0 or 1,
 * filled. What keeps it from being found is said in out->reason. */
void scan_elastic_find(const struct rixs_map *loss, const struct scan *scan, double resolution_eV, uint8_t *point_used, struct scan_elastic *out);
/* The same of points that somebody else chose: those of the scans that this one repeats. */
void scan_elastic_measure(const struct rixs_map *loss, const struct scan *scan, const uint8_t *point_used, double resolution_eV, struct scan_elastic *out);
/* What was fitted, counts in bin i of the stack; NaN unless found. */
double scan_elastic_fitted(const struct scan_elastic *e, uint32_t i);

#endif
