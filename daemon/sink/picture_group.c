#include "daemon/sink/picture_group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/sink/picture_curve.h"
#include "daemon/sink/picture_grid.h"
#include "daemon/sink/picture_map.h"
#include "daemon/sink/picture_page.h"
#include "daemon/sink/picture_yield.h"

enum { WIDTH = 1200, HEIGHT = 860, MOST_PANELS = 3, MOST_CURVES = 2 };
static const struct picture_axes map_place = { .left = 110, .top = 76, .width = 930, .height = 700 };
static const struct picture_axes bar_place = { .left = 1060, .top = 76, .width = 20, .height = 700 };
static const struct picture_axes curve_place = { .left = 130, .top = 76, .width = 1030, .height = 700 };

/* What is drawn of a group: by its first word, else the signal alone. */
struct plan { const char *kind, *part; unsigned n; const char *panels[MOST_PANELS][MOST_CURVES]; };
static const struct plan plans[] = {
    { "compare", "_pfy_", 3, { { "yield_a", "yield_b" }, { "ratio" }, { "significance" } } },
    { "elastic", "_yield", 1, { { "yield", "area" } } },
    { "sum", "_elastic_yield", 1, { { "yield", "area" } } },
    { "elastic", "", 1, { { "yield", "yield_masked" } } },
    { "sum", "_elastic_", 1, { { "yield", "yield_masked" } } },
    { "elastic", "", 1, { { "counts", "fit" } } },
    { "sum", "_elastic", 1, { { "counts", "fit" } } },
    { "consistency", "", 3, { { "map_z" }, { "incident_shift_eV", "emission_shift_eV" }, { "ratio" } } },
    { "sum", "_extra_", 2, { { "value" }, { "value_per_i0" } } },
    { "extra", "", 2, { { "value" }, { "value_per_i0" } } },
};

static struct plan plan_of(const struct nexus_group *g) {
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        const size_t n = strlen(plans[k].kind);
        if (strncmp(g->name, plans[k].kind, n) == 0 && g->name[n] == '_' && strstr(g->name, plans[k].part) != NULL && nexus_group_array(g, plans[k].panels[0][0]) != NULL)
            return plans[k];
    }
    return (struct plan){ .n = 1, .panels = { { g->signal } } };
}

static void head(cairo_t *c, const struct nexus_group *g) {
    cairo_set_source_rgb(c, 1, 1, 1);
    cairo_paint(c);
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_source_rgb(c, 0, 0, 0);
    picture_text(c, map_place.left, 44, 22, ANCHOR_LEFT, g->title[0] ? g->title : g->name);
}

static void label_of(const struct nexus_array *a, char *out, size_t n) {
    snprintf(out, n, "%s%s%s", a->long_name[0] ? a->long_name : a->name, a->units[0] ? ", " : "", a->units);
}

/* Scan numbers, pixels: nothing is between two of them. */
static bool whole(const struct nexus_array *a) {
    for (uint64_t k = 0; k < a->shape[0]; k++)
        if (a->values[k] != floor(a->values[k]))
            return false;
    return a->units[0] == '\0';
}

/* ---- maps ---- */

/* Values that do not add, over axes that may have gaps. */
static void paint_grid(cairo_t *c, const void *context) {
    const struct nexus_group *g = context;
    const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *y = nexus_group_array(g, g->axes[1]), *z = nexus_group_array(g, g->signal);
    struct picture_axes axes = map_place;
    char label[3][600];
    label_of(x, label[0], sizeof label[0]);
    label_of(y, label[1], sizeof label[1]);
    label_of(z, label[2], sizeof label[2]);
    const struct picture_grid grid = { .x = x->values, .y = y->values, .values = z->values, .n_x = x->shape[0], .n_y = y->shape[0], .what = label[2] };
    head(c, g);
    axes.x_whole = whole(x);
    picture_grid_draw(c, &grid, &axes, &bar_place);
    picture_axes_draw(c, &axes, label[0], label[1]);
}

static bool is_difference(const struct nexus_group *g) {
    const struct nexus_array *significance = nexus_group_array(g, "significance");
    return significance != NULL && significance->rank == 2;
}

static bool is_photons(const struct nexus_group *g) { return strcmp(g->signal, "counts") == 0; }

/* Photons of joined bins, or the significance of a difference. joined: n values. */
static enum status map_of(const struct nexus_group *g, double *joined, char what[80], struct picture_map *m) {
    const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *y = nexus_group_array(g, g->axes[1]), *z = nexus_group_array(g, g->signal);
    const double bin = y->shape[0] > 1 ? y->values[1] - y->values[0] : 1, first = y->values[0] - 0.5 * bin;
    if (is_difference(g))
        return picture_map_of_values(x->values, (uint32_t)x->shape[0], first, bin, (uint32_t)y->shape[0], nexus_group_array(g, "significance")->values, true,
                                     "significance of the difference per bin", m);
    const uint32_t join = picture_map_join(z->values, x->shape[0], y->shape[0], bin, joined);
    snprintf(what, 80, "photons per %g eV and point", join * bin);
    return picture_map_of_values(x->values, (uint32_t)x->shape[0], first, join * bin, (uint32_t)(y->shape[0] / join), joined, false, what, m);
}

static void paint_map(cairo_t *c, const void *context) {
    const struct nexus_group *g = context;
    const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *y = nexus_group_array(g, g->axes[1]);
    struct picture_map m;
    struct picture_axes axes = map_place;
    char label[2][600], what[80];
    double *joined = calloc((size_t)(x->shape[0] * y->shape[0]) + 1, sizeof *joined);
    head(c, g);
    if (joined != NULL && map_of(g, joined, what, &m) == STATUS_OK) {
        picture_map_draw(c, &m, &axes, &bar_place);
        label_of(x, label[0], sizeof label[0]);
        label_of(y, label[1], sizeof label[1]);
        picture_axes_draw(c, &axes, label[0], label[1]);
        picture_map_done(&m);
    }
    free(joined);
}

/* ---- curves ---- */

/* Where a long spectrum has something: from the first to the last stretch of 20 that holds 1 % of the fullest. */
static void crop(const double *value, uint64_t n, uint64_t *first, uint64_t *end) {
    enum { STRETCH = 20 };
    double fullest = 0;
    *first = 0;
    *end = n;
    for (int round = 0; round < 2 && n > 400; round++) {
        uint64_t lo = n, hi = 0;
        for (uint64_t k = 0; k + STRETCH <= n; k += STRETCH) {
            double sum = 0;
            for (uint64_t i = k; i < k + STRETCH; i++)
                sum += isfinite(value[i]) ? fabs(value[i]) : 0;
            if (round == 0)
                fullest = fmax(fullest, sum);
            else if (sum >= 0.01 * fullest && fullest > 0) {
                lo = lo < k ? lo : k;
                hi = k + STRETCH;
            }
        }
        if (round == 1 && lo < hi) {
            *first = lo;
            *end = hi;
        }
    }
}

static void range_of(const double *x, uint64_t first, uint64_t end, struct picture_axes *a) {
    a->x_lo = INFINITY;
    a->x_hi = -INFINITY;
    for (uint64_t k = first; k < end; k++)
        if (isfinite(x[k])) {
            a->x_lo = fmin(a->x_lo, x[k]);
            a->x_hi = fmax(a->x_hi, x[k]);
        }
    if (!(a->x_lo < a->x_hi)) {
        a->x_lo = isfinite(a->x_lo) ? a->x_lo - 0.5 : 0;
        a->x_hi = a->x_lo + 1;
    }
    const double air = 0.015 * (a->x_hi - a->x_lo);
    a->x_lo -= air;
    a->x_hi += air;
}

static const double *errors_of(const struct nexus_group *g, const struct nexus_array *y) {
    char name[NEXUS_NAME + 16];
    snprintf(name, sizeof name, "%s_errors", y->name);
    const struct nexus_array *e = nexus_group_array(g, name);
    return e != NULL && e->rank == 1 && e->shape[0] == y->shape[0] ? e->values : NULL;
}

/* Curve k of the panel, if the group has it along its axis. */
static const struct nexus_array *curve_of(const struct nexus_group *g, const char *const *curves, unsigned k) {
    const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *y = k < MOST_CURVES && curves[k] != NULL ? nexus_group_array(g, curves[k]) : NULL;
    return y != NULL && y->rank == 1 && y->shape[0] == x->shape[0] ? y : NULL;
}

/* What part of the curves is shown: points [from, to). */
struct stretch { uint64_t from, to; };

static const double *errors_from(const struct nexus_group *g, const struct nexus_array *y, uint64_t from) {
    const double *error = errors_of(g, y);
    return error != NULL ? error + from : NULL;
}

/* The range of all curves together; false: none has a value. */
static bool value_range(const struct nexus_group *g, const char *const *curves, struct stretch s, struct picture_axes *a) {
    bool any = false;
    for (unsigned k = 0; k < MOST_CURVES; k++) {
        const struct nexus_array *y = curve_of(g, curves, k);
        struct picture_axes one = *a;
        bool has = false;
        for (uint64_t i = s.from; y != NULL && i < s.to; i++)
            has = has || isfinite(y->values[i]);
        if (!has)
            continue;
        picture_curve_range(&one, y->values + s.from, errors_from(g, y, s.from), s.to - s.from);
        a->y_lo = any ? fmin(a->y_lo, one.y_lo) : one.y_lo;
        a->y_hi = any ? fmax(a->y_hi, one.y_hi) : one.y_hi;
        any = true;
    }
    if (!any)
        a->y_lo = 0;
    a->y_hi = any ? a->y_hi : 1;
    return any;
}

static void draw_curve(cairo_t *c, const struct nexus_group *g, const struct nexus_array *y, struct stretch s, const struct picture_axes *a, const struct picture_colour *rgb) {
    const double *x = nexus_group_array(g, g->axes[0])->values + s.from;
    cairo_save(c);
    picture_axes_clip(c, a);
    cairo_set_source_rgb(c, rgb->red, rgb->green, rgb->blue);
    if (strcmp(y->name, "fit") == 0)
        picture_curve_line(c, a, x, y->values + s.from, s.to - s.from);
    else
        picture_curve_draw(c, a, x, y->values + s.from, errors_from(g, y, s.from), s.to - s.from);
    cairo_restore(c);
}

/* A low panel has no room for more than a few words, and two curves have legends. */
static void y_label(const struct plan *p, const char *const *curves, const struct nexus_array *first, char *out, size_t n) {
    if (p->n == 1 && curves[1] == NULL)
        label_of(first, out, n);
    else if (curves[1] != NULL)
        snprintf(out, n, "%s", first->units[0] ? first->units : first->name);
    else
        snprintf(out, n, "%s", strcmp(first->name, "map_z") == 0 ? "\xcf\x87\xc2\xb2 of the map, z" : first->name);
}

static void draw_panel(cairo_t *c, const struct nexus_group *g, const struct plan *p, unsigned panel, struct picture_axes a, const char *x_label) {
    const char *const *curves = p->panels[panel];
    const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *first = nexus_group_array(g, curves[0]);
    struct stretch s;
    char label[600];
    crop(first->values, first->shape[0], &s.from, &s.to);
    range_of(x->values, s.from, s.to, &a);
    a.x_whole = whole(x);
    const bool any = value_range(g, curves, s, &a);
    for (unsigned k = 0; k < MOST_CURVES; k++) {
        const struct nexus_array *y = curve_of(g, curves, k);
        const struct picture_colour *rgb = &picture_yield_colours[k];
        if (y == NULL)
            continue;
        draw_curve(c, g, y, s, &a, rgb);
        label_of(y, label, sizeof label);
        if (curves[1] != NULL) {
            cairo_set_source_rgb(c, 0.8 * rgb->red, 0.8 * rgb->green, 0.8 * rgb->blue);
            picture_text(c, a.left + 10, a.top + 19 + 19 * k, 15, ANCHOR_LEFT, label);
        }
    }
    if (!any) {
        cairo_set_source_rgb(c, 0.4, 0.4, 0.4);
        picture_text(c, a.left + a.width / 2, a.top + a.height / 2, 18, ANCHOR_CENTRE, strncmp(g->name, "ipfy", 4) == 0 || strstr(g->name, "_ipfy_") != NULL
                     ? "no value: fewer than 25 photons at every point" : "no value at any point");
    }
    y_label(p, curves, first, label, sizeof label);
    picture_axes_draw(c, &a, x_label, label);
}

static void paint_curves(cairo_t *c, const void *context) {
    const struct nexus_group *g = context;
    const struct plan p = plan_of(g);
    const double gap = 16, height = (curve_place.height - gap * (p.n - 1)) / p.n;
    char x_label[600];
    head(c, g);
    label_of(nexus_group_array(g, g->axes[0]), x_label, sizeof x_label);
    for (unsigned k = 0; k < p.n; k++) {
        struct picture_axes a = curve_place;
        a.top += k * (height + gap);
        a.height = height;
        if (nexus_group_array(g, p.panels[k][0]) != NULL)
            draw_panel(c, g, &p, k, a, k + 1 == p.n ? x_label : NULL);
    }
}

bool picture_group(const char *path, const struct nexus_group *g) {
    const struct nexus_array *s = nexus_group_array(g, g->signal), *x = nexus_group_array(g, g->axes[0]), *y = g->n_axes == 2 ? nexus_group_array(g, g->axes[1]) : NULL;
    const bool map = s->rank == 2 && x != NULL && y != NULL && x->rank == 1 && y->rank == 1 && s->shape[0] == x->shape[0] && s->shape[1] == y->shape[0] && s->shape[1] > 0;
    const bool curve = s->rank == 1 && x != NULL && x->rank == 1 && x->shape[0] == s->shape[0] && s->shape[0] > 0;
    if (!map && !curve) {
        log_error("%s: it is neither a curve nor a map with axes, so there is nothing to draw", g->name);
        return false;
    }
    return picture_page_write(path, WIDTH, HEIGHT, !map ? paint_curves : is_photons(g) || is_difference(g) ? paint_map : paint_grid, g);
}
