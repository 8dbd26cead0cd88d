/* daemon/sink/picture_map.h - a RIXS map made ready to be looked at: columns in the order of incident energy, emission range
 * cropped to where the counts are, a colour scale that fits their dynamic range. */
#ifndef TESD_DAEMON_SINK_PICTURE_MAP_H
#define TESD_DAEMON_SINK_PICTURE_MAP_H

#include <cairo.h>
#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/sink/colour_map.h"
#include "daemon/sink/picture_axes.h"
#include "pulse/status.h"

struct picture_map {
    uint32_t n_columns, n_bins;
    bool energy_known;       /* else x is the point's index */
    double *x, *x_edges;     /* n_columns, n_columns + 1 */
    double *counts;          /* n_columns x n_bins; points at the same incident energy are added */
    double *sums;            /* (n_columns + 1) x (n_bins + 1): running sums along a column, then along all together */
    double bin_eV, first_eV; /* emission */
    double y_lo, y_hi;       /* crop, eV */
    uint64_t photons;
    bool has_sign;           /* values on either side of 0: two colours, one scale for both */
    const char *what;        /* of the colour bar; NULL: "photons per bin" */
};

/* Any matrix values[n_columns x n_bins] over x and uniform bins, columns in any order of x; NaN count as 0. Borrows what. */
enum status picture_map_of_values(const double *x, uint32_t n_columns, double first_eV, double bin_eV, uint32_t n_bins, const double *values, bool has_sign, const char *what,
                                  struct picture_map *out);

/* Counts of so many neighbouring bins (returned: 1, 2, 4, ...) joined, so that a map of few photons shows more than dots; what is left at the
 * end of the axis is not shown. joined: room for n_columns x n_bins. */
uint32_t picture_map_join(const double *values, uint64_t n_columns, uint64_t n_bins, double bin_eV, double *joined);

enum status picture_map_init(const struct scan_products *p, struct picture_map *out);
void picture_map_done(struct picture_map *m);

/* Sets the data range of the axes, draws the image and, in `bar`, the colour bar. */
void picture_map_draw(cairo_t *c, const struct picture_map *m, struct picture_axes *axes, const struct picture_axes *bar);

#endif
