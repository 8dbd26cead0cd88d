#include "daemon/sink/archive_curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calib/scan_live_time.h"

static void group_name(char out[GROUP_NAME], const struct archive_cuts *of, const char *kind, const char *name) {
    const char *gap = name[0] != '\0' ? "_" : "";
    if (of->sum != NULL)
        snprintf(out, GROUP_NAME, "sum_%s_%s%s%s", of->sum->group, kind, gap, name);
    else
        snprintf(out, GROUP_NAME, "%s_%04d%s%s", kind, of->products->scan->number, gap, name);
}

struct archive_curve archive_curve_begin(struct archive *a, const struct archive_cuts *of, const char *kind, const char *name, const char *what, const char *signal, const char *axis) {
    char group[GROUP_NAME], title[320];
    const char *sample = of->products->scan->sample, *gap = name[0] != '\0' ? " " : "";
    group_name(group, of, kind, name);
    if (of->sum != NULL)
        snprintf(title, sizeof title, "%s%s%s%s%s, sum of %u scan%s", what, gap, name, sample[0] ? ", " : "", sample, of->sum->n_scans, of->sum->n_scans == 1 ? "" : "s");
    else
        snprintf(title, sizeof title, "%s%s%s%s%s, scan %d", what, gap, name, sample[0] ? ", " : "", sample, of->products->scan->number);
    struct archive_curve g = { a, h5_file_group(a->file, a->entry, group, "NXdata"), of };
    h5_file_attribute_text(a->file, g.id, "signal", signal);
    h5_file_attribute_texts(a->file, g.id, "axes", &axis, 1);
    h5_file_text(a->file, g.id, "title", title);
    if (of->sum != NULL)
        h5_file_attribute_array(a->file, g.id, &(struct data_array){ .name = "scan_numbers", .type = ARRAY_I4, .rank = 1, .shape = { of->sum->n_scans }, .data = of->sum->scan_numbers });
    return g;
}

void archive_curve_put(const struct archive_curve *g, const char *name, const char *units, const char *long_name, uint64_t n, const double *values) {
    h5_file_array(g->a->file, g->id, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = 1, .shape = { n }, .units = units, .long_name = long_name, .data = values });
}

void archive_curve_counts(const struct archive_curve *g, uint64_t n, const uint32_t *counts) {
    h5_file_array(g->a->file, g->id, &(struct data_array){ .name = "counts", .type = ARRAY_U4, .rank = 1, .shape = { n }, .units = "counts", .long_name = "photons", .data = counts });
}

void archive_curve_pair(const struct archive_curve *g, const char *name, double lo, double hi) {
    const double pair[2] = { lo, hi };
    h5_file_attribute_array(g->a->file, g->id, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .data = pair });
}

void archive_curve_pixels(const struct archive_curve *g, const uint8_t *pixels_used, uint32_t grades) {
    const struct scan_products *p = g->of->products;
    const double weight = scan_live_time_weight(p, pixels_used);
    uint8_t codes[N_GRADES];
    uint64_t n = 0;
    for (uint8_t k = 0; k < N_GRADES; k++)
        if (grades >> k & 1)
            codes[n++] = k;
    h5_file_array(g->a->file, g->id, &(struct data_array){ .name = "pixels_used", .type = ARRAY_U1, .rank = 1, .shape = { p->n_pixels }, .data = pixels_used });
    h5_file_array(g->a->file, g->id, &(struct data_array){ .name = "grades_used", .type = ARRAY_U1, .rank = 1, .shape = { n }, .data = codes });
    archive_curve_put(g, "pixel_weight", NULL, "sum of the sensitivities of the pixels used", 1, &weight);
}

void archive_curve_points(const struct archive_curve *g, const double *live_time_s) {
    const struct scan_products *p = g->of->products;
    double *x = calloc(p->n_points + (size_t)1, sizeof *x), *i0 = calloc(p->n_points + (size_t)1, sizeof *i0);
    bool known = x != NULL && i0 != NULL;
    if (!known)
        h5_file_fail(g->a->file, "incident_energy", "out of memory");
    for (uint32_t k = 0; x != NULL && i0 != NULL && k < p->n_points; k++) {
        known = known && isfinite(x[k] = p->scan->points[k].incident_eV);
        i0[k] = p->scan->points[k].i0;
    }
    for (uint32_t k = 0; x != NULL && !known && k < p->n_points; k++)
        x[k] = k;
    archive_curve_put(g, "incident_energy", known ? "eV" : "", known ? "incident energy" : "point of the scan", p->n_points, x);
    archive_curve_put(g, "i0", NULL, "incident intensity", p->n_points, i0);
    archive_curve_put(g, "live_time_s", "s", "live time of a pixel of sensitivity 1", p->n_points, live_time_s);
    free(x);
    free(i0);
}

void archive_curve_end(const struct archive_curve *g) { h5_file_close_group(g->id); }

void archive_curve_yield(const struct archive_curve *g, const struct scan_cut *c, const char *norm_units, const double *live_time_s) {
    archive_curve_put(g, "yield", norm_units, "yield", c->n, c->value);
    archive_curve_put(g, "yield_errors", norm_units, "standard deviation", c->n, c->error);
    archive_curve_counts(g, c->n, c->counts);
    archive_curve_points(g, live_time_s);
    archive_curve_pair(g, "roi_eV", c->lo_eV, c->hi_eV);
    h5_file_attribute_text(g->a->file, g->id, "normalised_by", data_group_norm_text(data_group_norm(g->of->products->scan)));
}
