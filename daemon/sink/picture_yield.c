#include "daemon/sink/picture_yield.h"

#include <math.h>
#include <stdio.h>

#include "daemon/sink/data_group.h"
#include "daemon/sink/picture_curve.h"

/* Okabe and Ito's colours, told apart by the colour-blind too. */
const struct picture_colour picture_yield_colours[PICTURE_YIELDS] = { { 0.84, 0.37, 0 }, { 0, 0.45, 0.70 }, { 0, 0.62, 0.45 }, { 0.80, 0.47, 0.65 } };

static uint64_t total(const struct yield_spectrum *y) {
    uint64_t sum = 0;
    for (uint32_t k = 0; k < y->n_points; k++)
        sum += y->counts[k];
    return sum;
}

unsigned picture_yield_choose(const struct scan_products *p, uint32_t index[PICTURE_YIELDS]) {
    unsigned n = 0;
    for (uint32_t k = 0; k < p->n_yields; k++) {
        uint64_t counts = total(p->yields[k]);
        unsigned fuller = 0;
        for (uint32_t j = 0; j < p->n_yields; j++) {
            uint64_t other = total(p->yields[j]);
            fuller += other > counts || (other == counts && j < k);
        }
        if (counts > 0 && fuller < PICTURE_YIELDS)
            index[n++] = k;
    }
    return n;
}

static void legend_text(const struct yield_spectrum *y, char *text, size_t n) {
    int used = snprintf(text, n, "%s", y->region.name);
    if (isfinite(y->region.hi_eV) && isfinite(y->region.lo_eV) && used >= 0 && (size_t)used < n)
        used += snprintf(text + used, n - (size_t)used, "  %g–%g eV", y->region.lo_eV, y->region.hi_eV);
    if (used >= 0 && (size_t)used < n)
        snprintf(text + used, n - (size_t)used, ",  %llu photons", (unsigned long long)total(y));
}

static void draw_panel(cairo_t *c, const struct data_group *g, const struct yield_spectrum *y, struct picture_axes a, unsigned colour, const char *x_label) {
    const struct data_array *x = data_group_array(g, "incident_energy"), *value = data_group_array(g, "yield"), *error = data_group_array(g, "yield_errors");
    const struct picture_colour *rgb = &picture_yield_colours[colour];
    picture_curve_range(&a, value->data, error->data, value->shape[0]);
    cairo_save(c);
    picture_axes_clip(c, &a);
    cairo_set_source_rgb(c, rgb->red, rgb->green, rgb->blue);
    picture_curve_draw(c, &a, x->data, value->data, error->data, value->shape[0]);
    cairo_restore(c);
    char legend[120];
    legend_text(y, legend, sizeof legend);
    cairo_set_source_rgb(c, 0.8 * rgb->red, 0.8 * rgb->green, 0.8 * rgb->blue);
    picture_text(c, a.left + 10, a.top + 19, 15, ANCHOR_LEFT, legend);
    snprintf(legend, sizeof legend, "yield, %s", value->units);
    picture_axes_draw(c, &a, x_label, legend);
}

void picture_yield_draw(cairo_t *c, const struct scan_products *p, const uint32_t *index, unsigned n, const struct picture_axes *area, const char *x_label) {
    const double gap = 16;
    double height = n ? (area->height - gap * (n - 1)) / n : 0;
    for (unsigned k = 0; k < n; k++) {
        struct data_group g;
        struct picture_axes panel = *area;
        panel.top = area->top + k * (height + gap);
        panel.height = height;
        if (data_group_yield(p, p->yields[index[k]], p->n_points, "", &g) != STATUS_OK)
            return;
        draw_panel(c, &g, p->yields[index[k]], panel, k, k + 1 == n ? x_label : NULL);
        data_group_done(&g);
    }
}
