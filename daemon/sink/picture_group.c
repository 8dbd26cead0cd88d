#include "daemon/sink/picture_group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/sink/picture_curve.h"
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
    { "elastic", "", 1, { { "yield", "yield_masked" } } },
    { "sum", "_elastic_", 1, { { "yield", "yield_masked" } } },
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

/* ---- maps ---- */

static void paint_map(cairo_t *c, const void *context) {
    const struct nexus_group *g = context;
    const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *y = nexus_group_array(g, g->axes[1]), *z = nexus_group_array(g, g->signal);
    const struct nexus_array *significance = nexus_group_array(g, "significance");
    const bool has_sign = significance != NULL && significance->rank == 2;
    const double *values = has_sign ? significance->values : z->values;
    struct picture_map m;
    struct picture_axes axes = map_place;
    char label[2][600];
    head(c, g);
    const double bin = y->shape[0] > 1 ? y->values[1] - y->values[0] : 1;
    if (picture_map_of_values(x->values, (uint32_t)x->shape[0], y->values[0] - 0.5 * bin, bin, (uint32_t)y->shape[0], values, has_sign,
                              has_sign ? "significance of the difference per bin" : strcmp(g->signal, "counts") == 0 ? "photons per bin" : g->signal, &m) != STATUS_OK)
        return;
    picture_map_draw(c, &m, &axes, &bar_place);
    label_of(x, label[0], sizeof label[0]);
    label_of(y, label[1], sizeof label[1]);
    picture_axes_draw(c, &axes, label[0], label[1]);
    picture_map_done(&m);
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

static void draw_panel(cairo_t *c, const struct nexus_group *g, const struct plan *p, unsigned panel, struct picture_axes a, const char *x_label) {
    const char *const *curves = p->panels[panel];
    const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *first = nexus_group_array(g, curves[0]);
    uint64_t from, to;
    crop(first->values, first->shape[0], &from, &to);
    range_of(x->values, from, to, &a);
    picture_curve_range(&a, first->values + from, errors_of(g, first) != NULL ? errors_of(g, first) + from : NULL, to - from);
    for (unsigned k = 0; k < MOST_CURVES && curves[k] != NULL; k++) {
        const struct nexus_array *y = nexus_group_array(g, curves[k]);
        if (y == NULL || y->rank != 1 || y->shape[0] != x->shape[0])
            continue;
        struct picture_axes other = a;
        const double *error = errors_of(g, y);
        picture_curve_range(&other, y->values + from, error != NULL ? error + from : NULL, to - from);
        a.y_lo = fmin(a.y_lo, other.y_lo);
        a.y_hi = fmax(a.y_hi, other.y_hi);
    }
    for (unsigned k = 0; k < MOST_CURVES && curves[k] != NULL; k++) {
        const struct nexus_array *y = nexus_group_array(g, curves[k]);
        const struct picture_colour *rgb = &picture_yield_colours[k];
        char label[600];
        if (y == NULL || y->rank != 1 || y->shape[0] != x->shape[0])
            continue;
        cairo_save(c);
        picture_axes_clip(c, &a);
        cairo_set_source_rgb(c, rgb->red, rgb->green, rgb->blue);
        picture_curve_draw(c, &a, x->values + from, y->values + from, errors_of(g, y) != NULL ? errors_of(g, y) + from : NULL, to - from);
        cairo_restore(c);
        label_of(y, label, sizeof label);
        if (curves[1] != NULL) {
            cairo_set_source_rgb(c, 0.8 * rgb->red, 0.8 * rgb->green, 0.8 * rgb->blue);
            picture_text(c, a.left + 10, a.top + 19 + 19 * k, 15, ANCHOR_LEFT, label);
        }
    }
    char label[600];
    label_of(first, label, sizeof label);
    if (p->n > 1 || curves[1] != NULL)   /* a low panel has no room for more, and two curves have legends */
        snprintf(label, sizeof label, "%s", curves[1] == NULL ? first->name : first->units[0] ? first->units : first->name);
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
    return picture_page_write(path, WIDTH, HEIGHT, map ? paint_map : paint_curves, g);
}
