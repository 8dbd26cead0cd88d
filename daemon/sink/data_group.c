#include "daemon/sink/data_group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"

/* Adds an array of n elements (rank 1) and returns it; the rest is for the caller to fill. */
static struct data_array *add(struct data_group *g, const char *name, enum array_role role, enum array_type type, uint64_t n, const void *data) {
    struct data_array *a = &g->arrays[g->n_arrays++];
    *a = (struct data_array){ .name = name, .role = role, .type = type, .rank = 1, .shape = { n }, .data = data };
    return a;
}

/* A row for each point of the scan. */
static struct data_array *by_point(struct data_array *a) {
    a->grows = 1;
    return a;
}

static struct data_array *with_text(struct data_array *a, const char *units, const char *long_name) {
    a->units = units;
    a->long_name = long_name;
    return a;
}

struct owned_block {
    struct owned_block *next;
    double values[];
};

/* n zeroed values that live as long as the group; NULL when there is no memory left. */
static double *own(struct data_group *g, size_t n) {
    struct owned_block *block = calloc(1, sizeof *block + n * sizeof *block->values);
    if (!block)
        return NULL;
    block->next = g->owned;
    g->owned = block;
    return block->values;
}

void data_group_done(struct data_group *g) {
    while (g->owned) {
        struct owned_block *next = g->owned->next;
        free(g->owned);
        g->owned = next;
    }
    *g = (struct data_group){ 0 };
}

const struct data_array *data_group_array(const struct data_group *g, const char *name) {
    for (unsigned k = 0; k < g->n_arrays; k++)
        if (strcmp(g->arrays[k].name, name) == 0)
            return &g->arrays[k];
    return NULL;
}

enum yield_norm data_group_norm(const struct scan *s) {
    for (uint32_t k = 0; k < s->n_points; k++)
        if (s->points[k].i0 > 0 && isfinite(s->points[k].i0))
            return YIELD_PER_I0_LIVE_TIME;
    return YIELD_PER_LIVE_TIME;
}

const char *data_group_norm_text(enum yield_norm norm) {
    return norm == YIELD_PER_I0_LIVE_TIME ? "i0 x live_time" : "live_time";
}

static bool add_incident(struct data_group *g, const struct scan *s, uint32_t first, uint32_t n) {
    double *x = own(g, n);
    if (!x)
        return false;
    bool known = true;
    for (uint32_t k = 0; k < n; k++)
        known = known && isfinite(x[k] = s->points[first + k].incident_eV);
    for (uint32_t k = 0; k < n && !known; k++)
        x[k] = first + k;
    with_text(by_point(add(g, "incident_energy", ROLE_AXIS, ARRAY_F8, n, x)), known ? "eV" : "", known ? "incident energy" : "point of the scan");
    return true;
}

/* i0 and live_time_s of the points, pixels_used and grades_used: every product carries them. */
static bool add_context(struct data_group *g, const struct scan_products *p, uint32_t first, uint32_t n, const uint8_t *pixels_used,
                        uint32_t n_pixels, uint32_t grades, const double *live_time_s) {
    double *i0 = own(g, n), *room = own(g, N_GRADES), *weight = own(g, 1);
    uint8_t *codes = (uint8_t *)room, n_codes = 0;
    if (!i0 || !room || !weight)
        return false;
    *weight = scan_live_time_weight(p, pixels_used);
    for (uint32_t k = 0; k < n; k++)
        i0[k] = p->scan->points[first + k].i0;
    for (uint8_t k = 0; k < N_GRADES; k++)
        if (grades >> k & 1)
            codes[n_codes++] = k;
    by_point(add(g, "i0", ROLE_AUX, ARRAY_F8, n, i0))->long_name = "incident intensity";
    with_text(by_point(add(g, "live_time_s", ROLE_AUX, ARRAY_F8, n, live_time_s + first)), "s", "live time of a pixel of sensitivity 1");
    add(g, "pixel_weight", ROLE_AUX, ARRAY_F8, 1, weight)->long_name = "sum of the sensitivities of the pixels used";
    add(g, "pixels_used", ROLE_AUX, ARRAY_U1, n_pixels, pixels_used);
    add(g, "grades_used", ROLE_AUX, ARRAY_U1, n_codes, codes);
    return true;
}

static bool add_energy(struct data_group *g, const struct rixs_map *m) {
    bool loss = m->kind == RIXS_LOSS;
    double *centres = own(g, m->n_bins);
    if (!centres)
        return false;
    for (uint32_t k = 0; k < m->n_bins; k++)
        centres[k] = 0.5 * (m->edges_eV[k] + m->edges_eV[k + 1]);
    with_text(add(g, loss ? "energy_loss" : "emission_energy", ROLE_AXIS, ARRAY_F8, m->n_bins, centres), "eV", loss ? "energy loss" : "emission energy");
    with_text(add(g, loss ? "energy_loss_edges" : "emission_energy_edges", ROLE_EDGES, ARRAY_F8, m->n_bins + (uint64_t)1, m->edges_eV), "eV",
              "left-closed edges of the bins");
    return true;
}

static void set_title(struct data_group *g, const char *what, const struct scan *s, const char *which) {
    snprintf(g->title, sizeof g->title, "%s%s%s, %s", what, s->sample[0] ? ", " : "", s->sample, which);
}

static enum status finish(struct data_group *g, bool good, struct data_group *out) {
    if (!good) {
        data_group_done(g);
        return STATUS_NO_MEMORY;
    }
    *out = *g;
    return STATUS_OK;
}

enum status data_group_map(const struct scan_products *p, const struct rixs_map *m, uint32_t n_points, const char *which, struct data_group *out) {
    bool loss = m->kind == RIXS_LOSS;
    struct data_group g = { .signal = "counts", .axes = { "incident_energy", loss ? "energy_loss" : "emission_energy" }, .n_axes = 2 };
    set_title(&g, loss ? "RIXS energy-loss map" : "RIXS map", p->scan, which);
    struct data_array *counts = with_text(by_point(add(&g, "counts", ROLE_SIGNAL, ARRAY_U4, n_points, m->counts)), "counts", "photons");
    counts->rank = 2;
    counts->shape[1] = m->n_bins;
    bool good = add_incident(&g, p->scan, 0, n_points) && add_energy(&g, m) && add_context(&g, p, 0, n_points, m->pixels_used, m->n_pixels, m->grades_used, p->live_time_s);
    struct data_array *outside = with_text(by_point(add(&g, "outside", ROLE_AUX, ARRAY_U4, n_points, m->outside)), "counts", "photons not in the map");
    outside->rank = 2;
    outside->shape[1] = N_OUTSIDE;
    return finish(&g, good, out);
}

enum status data_group_row(const struct scan_products *p, const struct rixs_map *m, uint32_t point, const char *which, struct data_group *out) {
    struct data_group g = { .signal = "counts", .axes = { m->kind == RIXS_LOSS ? "energy_loss" : "emission_energy" }, .n_axes = 1 };
    set_title(&g, "row of the RIXS map", p->scan, which);
    with_text(add(&g, "counts", ROLE_SIGNAL, ARRAY_U4, m->n_bins, m->counts + (size_t)point * m->n_bins), "counts", "photons");
    bool good = add_energy(&g, m) && add_incident(&g, p->scan, point, 1) && add_context(&g, p, point, 1, m->pixels_used, m->n_pixels, m->grades_used, p->live_time_s);
    for (unsigned k = 0; k < g.n_arrays; k++)
        if (strcmp(g.arrays[k].name, "incident_energy") == 0)
            g.arrays[k].role = ROLE_AUX;
    with_text(add(&g, "outside", ROLE_AUX, ARRAY_U4, N_OUTSIDE, m->outside + (size_t)point * N_OUTSIDE), "counts", "photons not in the map");
    return finish(&g, good, out);
}

/* Errors are those of Poisson: sqrt(N), and of an empty bin the upper limit of Gehrels, as for yields. */
static bool add_spectrum(struct data_group *g, const struct rixs_map *m, uint32_t n_points) {
    double *room = own(g, m->n_bins), *errors = own(g, m->n_bins);
    uint32_t *sum = (void *)room;
    if (!room || !errors)
        return false;
    for (uint32_t i = 0; i < n_points; i++)
        for (uint32_t k = 0; k < m->n_bins; k++)
            sum[k] += m->counts[(size_t)i * m->n_bins + k];
    for (uint32_t k = 0; k < m->n_bins; k++)
        errors[k] = yield_value_of(sum[k], YIELD_PER_LIVE_TIME, NAN, NAN, 1, 0).error;
    with_text(add(g, "counts", ROLE_SIGNAL, ARRAY_U4, m->n_bins, sum), "counts", "photons");
    with_text(add(g, "counts_errors", ROLE_ERRORS, ARRAY_F8, m->n_bins, errors), "counts", "standard deviation");
    return true;
}

enum status data_group_spectrum(const struct scan_products *p, const struct rixs_map *m, uint32_t n_points, const char *which, struct data_group *out) {
    struct data_group g = { .signal = "counts", .axes = { "emission_energy" }, .n_axes = 1 };
    set_title(&g, "emission spectrum", p->scan, which);
    bool good = add_spectrum(&g, m, n_points) && add_energy(&g, m) && add_context(&g, p, 0, n_points, m->pixels_used, m->n_pixels, m->grades_used, p->live_time_s);
    if (n_points > 0)
        with_text(add(&g, "point_counts", ROLE_AUX, ARRAY_U4, m->n_bins, m->counts + (size_t)(n_points - 1) * m->n_bins), "counts", "photons of the last point");
    return finish(&g, good, out);
}

static bool add_yield(struct data_group *g, const struct scan_products *p, const struct yield_spectrum *y, uint32_t n_points, enum yield_norm norm) {
    double *value = own(g, n_points), *error = own(g, n_points);
    if (!value || !error)
        return false;
    for (uint32_t k = 0; k < n_points; k++) {
        const struct scan_point *point = &p->scan->points[k];
        struct yield_value v = yield_value_of(y->counts[k], norm, point->i0, point->i0_sigma, y->live_time_s[k], y->crowding[k]);
        value[k] = v.yield;
        error[k] = v.error;
    }
    const char *units = norm == YIELD_PER_I0_LIVE_TIME ? "1/(i0 s)" : "1/s";
    with_text(by_point(add(g, "yield", ROLE_SIGNAL, ARRAY_F8, n_points, value)), units, norm == YIELD_PER_I0_LIVE_TIME ? "yield / (I0 x live time)" : "yield / live time");
    with_text(by_point(add(g, "yield_errors", ROLE_ERRORS, ARRAY_F8, n_points, error)), units, "standard deviation");
    return true;
}

enum status data_group_yield(const struct scan_products *p, const struct yield_spectrum *y, uint32_t n_points, const char *which, struct data_group *out) {
    enum yield_norm norm = data_group_norm(p->scan);
    struct data_group g = { .signal = "yield", .axes = { "incident_energy" }, .n_axes = 1, .is_yield = true,
                            .roi_eV = { y->region.lo_eV, y->region.hi_eV }, .normalised_by = data_group_norm_text(norm) };
    char what[64];
    snprintf(what, sizeof what, "PFY %s", y->region.name);
    set_title(&g, what, p->scan, which);
    bool good = add_yield(&g, p, y, n_points, norm);
    with_text(by_point(add(&g, "counts", ROLE_AUX, ARRAY_U4, n_points, y->counts)), "counts", "photons");
    good = good && add_incident(&g, p->scan, 0, n_points) && add_context(&g, p, 0, n_points, y->pixels_used, y->n_pixels, y->grades_used, y->live_time_s);
    return finish(&g, good, out);
}
