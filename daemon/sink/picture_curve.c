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

/* Points k and k + 1, both with a value: what lies between their bars. All go round the same way, so that a path of many has no holes. */
static void add_band(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, const double *error, uint64_t k, double floor_at) {
    const uint64_t left = x[k] <= x[k + 1] ? k : k + 1, right = x[k] <= x[k + 1] ? k + 1 : k;
    const struct band p = band_at(value, error, left, floor_at), q = band_at(value, error, right, floor_at);
    cairo_move_to(c, picture_axes_x(a, x[left]), picture_axes_y(a, p.lo));
    cairo_line_to(c, picture_axes_x(a, x[left]), picture_axes_y(a, p.hi));
    cairo_line_to(c, picture_axes_x(a, x[right]), picture_axes_y(a, q.hi));
    cairo_line_to(c, picture_axes_x(a, x[right]), picture_axes_y(a, q.lo));
    cairo_close_path(c);
}

static void add_bar(cairo_t *c, const struct picture_axes *a, double x, struct band b) {
    cairo_move_to(c, picture_axes_x(a, x), picture_axes_y(a, b.lo));
    cairo_line_to(c, picture_axes_x(a, x), picture_axes_y(a, b.hi));
}

/* Fainter than the curve, so that the values stand out; one path each, so that neighbours do not darken where they meet. */
static void draw_errors(cairo_t *c, const struct picture_axes *a, const double *x, const double *value, const double *error, uint64_t n) {
    const bool crowded = a->width < (double)CROWDED * (double)n;
    const double floor_at = floor_of(value, n);
    double red = 0, green = 0, blue = 0;
    cairo_pattern_get_rgba(cairo_get_source(c), &red, &green, &blue, NULL);
    cairo_set_source_rgba(c, red, green, blue, crowded ? 0.3 : 0.6);
    cairo_set_line_width(c, 1.2);
    for (uint64_t k = 0; crowded && k + 1 < n; k++)
        if (isfinite(value[k]) && isfinite(value[k + 1]))
            add_band(c, a, x, value, error, k, floor_at);
    cairo_fill(c);
    for (uint64_t k = 0; k < n; k++) {
        const bool before = k > 0 && isfinite(value[k - 1]), after = k + 1 < n && isfinite(value[k + 1]);
        if (isfinite(value[k]) && (!crowded || (!before && !after)))
            add_bar(c, a, x[k], band_at(value, error, k, floor_at));
    }
    cairo_stroke(c);
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
