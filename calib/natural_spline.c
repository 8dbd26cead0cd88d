#include "calib/natural_spline.h"

#include <assert.h>
#include <string.h>

/* The tridiagonal system h[i-1] m[i-1] + 2 (h[i-1] + h[i]) m[i] + h[i] m[i+1] = 6 (d[i] - d[i-1]) with m = 0 at both ends,
 * solved by elimination; it is diagonally dominant, so no pivoting. */
void natural_spline_init(struct natural_spline *s, const double *x, const double *y, size_t n) {
    assert(n >= 2 && n <= NATURAL_SPLINE_MAX);
    s->n = n;
    memcpy(s->x, x, n * sizeof *x);
    memcpy(s->y, y, n * sizeof *y);
    double upper[NATURAL_SPLINE_MAX] = {0};
    s->second[0] = s->second[n - 1] = 0;
    for (size_t i = 1; i + 1 < n; i++) {
        double left = x[i] - x[i - 1], right = x[i + 1] - x[i];
        double bend = 6 * ((y[i + 1] - y[i]) / right - (y[i] - y[i - 1]) / left);
        double pivot = 2 * (left + right) - left * upper[i - 1];
        upper[i] = right / pivot;
        s->second[i] = (bend - left * s->second[i - 1]) / pivot;
    }
    for (size_t i = n - 1; i-- > 1;)
        s->second[i] -= upper[i] * s->second[i + 1];
}

static size_t interval(const struct natural_spline *s, double x) {
    size_t i = 0;
    while (i + 2 < s->n && x > s->x[i + 1])
        i++;
    return i;
}

static double slope_at(const struct natural_spline *s, size_t i, double x) {
    double h = s->x[i + 1] - s->x[i], a = (s->x[i + 1] - x) / h, b = (x - s->x[i]) / h;
    return (s->y[i + 1] - s->y[i]) / h + h / 6 * ((3 * b * b - 1) * s->second[i + 1] - (3 * a * a - 1) * s->second[i]);
}

double natural_spline_value(const struct natural_spline *s, double x) {
    double first = s->x[0], last = s->x[s->n - 1];
    if (x < first)
        return s->y[0] + slope_at(s, 0, first) * (x - first);
    if (x > last)
        return s->y[s->n - 1] + slope_at(s, s->n - 2, last) * (x - last);
    size_t i = interval(s, x);
    double h = s->x[i + 1] - s->x[i], a = (s->x[i + 1] - x) / h, b = (x - s->x[i]) / h;
    return a * s->y[i] + b * s->y[i + 1] + h * h / 6 * ((a * a * a - a) * s->second[i] + (b * b * b - b) * s->second[i + 1]);
}

double natural_spline_slope(const struct natural_spline *s, double x) {
    double first = s->x[0], last = s->x[s->n - 1];
    double inside = x < first ? first : x > last ? last : x;
    return slope_at(s, interval(s, inside), inside);
}
