/* daemon/sink/picture_grid.h - a matrix of values over any two axes, drawn where they are: what every pixel did in windows of time, say.
 *   x, y, values --picture_grid_draw--> cells and colour bar
 * A cell reaches half way to its nearer neighbour, so that gaps of an axis stay gaps; gaps and NaN are grey. Colours span the middle 96 % of the
 * values: one odd pixel does not hide the rest. Counts are maps of photons (picture_map.h), which add where they are narrow; these do not. */
#ifndef TESD_DAEMON_SINK_PICTURE_GRID_H
#define TESD_DAEMON_SINK_PICTURE_GRID_H

#include <cairo.h>
#include <stdint.h>

#include "daemon/sink/picture_axes.h"

struct picture_grid {
    const double *x, *y, *values;   /* n_x, n_y, n_x times n_y (y runs fastest); borrowed */
    uint64_t n_x, n_y;
    const char *what;               /* of the colour bar */
};

/* Sets the data range of the axes, draws the cells and, in `bar`, the colour bar. */
void picture_grid_draw(cairo_t *c, const struct picture_grid *g, struct picture_axes *axes, const struct picture_axes *bar);

#endif
