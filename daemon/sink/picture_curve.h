/* daemon/sink/picture_curve.h - one curve with its error bars in a frame (picture_axes.h). */
#ifndef TESD_DAEMON_SINK_PICTURE_CURVE_H
#define TESD_DAEMON_SINK_PICTURE_CURVE_H

#include <cairo.h>
#include <stdint.h>

#include "daemon/sink/picture_axes.h"

/* y_lo and y_hi of the axes: the range of the values with their errors (NULL: none), with some air; zero is shown unless the values are far
 * from it. NaN are left out. */
void picture_curve_range(struct picture_axes *a, const double *value, const double *error, uint64_t n);
/* A line, without points; NaN are gaps. In the colour that is set. */
void picture_curve_line(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, uint64_t n);
/* The same with points, and errors (NULL: none) as bars, or as a band where points are crowded; where no value is negative they end at 0. */
void picture_curve_draw(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, const double *error, uint64_t n);

#endif
