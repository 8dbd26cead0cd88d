/* The image is computed in the pixels of the page: a pixel's colour is the mean of the bins it covers, so a map of thousands of
 * bins is averaged and not sampled. Its size does not depend on the map's, in an SVG too. */
#include "daemon/sink/picture_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double MOST_JOINED_EV = 1, FULL_CELL = 30;   /* a map of single photons is joined until its fullest cell holds so many, or so far */

/* An incident axis, and the order of its points. */
struct ordered_point { double x; uint32_t point; };

static int by_x(const void *a, const void *b) {
    const struct ordered_point *p = a, *q = b;
    return p->x != q->x ? (p->x > q->x ? 1 : -1) : (p->point > q->point) - (p->point < q->point);
}

static bool incident_known(const struct scan *s) {
    for (uint32_t k = 0; k < s->n_points; k++)
        if (!isfinite(s->points[k].incident_eV))
            return false;
    return true;
}

static struct ordered_point *ordered(const struct scan_products *p, bool known) {
    struct ordered_point *points = calloc(p->n_points + (size_t)1, sizeof *points);
    for (uint32_t k = 0; points && k < p->n_points; k++)
        points[k] = (struct ordered_point){ known ? p->scan->points[k].incident_eV : k, k };
    if (points)
        qsort(points, p->n_points, sizeof *points, by_x);
    return points;
}

static void fill_columns(struct picture_map *m, const struct rixs_map *map, const struct ordered_point *points, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        if (m->n_columns == 0 || points[k].x > m->x[m->n_columns - 1])
            m->x[m->n_columns++] = points[k].x;
        double *column = m->counts + (size_t)(m->n_columns - 1) * m->n_bins;
        const uint32_t *row = map->counts + (size_t)points[k].point * m->n_bins;
        for (uint32_t b = 0; b < m->n_bins; b++) {
            column[b] += row[b];
            m->photons += row[b];
        }
    }
}

static void set_edges(struct picture_map *m) {
    uint32_t n = m->n_columns;
    for (uint32_t k = 1; k < n; k++)
        m->x_edges[k] = 0.5 * (m->x[k - 1] + m->x[k]);
    double first = n > 1 ? m->x_edges[1] - m->x[0] : 0.5, last = n > 1 ? m->x[n - 1] - m->x_edges[n - 1] : 0.5;
    m->x_edges[0] = n ? m->x[0] - first : 0;
    m->x_edges[n] = n ? m->x[n - 1] + last : 1;
}

static void add_up(struct picture_map *m) {
    double *all = m->sums + (size_t)m->n_columns * (m->n_bins + 1);
    for (uint32_t k = 0; k < m->n_columns; k++) {
        double *sums = m->sums + (size_t)k * (m->n_bins + 1);
        for (uint32_t b = 0; b < m->n_bins; b++)
            sums[b + 1] = sums[b] + m->counts[(size_t)k * m->n_bins + b];
        for (uint32_t b = 0; b <= m->n_bins; b++)
            all[b] += sums[b];
    }
}

/* Running sums over all columns: photons in bins before `bin`. */
static double photons_below(const struct picture_map *m, uint32_t bin) { return m->sums[(size_t)m->n_columns * (m->n_bins + 1) + bin]; }

/* From the first to the last stretch of 4 eV that holds at least 2 % of the fullest one, and a margin; everything when there are none. */
static void crop(struct picture_map *m) {
    uint32_t stretch = (uint32_t)fmin(fmax(4 / m->bin_eV, 1), m->n_bins), lo = m->n_bins, hi = 0;
    double fullest = 0;
    for (uint32_t b = 0; b + stretch <= m->n_bins; b++)
        fullest = fmax(fullest, photons_below(m, b + stretch) - photons_below(m, b));
    for (uint32_t b = 0; b + stretch <= m->n_bins; b++)
        if (fullest > 0 && photons_below(m, b + stretch) - photons_below(m, b) >= 0.02 * fullest) {
            lo = b < lo ? b : lo;
            hi = b + stretch;
        }
    uint32_t margin = lo < hi ? (hi - lo) / 20 + stretch : m->n_bins;
    lo = lo > margin ? lo - margin : 0;
    hi = hi + margin < m->n_bins ? hi + margin : m->n_bins;
    if (fullest <= 0)
        lo = 0;
    m->y_lo = m->first_eV + lo * m->bin_eV;
    m->y_hi = m->first_eV + hi * m->bin_eV;
}

enum status picture_map_init(const struct scan_products *p, struct picture_map *out) {
    const struct rixs_map *map = p->emission;
    struct picture_map m = { .n_bins = map->n_bins, .energy_known = incident_known(p->scan), .first_eV = map->edges_eV[0] };
    m.bin_eV = (map->edges_eV[map->n_bins] - map->edges_eV[0]) / map->n_bins;
    size_t n = p->n_points + (size_t)1;
    struct ordered_point *points = ordered(p, m.energy_known);
    m.x = calloc(n, sizeof *m.x);
    m.x_edges = calloc(n + 1, sizeof *m.x_edges);
    m.counts = calloc(n * m.n_bins, sizeof *m.counts);
    m.sums = calloc(n * (m.n_bins + (size_t)1), sizeof *m.sums);
    if (!points || !m.x || !m.x_edges || !m.counts || !m.sums) {
        free(points);
        picture_map_done(&m);
        return STATUS_NO_MEMORY;
    }
    fill_columns(&m, map, points, p->n_points);
    free(points);
    set_edges(&m);
    add_up(&m);
    crop(&m);
    *out = m;
    return STATUS_OK;
}

static int by_x_of(const void *a, const void *b, void *x) {
    const uint32_t *p = a, *q = b;
    const double *of = x;
    return of[*p] != of[*q] ? (of[*p] > of[*q] ? 1 : -1) : (*p > *q) - (*p < *q);
}

/* Columns in order of x, those of equal x added. as_size: absolute values, to see where there is something. */
static void fill_values(struct picture_map *m, const double *x, const uint32_t *order, uint32_t n, const double *values, bool as_size) {
    memset(m->counts, 0, (n + (size_t)1) * m->n_bins * sizeof *m->counts);
    memset(m->sums, 0, (n + (size_t)1) * (m->n_bins + (size_t)1) * sizeof *m->sums);
    m->n_columns = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (m->n_columns == 0 || x[order[k]] > m->x[m->n_columns - 1])
            m->x[m->n_columns++] = x[order[k]];
        for (uint32_t b = 0; b < m->n_bins; b++) {
            const double v = values[(size_t)order[k] * m->n_bins + b];
            m->counts[(size_t)(m->n_columns - 1) * m->n_bins + b] += isfinite(v) ? (as_size ? fabs(v) : v) : 0;
        }
    }
    set_edges(m);
    add_up(m);
}

/* One way of joining; the fullest cell. */
static double join_bins(const double *values, uint64_t n_columns, uint64_t n_bins, uint32_t join, double *joined) {
    const uint64_t n = n_bins / join;
    double most = 0;
    for (uint64_t c = 0; c < n_columns; c++)
        for (uint64_t b = 0; b < n; b++) {
            double sum = 0;
            for (uint32_t k = 0; k < join; k++)
                sum += values[c * n_bins + b * join + k];
            joined[c * n + b] = sum;
            most = fmax(most, sum);
        }
    return most;
}

uint32_t picture_map_join(const double *values, uint64_t n_columns, uint64_t n_bins, double bin_eV, double *joined) {
    uint32_t join = 1;
    while (join_bins(values, n_columns, n_bins, join, joined) < FULL_CELL && 2 * join * bin_eV <= MOST_JOINED_EV && 2 * join <= n_bins)
        join *= 2;
    return join;
}

enum status picture_map_of_values(const double *x, uint32_t n_columns, double first_eV, double bin_eV, uint32_t n_bins, const double *values, bool has_sign, const char *what,
                                  struct picture_map *out) {
    struct picture_map m = { .n_bins = n_bins, .energy_known = true, .first_eV = first_eV, .bin_eV = bin_eV, .has_sign = has_sign, .what = what };
    const size_t n = n_columns + (size_t)1;
    uint32_t *order = calloc(n, sizeof *order);
    m.x = calloc(n, sizeof *m.x);
    m.x_edges = calloc(n + 1, sizeof *m.x_edges);
    m.counts = calloc(n * n_bins, sizeof *m.counts);
    m.sums = calloc(n * (n_bins + (size_t)1), sizeof *m.sums);
    if (!order || !m.x || !m.x_edges || !m.counts || !m.sums) {
        free(order);
        picture_map_done(&m);
        return STATUS_NO_MEMORY;
    }
    for (uint32_t k = 0; k < n_columns; k++)
        order[k] = k;
    qsort_r(order, n_columns, sizeof *order, by_x_of, (void *)x);
    fill_values(&m, x, order, n_columns, values, true);
    crop(&m);
    if (has_sign)
        fill_values(&m, x, order, n_columns, values, false);
    free(order);
    *out = m;
    return STATUS_OK;
}

void picture_map_done(struct picture_map *m) {
    free(m->x);
    free(m->x_edges);
    free(m->counts);
    free(m->sums);
}

/* ---- the image ---- */

struct picture_image { int width, height; double *values; };   /* photons per bin, row 0 at the top */

static double running_sum(const double *sums, uint32_t n_bins, double bin) {
    double at = fmin(fmax(bin, 0), n_bins);
    uint32_t k = at < n_bins ? (uint32_t)at : n_bins - 1;
    return sums[k] + (at - k) * (sums[k + 1] - sums[k]);
}

static void fill_image(const struct picture_map *m, const struct picture_axes *a, struct picture_image *image) {
    double bins_per_row = (a->y_hi - a->y_lo) / m->bin_eV / image->height, top = (a->y_hi - m->first_eV) / m->bin_eV;
    uint32_t k = 0;
    for (int i = 0; i < image->width; i++) {
        double x = a->x_lo + (i + 0.5) / image->width * (a->x_hi - a->x_lo);
        while (k + 1 < m->n_columns && x >= m->x_edges[k + 1])
            k++;
        const double *sums = m->sums + (size_t)k * (m->n_bins + 1);
        for (int j = 0; j < image->height; j++) {
            double high = running_sum(sums, m->n_bins, top - j * bins_per_row), low = running_sum(sums, m->n_bins, top - (j + 1) * bins_per_row);
            image->values[(size_t)j * (size_t)image->width + (size_t)i] = (high - low) / bins_per_row;
        }
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Brightest (but for 0.05 % of the pixels, so that one hot bin does not darken the rest) and typical filled pixel. */
static enum colour_scale choose_scale(const struct picture_image *image, double *top) {
    size_t n = (size_t)image->width * (size_t)image->height, empty = 0;
    double *sorted = malloc(n * sizeof *sorted);
    *top = 1;
    if (!sorted)
        return COLOUR_LINEAR;
    memcpy(sorted, image->values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    while (empty < n && sorted[empty] <= 1e-9)
        empty++;
    size_t filled = n - empty;
    double typical = filled ? sorted[empty + filled / 2] : 0;
    if (filled)
        *top = sorted[n - 1 - filled / 2000];
    free(sorted);
    return colour_scale_for(typical, *top);
}

static uint32_t colour_of(bool has_sign, enum colour_scale scale, double value, double top) {
    return has_sign ? colour_map_signed(value / top) : colour_map_rgb(colour_scale_apply(scale, value, top));
}

static void paint_image(cairo_t *c, const struct picture_axes *a, const struct picture_image *image, bool has_sign, enum colour_scale scale, double top) {
    const size_t n = (size_t)image->width * (size_t)image->height;
    uint32_t *rgb = malloc(n * sizeof *rgb);
    for (size_t k = 0; rgb != NULL && k < n; k++)
        rgb[k] = colour_of(has_sign, scale, image->values[k], top);
    if (rgb != NULL)
        picture_axes_image(c, a, rgb, image->width, image->height);
    free(rgb);
}

static void mark_bar(cairo_t *c, const struct picture_axes *a, bool has_sign, enum colour_scale scale, double top) {
    double last = -1;
    for (int k = 0; k <= 5; k++) {
        double value = has_sign ? top * (k / 2.5 - 1) : colour_scale_invert(scale, k / 5.0, top), step = pow(10, floor(log10(top)) - 2);
        double tidy = k == 5 ? top : round(value / step) * step, at = has_sign ? 0.5 + tidy / top / 2 : colour_scale_apply(scale, tidy, top);
        if (at > last + 0.02)
            picture_axes_mark_right(c, a, at, tidy);
        last = at;
    }
}

static uint32_t both_signs(double value) { return colour_map_signed(2 * value - 1); }

static void draw_bar(cairo_t *c, struct picture_axes a, const struct picture_map *m, enum colour_scale scale, double top) {
    picture_axes_slices(c, &a, m->has_sign ? both_signs : colour_map_rgb);
    a.y_lo = 0;
    a.y_hi = 1;
    mark_bar(c, &a, m->has_sign, scale, top);
    char label[160];
    snprintf(label, sizeof label, "%.80s%s", m->what != NULL ? m->what : "photons per bin",
             m->has_sign || scale == COLOUR_LINEAR ? "" : scale == COLOUR_SQRT ? ", square-root scale" : ", logarithmic scale");
    picture_text_up(c, a.left + a.width + 64, a.top + a.height / 2, 15, label);
}

/* The largest size but for the brightest two thousandth, so that both signs share a scale that shows the rest. */
static double signed_top(const struct picture_image *image) {
    const size_t n = (size_t)image->width * (size_t)image->height;
    double *sorted = malloc(n * sizeof *sorted), top = 1;
    for (size_t k = 0; sorted != NULL && k < n; k++)
        sorted[k] = fabs(image->values[k]);
    if (sorted != NULL) {
        qsort(sorted, n, sizeof *sorted, ascending);
        top = sorted[n - 1 - n / 2000];
    }
    free(sorted);
    return top > 0 ? top : 1;
}

void picture_map_draw(cairo_t *c, const struct picture_map *m, struct picture_axes *axes, const struct picture_axes *bar) {
    axes->x_lo = m->x_edges[0];
    axes->x_hi = m->x_edges[m->n_columns];
    axes->y_lo = m->y_lo;
    axes->y_hi = m->y_hi;
    struct picture_image image = { .width = (int)axes->width, .height = (int)axes->height };
    image.values = calloc((size_t)image.width * (size_t)image.height, sizeof *image.values);
    if (!image.values || m->n_columns == 0) {
        free(image.values);
        return;
    }
    double top;
    fill_image(m, axes, &image);
    enum colour_scale scale = choose_scale(&image, &top);
    if (m->has_sign)
        top = signed_top(&image);
    paint_image(c, axes, &image, m->has_sign, scale, top);
    draw_bar(c, *bar, m, scale, top);
    free(image.values);
}
