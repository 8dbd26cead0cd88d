#include "daemon/sink/comparison.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

static void array(struct h5_file *f, hid_t group, const char *name, const char *units, const char *long_name, unsigned rank, const uint64_t shape[2], const double *values) {
    h5_file_array(f, group, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = rank, .shape = { shape[0], shape[1] }, .units = units, .long_name = long_name, .data = values });
}

static void scalar(struct h5_file *f, hid_t group, const char *name, double value) {
    h5_file_array(f, group, &(struct data_array){ .name = name, .type = ARRAY_F8, .data = &value });
}

static hid_t begin(struct h5_file *f, hid_t entry, const struct comparison *c, const char *kind, const char *roi, const char *signal, const char *const *axes, size_t n_axes) {
    char name[NEXUS_NAME], title[NEXUS_TEXT];
    snprintf(name, sizeof name, "compare_%.80s_%s%s%s", c->name, kind, roi[0] ? "_" : "", roi);
    snprintf(title, sizeof title, "%s against %s, %s %s", c->a->name, c->b->name, strcmp(kind, "rixs") == 0 ? "difference of maps" : "PFY", roi);
    const hid_t group = h5_file_group(f, entry, name, "NXdata");
    if (!f->failed && H5Aexists(entry, "default") == 0)   /* what viewers show first: the first map */
        h5_file_attribute_text(f, entry, "default", name);
    h5_file_attribute_text(f, group, "signal", signal);
    h5_file_attribute_texts(f, group, "axes", axes, n_axes);
    h5_file_attribute_text(f, group, "normalised_by", c->normalised_by);
    h5_file_text(f, group, "title", title);
    h5_file_text(f, group, "condition_a", c->a->name);
    h5_file_text(f, group, "condition_b", c->b->name);
    return group;
}

/* ---- maps ---- */

struct difference { double *value, *error, *significance; };

static void fill(const struct comparison *c, uint64_t bins, struct difference *d) {
    const double *a = nexus_group_array(c->a->map, "counts")->values, *b = nexus_group_array(c->b->map, "counts")->values;
    for (uint32_t k = 0; k < c->a->n_points; k++) {
        const double qa = condition_exposure(c->a, k) * c->a_scale, qb = condition_exposure(c->b, k) * c->b_scale;
        for (uint64_t i = 0; i < bins; i++) {
            const size_t at = k * (size_t)bins + i;
            const double na = a[c->a->row[k] * (size_t)bins + i], nb = b[c->b->row[k] * (size_t)bins + i];
            d->value[at] = qa > 0 && qb > 0 ? na / qa - nb / qb : (double)NAN;
            d->error[at] = qa > 0 && qb > 0 ? sqrt(na / (qa * qa) + nb / (qb * qb)) : (double)NAN;
            d->significance[at] = d->error[at] > 0 ? d->value[at] / d->error[at] : 0;
        }
    }
}

static bool same_axis(const struct comparison *c, const struct nexus_array **energy, const struct nexus_array **edges) {
    const struct nexus_array *x = nexus_group_array(c->a->map, "emission_energy_edges"), *y = nexus_group_array(c->b->map, "emission_energy_edges");
    *energy = nexus_group_array(c->a->map, "emission_energy");
    *edges = x;
    if (x != NULL && y != NULL && *energy != NULL && x->shape[0] == y->shape[0] && memcmp(x->values, y->values, x->shape[0] * sizeof *x->values) == 0)
        return true;
    log_error("the maps of %s and %s have other emission axes; 'tesd merge FILE -o NEW --emission LO:HI:BIN' counts one of them anew", c->a->name, c->b->name);
    return false;
}

bool comparison_map(struct h5_file *f, hid_t entry, const struct comparison *c) {
    static const char *const axes[] = { "incident_energy", "emission_energy" };
    const struct nexus_array *energy, *edges;
    if (!same_axis(c, &energy, &edges))
        return false;
    const uint64_t shape[2] = { c->a->n_points, energy->shape[0] }, n = shape[0] * shape[1];
    double *room = calloc(3 * n + 1, sizeof *room);
    if (room == NULL) {
        h5_file_fail(f, "compare", "out of memory");
        return false;
    }
    struct difference d = { room, room + n, room + 2 * n };
    fill(c, shape[1], &d);
    const hid_t group = begin(f, entry, c, "rixs", "", "difference", axes, 2);
    array(f, group, "difference", "1/exposure", "photons per exposure, A - B", 2, shape, d.value);
    array(f, group, "difference_errors", "1/exposure", "standard deviation", 2, shape, d.error);
    array(f, group, "significance", "", "difference over its error", 2, shape, d.significance);
    array(f, group, "incident_energy", "eV", "incident energy", 1, shape, c->a->incident_eV);
    array(f, group, "emission_energy", "eV", "emission energy", 1, energy->shape, energy->values);
    array(f, group, "emission_energy_edges", "eV", "left-closed edges of the bins", 1, edges->shape, edges->values);
    h5_file_close_group(group);
    free(room);
    return true;
}

/* ---- yields ---- */

struct curve { double *ratio, *ratio_errors, *difference, *difference_errors, *significance, *a_errors, *b_errors; };

static void fill_curve(const struct condition_curve *a, const struct condition_curve *b, struct curve *c) {
    for (uint32_t k = 0; k < a->n; k++) {
        const struct condition_sum x = { .value = a->yield[k], .variance = a->variance[k] }, y = { .value = b->yield[k], .variance = b->variance[k] };
        const struct condition_ratio r = condition_ratio_of(&x, &y);
        c->ratio[k] = r.ratio;
        c->ratio_errors[k] = r.sigma;
        c->difference[k] = r.difference;
        c->difference_errors[k] = r.difference_sigma;
        c->significance[k] = r.significance;
        c->a_errors[k] = sqrt(x.variance);
        c->b_errors[k] = sqrt(y.variance);
    }
}

static void write_window(struct h5_file *f, hid_t group, const struct comparison_window *w) {
    const double window[2] = { w->lo_eV, w->hi_eV };
    h5_file_attribute_array(f, group, &(struct data_array){ .name = "incident_window_eV", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .data = window });
    scalar(f, group, "window_ratio", w->ratio.ratio);
    scalar(f, group, "window_ratio_error", w->ratio.sigma);
    scalar(f, group, "window_difference", w->ratio.difference);
    scalar(f, group, "window_difference_error", w->ratio.difference_sigma);
    scalar(f, group, "window_significance", w->ratio.significance);
    scalar(f, group, "window_counts_a", w->counts_a);
    scalar(f, group, "window_counts_b", w->counts_b);
    scalar(f, group, "window_counts_needed", w->counts_needed);
    scalar(f, group, "shape_chi2", w->shape.chi2);
    scalar(f, group, "shape_dof", w->shape.dof);
}

void comparison_yield(struct h5_file *f, hid_t entry, const struct comparison *c, const struct condition_yield *a, const struct condition_yield *b, const struct comparison_window *w) {
    static const char *const axes[] = { "incident_energy" };
    const uint64_t n = a->curve.n, shape[2] = { n, 0 };
    double *room = calloc(7 * n + 1, sizeof *room);
    if (room == NULL) {
        h5_file_fail(f, "compare", "out of memory");
        return;
    }
    struct curve v = { room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, room + 5 * n, room + 6 * n };
    fill_curve(&a->curve, &b->curve, &v);
    const hid_t group = begin(f, entry, c, "pfy", a->name, "ratio", axes, 1);
    h5_file_attribute_array(f, group, &(struct data_array){ .name = "roi_eV", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .data = a->roi_eV });
    array(f, group, "ratio", "", "yield of A over that of B", 1, shape, v.ratio);
    array(f, group, "ratio_errors", "", "standard deviation", 1, shape, v.ratio_errors);
    array(f, group, "incident_energy", "eV", "incident energy", 1, shape, a->curve.incident_eV);
    array(f, group, "difference", "1/exposure", "A - B", 1, shape, v.difference);
    array(f, group, "difference_errors", "1/exposure", "standard deviation", 1, shape, v.difference_errors);
    array(f, group, "significance", "", "difference over its error", 1, shape, v.significance);
    array(f, group, "yield_a", "1/exposure", "yield of A", 1, shape, a->curve.yield);
    array(f, group, "yield_a_errors", "1/exposure", "standard deviation", 1, shape, v.a_errors);
    array(f, group, "yield_b", "1/exposure", "yield of B", 1, shape, b->curve.yield);
    array(f, group, "yield_b_errors", "1/exposure", "standard deviation", 1, shape, v.b_errors);
    array(f, group, "counts_a", "counts", "photons of A", 1, shape, a->curve.counts);
    array(f, group, "counts_b", "counts", "photons of B", 1, shape, b->curve.counts);
    write_window(f, group, w);
    h5_file_close_group(group);
    free(room);
}
