/* calib/scan_cuts.h - spectra cut out of a scan's maps and yields, each with its errors.
 *   scan_products --scan_cut_*--> one curve: emission spectra (XES), constant-emission and constant-loss cuts (CEE, CET),
 *   PFY with the elastic line taken out
 * Counts of maps are integers of grade high; a window on a map takes the whole bins whose middles lie in it, and the curve says which
 * edges that makes. Everything is counted anew from photons on other bins by making the maps anew. Definitions: doc/methods.md, Maps and yields. Pure. */
#ifndef TESD_CALIB_SCAN_CUTS_H
#define TESD_CALIB_SCAN_CUTS_H

#include <stdint.h>

#include "calib/elastic_area.h"
#include "calib/scan_elastic.h"
#include "calib/scan_products.h"
#include "pulse/status.h"

/* value and error are NaN where they cannot be. All arrays are the curve's own. */
struct scan_cut {
    uint32_t n;
    uint32_t *counts;            /* n; what was counted */
    double *value, *error;       /* n */
    double lo_eV, hi_eV;         /* edges of the window that was taken; NaN: none */
    /* of an emission spectrum: */
    uint32_t n_points;           /* points added */
    double live_time_s, exposure;   /* sums over them: of live time, of I0 x live time (NaN unless all have an I0 above 0) */
};
enum status scan_cut_new(uint32_t n, struct scan_cut *out);   /* n counts of 0, the rest NaN */
void scan_cut_done(struct scan_cut *c);

/* What curves of a scan are divided by: I0 x live time where a point has an I0 above 0. */
enum yield_norm scan_cut_norm(const struct scan *s);

/* Photons against emission energy (bins of p->emission) at the points with lo <= incident_eV <= hi; lo = hi: the point nearest to it.
 * value: counts per eV and exposure (per live time when exposure is NaN). STATUS_TOO_FEW: no such point. */
enum status scan_cut_emission(const struct scan_products *p, double lo_eV, double hi_eV, struct scan_cut *out);

/* Photons of a map (p->emission: CEE; p->loss: CET) in the window against the points, divided as a PFY is. STATUS_BAD_VALUE: no bin's
 * middle lies in the window. */
enum status scan_cut_constant(const struct scan_products *p, const struct rixs_map *map, double lo_eV, double hi_eV, struct scan_cut *out);

enum elastic_removal {
    ELASTIC_MASKED,      /* photons within 1.3 FWHM of the elastic line are left out */
    ELASTIC_SUBTRACTED   /* its Gaussian is subtracted, with the area per exposure that it has at that incident energy (elastic_area.h) */
};
/* Area of the elastic line, as scan_elastic_find found it with `point_used`, in the units of the yields of p (per I0 and live time, or per
 * live time). out: n_points. */
enum status scan_cut_elastic_area(const struct scan_products *p, const struct scan_elastic *e, const uint8_t *point_used, struct elastic_area *out);
/* PFY of a window, from the emission map, without the elastic line; area: n_points, as scan_cut_elastic_area made them (not asked for a
 * mask). STATUS_TOO_FEW: it was not found. counts: before a subtraction, after masking. */
enum status scan_cut_without_elastic(const struct scan_products *p, const struct yield_region *window, const struct scan_elastic *e, const struct elastic_area *area,
                                     enum elastic_removal how, struct scan_cut *out);
/* Whether the elastic line runs through the window at any point of the scan. */
bool scan_cut_meets_elastic(const struct scan_products *p, const struct yield_region *window, const struct scan_elastic *e);

/* Photons of the elastic line against the points: loss map within 1.5 FWHM of it. */
enum status scan_cut_elastic(const struct scan_products *p, const struct scan_elastic *e, struct scan_cut *out);

#endif
