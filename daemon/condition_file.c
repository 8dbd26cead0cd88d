#include "daemon/condition_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_repeat.h"

/* "sum_GROUP_rixs" -> GROUP; "rixs_0003" -> "scan_0003". False: neither. */
static bool name_of_map(const char *group, bool sums, char out[CONDITION_NAME]) {
    const size_t n = strlen(group);
    int number, end = 0;
    if (sums && n > 9 && strncmp(group, "sum_", 4) == 0 && strcmp(group + n - 5, "_rixs") == 0) {
        snprintf(out, CONDITION_NAME, "%.*s", (int)(n - 9), group + 4);
        return true;
    }
    if (sums || sscanf(group, "rixs_%d%n", &number, &end) != 1 || group[end] != '\0')
        return false;
    snprintf(out, CONDITION_NAME, "scan_%04d", number);
    return true;
}

static char **names_of(char *const *groups, size_t n_groups, bool sums, size_t *n) {
    char **names = calloc(n_groups + 1, sizeof(char *));
    *n = 0;
    for (size_t k = 0; names != NULL && k < n_groups; k++) {
        char name[CONDITION_NAME];
        if (name_of_map(groups[k], sums, name) && (names[*n] = strdup(name)) != NULL)
            ++*n;
    }
    return names;
}

char **condition_file_names(struct h5_input *in, hid_t entry, size_t *n) {
    size_t n_groups;
    char **groups = nexus_group_names(in, entry, &n_groups);
    if (groups == NULL)
        return NULL;
    char **names = names_of(groups, n_groups, true, n);
    if (names != NULL && *n == 0) {
        nexus_group_names_free(names, 0);
        names = names_of(groups, n_groups, false, n);
    }
    nexus_group_names_free(groups, n_groups);
    return names;
}

static void group_of(const char *condition, const char *kind, const char *roi, char out[NEXUS_NAME]) {
    const char *gap = roi[0] != '\0' ? "_" : "";
    int number, end = 0;
    if (sscanf(condition, "scan_%d%n", &number, &end) == 1 && condition[end] == '\0')
        snprintf(out, NEXUS_NAME, "%s_%04d%s%s", kind, number, gap, roi);
    else
        snprintf(out, NEXUS_NAME, "sum_%s_%s%s%s", condition, kind, gap, roi);
}

static const double *column(const struct nexus_group *g, const char *name, uint64_t n) {
    const struct nexus_array *a = nexus_group_array(g, name);
    return a != NULL && a->rank == 1 && a->shape[0] == n ? a->values : NULL;
}

static double weight_of(const struct nexus_group *g) {
    const double *w = column(g, "pixel_weight", 1);
    return w != NULL && w[0] > 0 ? w[0] : 1;
}

/* Points of the map in order of energy, as repeats are matched. */
static bool order_points(struct h5_input *in, struct condition *c) {
    const struct nexus_array *incident = nexus_group_array(c->map, "incident_energy");
    const uint64_t n = incident != NULL && incident->rank == 1 ? incident->shape[0] : 0;
    struct scan s = { .n_points = (uint32_t)n, .points = calloc(n + 1, sizeof *s.points) };
    struct scan_repeat r = { 0 };
    c->n_points = (uint32_t)n;
    c->row = calloc(n + 1, sizeof *c->row);
    c->incident_eV = calloc(n + 1, sizeof *c->incident_eV);
    bool good = s.points != NULL && c->row != NULL && c->incident_eV != NULL && n > 0 && n < UINT32_MAX;
    for (uint64_t k = 0; good && k < n; k++)
        s.points[k].incident_eV = strcmp(incident->units, "eV") == 0 ? incident->values[k] : (double)NAN;
    good = good && scan_repeat_new(&s, &r) == STATUS_OK;
    for (uint64_t k = 0; good && k < n; k++) {
        c->row[k] = r.set_points[k].row;
        c->incident_eV[k] = r.set_points[k].incident_eV;
    }
    scan_repeat_done(&r);
    free(s.points);
    if (!good)
        h5_input_fail(in, "%s: it has no points, or no memory", c->name);
    return good;
}

static double exposure_of(bool by_i0, double i0, double live_s, double weight) {
    const double q = (by_i0 ? i0 : 1) * live_s * weight;
    return q > 0 && isfinite(q) ? q : 0;
}

double condition_exposure(const struct condition *c, uint32_t k) {
    const double *i0 = column(c->map, "i0", c->n_points), *live = column(c->map, "live_time_s", c->n_points);
    return i0 != NULL && live != NULL ? exposure_of(c->by_i0, i0[c->row[k]], live[c->row[k]], c->map_weight) : 0;
}

/* Above 10 counts the file's own error, which knows crowding and I0; below it is an upper limit, and the counts speak. */
static void settle(const struct condition *c, const struct nexus_group *g, struct condition_curve *curve) {
    const double *error = column(g, "yield_errors", c->n_points), weight = weight_of(g);
    condition_curve_settle(curve, NULL, NULL);
    for (uint32_t k = 0; k < curve->n; k++) {
        const double e = error != NULL ? error[c->row[k]] / weight : (double)NAN;
        if (curve->counts[k] >= 10 && isfinite(e) && c->by_i0 == (strncmp(g->normalised_by, "i0", 2) == 0))
            curve->variance[k] = e * e;
    }
}

static bool read_yield(struct h5_input *in, hid_t entry, const char *group, const char *roi, struct condition *c) {
    struct nexus_group *g = nexus_group_read(in, entry, group);
    struct condition_yield *y = &c->yields[c->n_yields];
    const double *counts = g != NULL ? column(g, "counts", c->n_points) : NULL, *live = g != NULL ? column(g, "live_time_s", c->n_points) : NULL;
    const double *i0 = g != NULL ? column(g, "i0", c->n_points) : NULL;
    bool good = counts != NULL && live != NULL && i0 != NULL && condition_curve_new(c->n_points, &y->curve) == STATUS_OK;
    if (good) {
        snprintf(y->name, sizeof y->name, "%s", roi);
        memcpy(y->roi_eV, g->roi_eV, sizeof y->roi_eV);
        for (uint32_t k = 0; k < c->n_points; k++) {
            y->curve.incident_eV[k] = c->incident_eV[k];
            y->curve.counts[k] = counts[c->row[k]];
            y->curve.exposure[k] = exposure_of(c->by_i0, i0[c->row[k]], live[c->row[k]], weight_of(g));
        }
        settle(c, g, &y->curve);
        c->n_yields++;
    } else if (!in->failed) {
        h5_input_fail(in, "%s: counts, i0 and live_time_s for each point are wanted", group);
    }
    nexus_group_free(g);
    return good;
}

bool condition_file_read(struct h5_input *in, hid_t entry, const char *name, bool want_i0, struct condition *out) {
    char group[NEXUS_NAME], prefix[NEXUS_NAME];
    *out = (struct condition){ 0 };
    snprintf(out->name, sizeof out->name, "%s", name);
    group_of(name, "rixs", "", group);
    out->map = nexus_group_read(in, entry, group);
    bool good = out->map != NULL && order_points(in, out);
    const double *i0 = good ? column(out->map, "i0", out->n_points) : NULL;
    for (uint32_t k = 0; want_i0 && i0 != NULL && k < out->n_points; k++)
        out->by_i0 = out->by_i0 || i0[k] > 0;
    out->map_weight = good ? weight_of(out->map) : 1;
    size_t n = 0;
    char **names = good ? nexus_group_names(in, entry, &n) : NULL;
    group_of(name, "pfy", "x", prefix);
    prefix[strlen(prefix) - 1] = '\0';
    for (size_t k = 0; good && names != NULL && k < n; k++)
        if (strncmp(names[k], prefix, strlen(prefix)) == 0 && out->n_yields < CONDITION_YIELDS)
            good = read_yield(in, entry, names[k], names[k] + strlen(prefix), out);
    if (names != NULL)
        nexus_group_names_free(names, n);
    good = good && names != NULL;
    if (!good)
        condition_done(out);
    return good;
}

void condition_done(struct condition *c) {
    for (size_t k = 0; k < c->n_yields; k++)
        condition_curve_done(&c->yields[k].curve);
    nexus_group_free(c->map);
    free(c->row);
    free(c->incident_eV);
    *c = (struct condition){ 0 };
}
