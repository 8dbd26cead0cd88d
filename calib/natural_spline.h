/* calib/natural_spline.h - natural cubic spline through a few knots, continued straight outside them.
 * Linear in the knot values, so the spline of unit vectors gives exact weights for error propagation. */
#ifndef TESD_CALIB_NATURAL_SPLINE_H
#define TESD_CALIB_NATURAL_SPLINE_H

#include <stddef.h>

enum { NATURAL_SPLINE_MAX = 32 };

struct natural_spline {
    size_t n;                           /* 2..NATURAL_SPLINE_MAX */
    double x[NATURAL_SPLINE_MAX];       /* strictly increasing */
    double y[NATURAL_SPLINE_MAX];
    double second[NATURAL_SPLINE_MAX];  /* second derivatives at the knots, 0 at both ends */
};

void natural_spline_init(struct natural_spline *s, const double *x, const double *y, size_t n);
double natural_spline_value(const struct natural_spline *s, double x);
double natural_spline_slope(const struct natural_spline *s, double x);

#endif
