#include "daemon/sink/picture_curve.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

static double error_of(const double *error, uint64_t k) { return error != NULL && isfinite(error[k]) ? error[k] : 0; }

/* The range of the values with their errors, with some air; zero is shown unless the values are far from it. */
void picture_curve_range(struct picture_axes *a, const double *value, const double *error, uint64_t n) {
    double lo = INFINITY, hi = -INFINITY;
    for (uint64_t k = 0; k < n; k++)
        if (isfinite(value[k])) {
            lo = fmin(lo, value[k] - error_of(error, k));
            hi = fmax(hi, value[k] + error_of(error, k));
        }
    if (!(lo < hi)) {
        lo = isfinite(lo) ? lo - 0.5 : 0;
        hi = lo + 1;
    }
    if (lo < 0.35 * hi)
        lo = fmin(lo, 0);
    a->y_hi = hi + 0.14 * (hi - lo);
    a->y_lo = lo < 0 || lo > 0 ? lo - 0.05 * (hi - lo) : 0;
}

void picture_curve_draw(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, const double *error, uint64_t n) {
    bool drawing = false;
    cairo_set_line_width(c, 1.6);
    for (uint64_t k = 0; k < n; k++) {
        if (isfinite(value[k]))
            (drawing ? cairo_line_to : cairo_move_to)(c, picture_axes_x(a, x[k]), picture_axes_y(a, value[k]));
        drawing = isfinite(value[k]);
    }
    cairo_stroke(c);
    cairo_set_line_width(c, 1);
    for (uint64_t k = 0; k < n && (error != NULL || n <= 400); k++)
        if (isfinite(value[k])) {
            double at = picture_axes_x(a, x[k]);
            cairo_move_to(c, at, picture_axes_y(a, value[k] - error_of(error, k)));
            cairo_line_to(c, at, picture_axes_y(a, value[k] + error_of(error, k)));
            cairo_stroke(c);
            cairo_arc(c, at, picture_axes_y(a, value[k]), n > 150 ? 1.8 : 2.6, 0, 6.283185307179586);
            cairo_fill(c);
        }
}
