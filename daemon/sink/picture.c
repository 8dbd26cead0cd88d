#include "daemon/sink/picture.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/sink/picture_axes.h"
#include "daemon/sink/picture_map.h"
#include "daemon/sink/picture_page.h"
#include "daemon/sink/picture_yield.h"

enum { PAGE_WIDTH = 1600, PAGE_HEIGHT = 860 };
static const struct picture_axes map_place = { .left = 96, .top = 96, .width = 760, .height = 680 };
static const struct picture_axes bar_place = { .left = 872, .top = 96, .width = 20, .height = 680 };
static const struct picture_axes yield_place = { .left = 1070, .top = 96, .width = 500, .height = 680 };

static void background(cairo_t *c) {
    cairo_set_source_rgb(c, 1, 1, 1);
    cairo_paint(c);
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
}

static void head(cairo_t *c, const char *title, const struct scan_products *p, uint64_t photons) {
    char text[400];
    const char *sample = p->scan->sample, *label = p->scan->label;
    cairo_set_source_rgb(c, 0, 0, 0);
    picture_text(c, map_place.left, 40, 24, ANCHOR_LEFT, title);
    snprintf(text, sizeof text, "%s%s%s%s%u points, %llu photons in the map", sample, sample[0] ? ", " : "", label, label[0] ? ", " : "", p->n_points,
             (unsigned long long)photons);
    cairo_set_source_rgb(c, 0.3, 0.3, 0.3);
    picture_text(c, map_place.left, 70, 16, ANCHOR_LEFT, text);
}

static void elastic_line(cairo_t *c, const struct picture_axes *a) {
    const double dash[] = { 2, 7 };
    cairo_save(c);
    picture_axes_clip(c, a);
    cairo_set_source_rgba(c, 1, 1, 1, 0.8);
    cairo_set_line_width(c, 1.2);
    cairo_set_dash(c, dash, 2, 0);
    cairo_move_to(c, picture_axes_x(a, a->x_lo), picture_axes_y(a, a->x_lo));
    cairo_line_to(c, picture_axes_x(a, a->x_hi), picture_axes_y(a, a->x_hi));
    cairo_stroke(c);
    cairo_restore(c);
}

/* A bracket at the right edge of the map, in the colour of the region's spectrum; a white edge makes it visible on every ground. */
static void bracket(cairo_t *c, double right, double top, double bottom, const struct picture_colour *rgb) {
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 0)
            cairo_set_source_rgba(c, 1, 1, 1, 0.9);
        else
            cairo_set_source_rgb(c, rgb->red, rgb->green, rgb->blue);
        cairo_set_line_width(c, pass == 0 ? 6 : 3.5);
        cairo_move_to(c, right - 10, top);
        cairo_line_to(c, right, top);
        cairo_line_to(c, right, bottom);
        cairo_line_to(c, right - 10, bottom);
        cairo_stroke(c);
    }
}

static void region_marks(cairo_t *c, const struct picture_axes *a, const struct scan_products *p, const uint32_t *index, unsigned n) {
    double names[PICTURE_YIELDS];
    unsigned n_names = 0;
    for (unsigned k = 0; k < n; k++) {
        const struct yield_region *r = &p->yields[index[k]]->region;
        double lo = fmax(r->lo_eV, a->y_lo), hi = fmin(r->hi_eV, a->y_hi);
        if (lo >= hi || (r->lo_eV <= a->y_lo && r->hi_eV >= a->y_hi))
            continue;
        double right = a->left + a->width - 4 - 14 * n_names, top = picture_axes_y(a, hi), bottom = picture_axes_y(a, lo), name = (top + bottom) / 2 + 5;
        bracket(c, right, top, bottom, &picture_yield_colours[k]);
        for (unsigned j = 0; j < n_names; j++)  /* windows inside each other: one name below the other */
            if (fabs(names[j] - name) < 18)
                name = fmax(names[j], bottom) + 18;
        cairo_set_source_rgb(c, 1, 1, 1);
        picture_text(c, a->left + a->width - 24 - 14 * PICTURE_YIELDS, name, 15, ANCHOR_RIGHT, r->name);
        names[n_names++] = name;
    }
}

static void note(cairo_t *c, const struct picture_axes *a, const char *text) {
    cairo_set_source_rgb(c, 0.4, 0.4, 0.4);
    picture_text(c, a->left + a->width / 2, a->top + a->height / 2, 18, ANCHOR_CENTRE, text);
}

static void draw(cairo_t *c, const char *title, const struct scan_products *p, const struct picture_map *map) {
    struct picture_axes axes = map_place, area = yield_place;
    const char *x_label = map->energy_known ? "incident energy (eV)" : "point of the scan";
    uint32_t index[PICTURE_YIELDS];
    unsigned n_yields = picture_yield_choose(p, index);
    background(c);
    head(c, title, p, map->photons);
    picture_map_draw(c, map, &axes, &bar_place);
    if (map->energy_known)
        elastic_line(c, &axes);
    region_marks(c, &axes, p, index, n_yields);
    if (map->photons == 0)
        note(c, &axes, "no photons in the map");
    picture_axes_draw(c, &axes, x_label, "emission energy (eV)");
    area.x_lo = axes.x_lo;
    area.x_hi = axes.x_hi;
    picture_yield_draw(c, p, index, n_yields, &area, x_label);
    if (n_yields == 0)
        note(c, &area, "no photons in any region");
}

struct sheet { const char *title; const struct scan_products *products; const struct picture_map *map; };

static void paint(cairo_t *c, const void *context) {
    const struct sheet *s = context;
    draw(c, s->title, s->products, s->map);
}

bool picture_products(const char *path, const char *title, const struct scan_products *products) {
    struct picture_map map;
    if (picture_map_init(products, &map) != STATUS_OK) {
        log_error("%s: cannot draw the picture: out of memory", path);
        return false;
    }
    const bool written = picture_page_write(path, PAGE_WIDTH, PAGE_HEIGHT, paint, &(struct sheet){ title, products, &map });
    picture_map_done(&map);
    return written;
}
