#include "daemon/sink/picture_curve.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

enum { CROWDED = 7 };   /* page units between neighbours: nearer ones show their errors as a band */

static double error_of(const double *error, uint64_t k) { return error != NULL && isfinite(error[k]) ? error[k] : 0; }

/* What counts or a rate can be is not below 0, whatever a symmetric error says. */
static double floor_of(const double *value, uint64_t n) {
    for (uint64_t k = 0; k < n; k++)
        if (value[k] < 0)
            return -INFINITY;
    return 0;
}

/* The range of the values with their errors, with some air; zero is shown unless the values are far from it. */
void picture_curve_range(struct picture_axes *a, const double *value, const double *error, uint64_t n) {
    double lo = INFINITY, hi = -INFINITY;
    const double floor_at = floor_of(value, n);
    for (uint64_t k = 0; k < n; k++)
        if (isfinite(value[k])) {
            lo = fmin(lo, fmax(value[k] - error_of(error, k), floor_at));
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

void picture_curve_line(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, uint64_t n) {
    bool drawing = false;
    for (uint64_t k = 0; k < n; k++) {
        if (isfinite(value[k]))
            (drawing ? cairo_line_to : cairo_move_to)(c, picture_axes_x(a, x[k]), picture_axes_y(a, value[k]));
        drawing = isfinite(value[k]);
    }
    cairo_set_line_width(c, 1.6);
    cairo_stroke(c);
}

struct band { double lo, hi; };

static struct band band_at(const double *value, const double *error, uint64_t k, double floor_at) {
    return (struct band){ fmax(value[k] - error_of(error, k), floor_at), value[k] + error_of(error, k) };
}

/* Points k and k + 1, both with a value: what lies between their bars. */
static void draw_band(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, const double *error, uint64_t k, double floor_at) {
    const struct band p = band_at(value, error, k, floor_at), q = band_at(value, error, k + 1, floor_at);
    cairo_move_to(c, picture_axes_x(a, x[k]), picture_axes_y(a, p.lo));
    cairo_line_to(c, picture_axes_x(a, x[k]), picture_axes_y(a, p.hi));
    cairo_line_to(c, picture_axes_x(a, x[k + 1]), picture_axes_y(a, q.hi));
    cairo_line_to(c, picture_axes_x(a, x[k + 1]), picture_axes_y(a, q.lo));
    cairo_close_path(c);
}

static void draw_bar(cairo_t *c, const struct picture_axes *a, double x, struct band b) {
    cairo_move_to(c, picture_axes_x(a, x), picture_axes_y(a, b.lo));
    cairo_line_to(c, picture_axes_x(a, x), picture_axes_y(a, b.hi));
}

/* In half the strength of the curve, so that the values stand out. */
static void draw_errors(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, const double *error, uint64_t n) {
    const bool crowded = a->width < (double)CROWDED * (double)n;
    const double floor_at = floor_of(value, n);
    cairo_push_group(c);
    cairo_set_line_width(c, 1.2);
    for (uint64_t k = 0; k < n; k++) {
        const bool before = k > 0 && isfinite(value[k - 1]), after = k + 1 < n && isfinite(value[k + 1]);
        if (isfinite(value[k]) && crowded && after)
            draw_band(c, a, x, value, error, k, floor_at);
        if (crowded)
            cairo_fill(c);
        if (isfinite(value[k]) && (!crowded || (!before && !after)))
            draw_bar(c, a, x[k], band_at(value, error, k, floor_at));
        cairo_stroke(c);
    }
    cairo_pop_group_to_source(c);
    cairo_paint_with_alpha(c, crowded ? 0.3 : 0.6);
}

void picture_curve_draw(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, const double *error, uint64_t n) {
    cairo_save(c);
    if (error != NULL)
        draw_errors(c, a, x, value, error, n);
    cairo_restore(c);
    picture_curve_line(c, a, x, value, n);
    for (uint64_t k = 0; k < n && n <= 400; k++)
        if (isfinite(value[k])) {
            cairo_arc(c, picture_axes_x(a, x[k]), picture_axes_y(a, value[k]), n > 150 ? 1.8 : 2.6, 0, 6.283185307179586);
            cairo_fill(c);
        }
}
