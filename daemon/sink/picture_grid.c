#include "daemon/sink/picture_grid.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/sink/colour_map.h"

static const uint32_t NOTHING = 0xdddddd;
static const double TAIL = 0.02;   /* of the values, at either end of the colours */

/* Half the distance to the nearer neighbour; of a single value 0.5. */
static double half_width(const double *at, uint64_t n, uint64_t k) {
    double half = INFINITY;
    for (uint64_t i = k > 0 ? k - 1 : 0; i <= k + 1 && i < n; i++)
        if (i != k && at[i] != at[k] && isfinite(at[i]))
            half = fmin(half, 0.5 * fabs(at[i] - at[k]));
    return isfinite(half) ? half : 0.5;
}

static void range_of(const double *at, uint64_t n, double *lo, double *hi) {
    *lo = INFINITY;
    *hi = -INFINITY;
    for (uint64_t k = 0; k < n; k++)
        if (isfinite(at[k])) {
            *lo = fmin(*lo, at[k] - half_width(at, n, k));
            *hi = fmax(*hi, at[k] + half_width(at, n, k));
        }
    if (!(*lo < *hi)) {
        *lo = 0;
        *hi = 1;
    }
}

/* For each of `size` places between lo and hi the cell it lies in; UINT64_MAX: none. NULL: no memory. */
static uint64_t *cells_of(const double *at, uint64_t n, double lo, double hi, int size) {
    uint64_t *cell = calloc((size_t)size + 1, sizeof *cell);
    for (int i = 0; cell != NULL && i < size; i++)
        cell[i] = UINT64_MAX;
    for (uint64_t k = 0; cell != NULL && k < n; k++) {
        const double half = half_width(at, n, k), scale = size / (hi - lo);
        if (!isfinite(at[k]))
            continue;
        const double first = ceil((at[k] - half - lo) * scale - 0.5), end = ceil((at[k] + half - lo) * scale - 0.5);
        for (int i = (int)fmax(first, 0); i < (int)fmin(fmax(end, first + 1), size); i++)
            cell[i] = k;
    }
    return cell;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void colour_range(const struct picture_grid *g, double *lo, double *hi) {
    const size_t cells = (size_t)(g->n_x * g->n_y);
    double *sorted = malloc((cells + 1) * sizeof *sorted);
    size_t n = 0;
    for (size_t k = 0; sorted != NULL && k < cells; k++)
        if (isfinite(g->values[k]))
            sorted[n++] = g->values[k];
    *lo = 0;
    *hi = 1;
    if (n > 0) {
        qsort(sorted, n, sizeof *sorted, ascending);
        *lo = sorted[(size_t)(TAIL * (double)(n - 1))];
        *hi = sorted[(size_t)((1 - TAIL) * (double)(n - 1))];
    }
    if (!(*lo < *hi)) {
        *lo -= 0.5;
        *hi = *lo + 1;
    }
    free(sorted);
}

static void draw_bar(cairo_t *c, struct picture_axes a, double lo, double hi, const char *what) {
    const double step = picture_axes_step(hi - lo, 8);
    picture_axes_slices(c, &a, colour_map_rgb);
    a.y_lo = lo;
    a.y_hi = hi;
    for (double k = ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9; k++)
        picture_axes_mark_right(c, &a, k * step, fabs(k * step) < step * 1e-6 ? 0 : k * step);
    picture_text_up(c, a.left + a.width + 72, a.top + a.height / 2, 15, what);
}

void picture_grid_draw(cairo_t *c, const struct picture_grid *g, struct picture_axes *axes, const struct picture_axes *bar) {
    const int width = (int)axes->width, height = (int)axes->height;
    double lo, hi;
    range_of(g->x, g->n_x, &axes->x_lo, &axes->x_hi);
    range_of(g->y, g->n_y, &axes->y_lo, &axes->y_hi);
    colour_range(g, &lo, &hi);
    uint64_t *column = cells_of(g->x, g->n_x, axes->x_lo, axes->x_hi, width), *row = cells_of(g->y, g->n_y, axes->y_lo, axes->y_hi, height);
    uint32_t *rgb = calloc((size_t)width * (size_t)height, sizeof *rgb);
    for (int j = 0; column != NULL && row != NULL && rgb != NULL && j < height; j++)
        for (int i = 0; i < width; i++) {
            const uint64_t x = column[i], y = row[height - 1 - j];
            const double value = x < g->n_x && y < g->n_y ? g->values[x * g->n_y + y] : (double)NAN;
            rgb[(size_t)j * (size_t)width + (size_t)i] = isfinite(value) ? colour_map_rgb((value - lo) / (hi - lo)) : NOTHING;
        }
    if (column != NULL && row != NULL && rgb != NULL)
        picture_axes_image(c, axes, rgb, width, height);
    draw_bar(c, *bar, lo, hi, g->what);
    free(column);
    free(row);
    free(rgb);
}
