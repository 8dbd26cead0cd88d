/* xes_, cee_, cet_, ipfy_, elastic_ and extra_ groups: curves cut out of the maps and yields of a scan or a sum (calib/scan_cuts.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/inverse_yield.h"
#include "calib/scan_cuts.h"
#include "daemon/sink/archive_curve.h"

static const char *yield_units(const struct scan *s) { return data_group_norm(s) == YIELD_PER_I0_LIVE_TIME ? "1/(i0 s)" : "1/s"; }

static const char *inverse_units(const struct scan *s) { return data_group_norm(s) == YIELD_PER_I0_LIVE_TIME ? "i0 s" : "s"; }

static void write_emission(struct archive *a, const struct archive_cuts *of, const struct yield_region *range) {
    const struct rixs_map *m = of->products->emission;
    struct scan_cut c;
    if (scan_cut_emission(of->products, range->lo_eV, range->hi_eV, &c) != STATUS_OK)
        return;
    struct archive_curve g = archive_curve_begin(a, of, "xes", range->name, "emission spectrum", "counts", "emission_energy");
    double *centres = calloc(m->n_bins, sizeof *centres), *errors = calloc(m->n_bins, sizeof *errors);
    for (uint32_t b = 0; centres != NULL && errors != NULL && b < m->n_bins; b++) {
        centres[b] = 0.5 * (m->edges_eV[b] + m->edges_eV[b + 1]);
        errors[b] = yield_value_of(c.counts[b], YIELD_PER_LIVE_TIME, 1, 0, 1, 0).error;
    }
    archive_curve_counts(&g, m->n_bins, c.counts);
    archive_curve_put(&g, "counts_errors", "counts", "standard deviation", m->n_bins, errors);
    archive_curve_put(&g, "emission_energy", "eV", "emission energy", m->n_bins, centres);
    archive_curve_put(&g, "emission_energy_edges", "eV", "left-closed edges of the bins", m->n_bins + UINT64_C(1), m->edges_eV);
    archive_curve_put(&g, "intensity", isfinite(c.exposure) ? "1/(i0 s eV)" : "1/(s eV)", "photons by exposure and bin", m->n_bins, c.value);
    archive_curve_put(&g, "intensity_errors", isfinite(c.exposure) ? "1/(i0 s eV)" : "1/(s eV)", "standard deviation", m->n_bins, c.error);
    archive_number(a, g.id, "live_time_total_s", "s", c.live_time_s);
    archive_number(a, g.id, "exposure", "i0 s", c.exposure);
    archive_integer(a, g.id, "points", NULL, c.n_points);
    archive_curve_pair(&g, "incident_eV", c.lo_eV, c.hi_eV);
    archive_curve_pixels(&g, of->products->pixels_used, m->grades_used);
    archive_curve_end(&g);
    free(centres);
    free(errors);
    scan_cut_done(&c);
}

static void write_constant(struct archive *a, const struct archive_cuts *of, const struct yield_region *w, bool loss) {
    const struct scan_products *p = of->products;
    struct scan_cut c;
    if (scan_cut_constant(p, loss ? p->loss : p->emission, w->lo_eV, w->hi_eV, &c) != STATUS_OK)
        return;
    struct archive_curve g = archive_curve_begin(a, of, loss ? "cet" : "cee", w->name, loss ? "constant-loss cut" : "constant-emission cut", "yield", "incident_energy");
    archive_curve_yield(&g, &c, yield_units(p->scan), p->live_time_s);
    archive_curve_pixels(&g, p->pixels_used, loss ? p->loss->grades_used : p->emission->grades_used);
    archive_curve_end(&g);
    scan_cut_done(&c);
}

static void write_inverse(struct archive *a, const struct archive_cuts *of, const struct yield_spectrum *y) {
    struct scan_cut c;
    if (inverse_yield_of(of->products, y, &c) != STATUS_OK)
        return;
    struct archive_curve g = archive_curve_begin(a, of, "ipfy", y->region.name, "inverse PFY", "yield", "incident_energy");
    archive_curve_yield(&g, &c, inverse_units(of->products->scan), y->live_time_s);
    archive_curve_pixels(&g, y->pixels_used, y->grades_used);
    archive_curve_end(&g);
    scan_cut_done(&c);
}

static void put_background(const struct archive_curve *g, const struct scan_cut *c, const struct scan_cut *beside) {
    const double share = (c->hi_eV - c->lo_eV) / (beside->hi_eV - beside->lo_eV);
    h5_file_array(g->a->file, g->id, &(struct data_array){ .name = "background_counts", .type = ARRAY_U4, .rank = 1, .shape = { beside->n }, .units = "counts",
                                                           .long_name = "photons in the window of the background", .data = beside->counts });
    archive_curve_pair(g, "background_eV", beside->lo_eV, beside->hi_eV);
    h5_file_attribute_array(g->a->file, g->id, &(struct data_array){ .name = "background_share", .type = ARRAY_F8, .data = &share });   /* of them in the line's window */
}

/* Of a window that is none of those of the yields. */
static void write_inverse_cut(struct archive *a, const struct archive_cuts *of, const struct yield_region *w, const struct yield_region *background) {
    const struct scan_products *p = of->products;
    struct scan_cut c, beside = { 0 };
    const bool has = background->lo_eV < background->hi_eV;
    if (inverse_yield_window(p, w, has ? background : NULL, &c, &beside) != STATUS_OK)
        return;
    struct archive_curve g = archive_curve_begin(a, of, "ipfy", w->name, "inverse PFY", "yield", "incident_energy");
    archive_curve_yield(&g, &c, inverse_units(p->scan), p->live_time_s);
    if (has)
        put_background(&g, &c, &beside);
    archive_curve_pixels(&g, p->pixels_used, p->emission->grades_used);
    archive_curve_end(&g);
    scan_cut_done(&c);
    scan_cut_done(&beside);
}

static void write_chosen(struct archive *a, const struct archive_cuts *of, uint32_t k) {
    const struct yield_region *w = &of->choice->window[k];
    const enum cut_kind kind = of->choice->kind[k];
    if (kind == CUT_XES)
        write_emission(a, of, w);
    else if (kind == CUT_IPFY)
        write_inverse_cut(a, of, w, &of->choice->background[k]);
    else
        write_constant(a, of, w, kind == CUT_CET);
}

static bool is_chosen(const struct cut_list *c, enum cut_kind kind, const char *name) {
    for (uint32_t k = 0; c != NULL && k < c->n; k++)
        if (c->kind[k] == kind && strcmp(c->window[k].name, name) == 0)
            return true;
    return false;
}

/* PFY without the elastic line, both ways; the signal is the subtracted one. */
static void write_without_elastic(struct archive *a, const struct archive_cuts *of, const struct yield_region *w) {
    const struct scan_products *p = of->products;
    struct scan_cut masked, c;
    if (of->area == NULL || !scan_cut_meets_elastic(p, w, of->elastic) || scan_cut_without_elastic(p, w, of->elastic, of->area, ELASTIC_MASKED, &masked) != STATUS_OK)
        return;
    if (scan_cut_without_elastic(p, w, of->elastic, of->area, ELASTIC_SUBTRACTED, &c) == STATUS_OK) {
        struct archive_curve g = archive_curve_begin(a, of, "elastic", w->name, "PFY without the elastic line", "yield", "incident_energy");
        archive_curve_yield(&g, &c, yield_units(p->scan), p->live_time_s);
        archive_curve_put(&g, "yield_masked", yield_units(p->scan), "photons within 1.3 FWHM of the line left out", c.n, masked.value);
        archive_curve_put(&g, "yield_masked_errors", yield_units(p->scan), "standard deviation", c.n, masked.error);
        archive_curve_pixels(&g, p->pixels_used, p->emission->grades_used);
        archive_curve_end(&g);
        scan_cut_done(&c);
    }
    scan_cut_done(&masked);
}

/* What is subtracted from windows through which the line runs. */
static void put_area(const struct archive_curve *g, uint32_t n, const struct elastic_area *area) {
    double *value = calloc(2 * (size_t)n + 1, sizeof *value);
    uint8_t *measured = calloc(n + (size_t)1, 1);
    for (uint32_t k = 0; value != NULL && measured != NULL && k < n; k++) {
        value[k] = area[k].area;
        value[n + k] = area[k].sigma;
        measured[k] = area[k].measured;
    }
    if (value != NULL && measured != NULL) {
        const char *units = yield_units(g->of->products->scan);
        archive_curve_put(g, "area", units, "area of the elastic line", n, value);
        archive_curve_put(g, "area_errors", units, "standard deviation, common to neighbouring points", n, value + n);
        h5_file_array(g->a->file, g->id, &(struct data_array){ .name = "area_measured", .type = ARRAY_U1, .rank = 1, .shape = { n },
                                                               .long_name = "1: the elastic line stands free at this point; 0: interpolated", .data = measured });
    } else {
        h5_file_fail(g->a->file, "area", "out of memory");
    }
    free(value);
    free(measured);
}

static void write_elastic(struct archive *a, const struct archive_cuts *of) {
    struct scan_cut c;
    if (of->elastic == NULL || scan_cut_elastic(of->products, of->elastic, &c) != STATUS_OK)
        return;
    struct archive_curve g = archive_curve_begin(a, of, "elastic", "yield", "elastic line", "yield", "incident_energy");
    archive_curve_yield(&g, &c, yield_units(of->products->scan), of->products->live_time_s);
    if (of->area != NULL)
        put_area(&g, c.n, of->area);
    archive_number(a, g.id, "emission_minus_incident_eV", "eV", of->elastic->offset_eV);
    archive_number(a, g.id, "emission_minus_incident_sigma_eV", "eV", of->elastic->offset_sigma_eV);
    archive_number(a, g.id, "fwhm_eV", "eV", of->elastic->fwhm_eV);
    archive_number(a, g.id, "fwhm_sigma_eV", "eV", of->elastic->fwhm_sigma_eV);
    archive_number(a, g.id, "elastic_counts", "counts", of->elastic->counts);
    archive_curve_pixels(&g, of->products->pixels_used, of->products->loss->grades_used);
    archive_curve_end(&g);
    scan_cut_done(&c);
}

/* A detector's current or a temperature of the log: as it came, and over I0 as yields are. */
static void write_extra(struct archive *a, const struct archive_cuts *of, const struct scan_extra *x) {
    const struct scan_products *p = of->products;
    char name[64] = "";
    for (size_t k = 0; k < 48 && x->name[k] != '\0'; k++)
        name[k] = (x->name[k] >= '0' && x->name[k] <= '9') || (x->name[k] >= 'A' && x->name[k] <= 'Z') || (x->name[k] >= 'a' && x->name[k] <= 'z') ? x->name[k] : '_';
    double *over = calloc(p->n_points + (size_t)1, 2 * sizeof *over), *errors = over != NULL ? over + p->n_points : NULL;
    for (uint32_t k = 0; over != NULL && k < p->n_points; k++) {
        const struct scan_point *point = &p->scan->points[k];
        over[k] = point->i0 > 0 ? x->values[k] / point->i0 : (double)NAN;
        errors[k] = point->i0 > 0 && point->i0_sigma > 0 ? fabs(over[k]) * point->i0_sigma / point->i0 : (double)NAN;
    }
    struct archive_curve g = archive_curve_begin(a, of, "extra", name, "point extra", "value", "incident_energy");
    archive_curve_put(&g, "value", NULL, x->name, p->n_points, x->values);
    archive_curve_put(&g, "value_per_i0", NULL, "over the incident intensity", p->n_points, over);
    archive_curve_put(&g, "value_per_i0_errors", NULL, "by the error of the incident intensity alone", p->n_points, errors);
    archive_curve_points(&g, p->live_time_s);
    archive_curve_end(&g);
    free(over);
}

/* Every product has it; in files of ours it stands under the second name. */
static bool is_i0(const char *name) {
    static const char *const names[] = { "i0", "i0_sigma", "extra_i0", "extra_i0_sigma" };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(name, names[k]) == 0)
            return true;
    return false;
}

bool archive_cuts(struct archive *a, const struct archive_cuts *of) {
    static const struct yield_region all = { .name = "all", .lo_eV = -INFINITY, .hi_eV = INFINITY };
    const struct cut_list *c = of->choice;
    const struct scan_products *p = of->products;
    write_emission(a, of, &all);
    for (uint32_t k = 0; c != NULL && k < c->n; k++)
        write_chosen(a, of, k);
    for (uint32_t k = 0; k < p->n_yields; k++) {
        if (of->inverse != NULL && of->inverse[k] && !is_chosen(c, CUT_IPFY, p->yields[k]->region.name))
            write_inverse(a, of, p->yields[k]);
        if (of->elastic != NULL)
            write_without_elastic(a, of, &p->yields[k]->region);
    }
    write_elastic(a, of);
    for (uint32_t k = 0; k < p->scan->n_extras; k++)
        if (!is_i0(p->scan->extras[k].name))
            write_extra(a, of, &p->scan->extras[k]);
    return !a->file->failed;
}
