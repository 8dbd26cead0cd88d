#include "daemon/rebuild_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_file.h"
#include "daemon/nexus_group.h"
#include "daemon/rebuild_input.h"
#include "daemon/rebuild_points.h"
#include "pulse/livetime.h"

enum { SECONDS_NAME = 128 };

static double *read_per_pixel(struct rebuild_input *in, hid_t group, const char *name, double otherwise) {
    double *values = calloc(in->n_pixels + 1, sizeof *values);
    for (size_t k = 0; values != NULL && k < in->n_pixels; k++)
        values[k] = otherwise;
    if (values == NULL)
        h5_input_fail(&in->file, "out of memory");
    else if (h5_input_has(&in->file, group, name))
        h5_input_array(&in->file, group, name, ARRAY_F8, in->n_pixels, values);
    return values;
}

static void read_grade_times(struct rebuild_input *in, hid_t group, struct rebuild_scan *s) {
    const uint64_t row = s->scan.n_points * (uint64_t)N_LIVETIME_COLUMNS, n = in->n_pixels * row;
    uint64_t length = 0;
    int64_t *all = h5_input_has(&in->file, group, "grade_time_ns") ? h5_input_whole(&in->file, group, "grade_time_ns", ARRAY_I8, n, &length) : NULL;
    const uint64_t stride = in->n_pixels > 0 ? length / in->n_pixels : 0;
    s->grade_time_ns = all != NULL ? calloc(n + 1, sizeof *all) : NULL;
    for (size_t k = 0; s->grade_time_ns != NULL && k < in->n_pixels; k++)
        memcpy(s->grade_time_ns + k * row, all + k * stride, row * sizeof *all);
    free(all);
}

static uint32_t grades_of(const struct nexus_group *g) {
    const struct nexus_array *a = nexus_group_array(g, "grades_used");
    uint32_t grades = 0;
    for (uint64_t k = 0; a != NULL && k < a->shape[0]; k++)
        if (a->values[k] >= 0 && a->values[k] < N_GRADES)
            grades |= UINT32_C(1) << (unsigned)a->values[k];
    return grades;
}

static bool has_edges(const struct nexus_array *a, double bin_eV) {
    for (uint64_t k = 0; k < a->shape[0]; k++)
        if (a->values[k] != a->values[0] + (double)k * bin_eV)
            return false;
    return true;
}

/* The bin width that makes these very edges: as somebody wrote it (0.1), or as it comes out. */
static bool axis_of(const struct nexus_group *g, const char *edges, struct energy_axis *out) {
    const struct nexus_array *a = nexus_group_array(g, edges);
    if (a == NULL || a->rank != 1 || a->shape[0] < 2)
        return false;
    const uint64_t n = a->shape[0] - 1;
    const double mean_eV = (a->values[n] - a->values[0]) / (double)n, written_eV = round(mean_eV * 1e9) / 1e9;
    *out = (struct energy_axis){ .lo_eV = a->values[0], .hi_eV = a->values[n], .bin_eV = has_edges(a, written_eV) ? written_eV : mean_eV };
    return true;
}

static void read_pixels_used(struct rebuild_input *in, const struct nexus_group *g, struct rebuild_scan *s) {
    const struct nexus_array *a = nexus_group_array(g, "pixels_used");
    s->pixels_used = calloc(in->n_pixels + 1, 1);
    if (s->pixels_used == NULL || a == NULL || a->rank != 1 || a->shape[0] != in->n_pixels) {
        h5_input_fail(&in->file, "%s/pixels_used has not one value for each pixel", g->name);
        return;
    }
    for (size_t k = 0; k < in->n_pixels; k++)
        s->pixels_used[k] = a->values[k] != 0;
}

static void read_map(struct rebuild_input *in, const char *kind, const char *edges, struct energy_axis *axis, struct rebuild_scan *s) {
    char name[SECONDS_NAME];
    snprintf(name, sizeof name, "%s_%04d", kind, s->scan.number);
    struct nexus_group *g = in->file.failed ? NULL : nexus_group_read(&in->file, in->entry, name);
    if (g == NULL || !axis_of(g, edges, axis))
        h5_input_fail(&in->file, "%s has no %s", name, edges);
    else if (s->pixels_used == NULL) {
        s->map_grades = grades_of(g);
        read_pixels_used(in, g, s);
    }
    nexus_group_free(g);
}

static void read_region(struct rebuild_input *in, const char *name, const char *region, struct rebuild_scan *s) {
    struct nexus_group *g = s->n_regions < REBUILD_REGIONS ? nexus_group_read(&in->file, in->entry, name) : NULL;
    if (g != NULL && g->has_roi) {
        struct yield_region *r = &s->regions[s->n_regions];
        snprintf(r->name, sizeof r->name, "%.31s", region);
        r->lo_eV = g->roi_eV[0];
        r->hi_eV = g->roi_eV[1];
        s->region_grades[s->n_regions++] = grades_of(g);
    }
    nexus_group_free(g);
}

static double number_attribute(hid_t object, const char *name) {
    double value = (double)NAN;
    const hid_t a = H5Aexists(object, name) > 0 ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    if (a >= 0) {
        const hid_t space = H5Aget_space(a), type = H5Aget_type(a);
        if (H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(type) == H5T_FLOAT)
            H5Aread(a, H5T_NATIVE_DOUBLE, &value);
        H5Tclose(type);
        H5Sclose(space);
        H5Aclose(a);
    }
    return value;
}

void rebuild_scan_read(struct rebuild_input *in, int32_t number, char *const *names, size_t n_names, struct rebuild_scan *s) {
    char name[SECONDS_NAME];
    s->scan.number = number;
    snprintf(name, sizeof name, "scan_%04d", number);
    const hid_t group = h5_input_group(&in->file, in->entry, name);
    rebuild_points_read(&in->file, group, in->n_points, &s->scan);
    read_grade_times(in, group, s);
    s->window_s = read_per_pixel(in, group, "window_s", 0);
    s->resolution_eV = read_per_pixel(in, group, "resolution_eV", (double)NAN);
    s->unresolved_s = read_per_pixel(in, group, "unresolved_s", 0);
    s->tail_s = read_per_pixel(in, group, "tail_s", 0);
    s->sensitivity = read_per_pixel(in, group, "sensitivity", (double)NAN);
    int64_t rules = 0;
    if (h5_input_has(&in->file, group, "array_rules"))
        h5_input_array(&in->file, group, "array_rules", ARRAY_I8, 1, &rules);
    s->array_rules = (uint32_t)rules;
    if (h5_input_has(&in->file, group, "live_time_excess"))
        s->shared_excess = h5_input_whole(&in->file, group, "live_time_excess", ARRAY_F8, s->scan.n_points, NULL);
    s->dispersion = in->file.failed ? (double)NAN : number_attribute(group, "dispersion_10ms");
    h5_file_close_group(group);
    read_map(in, "rixs", "emission_energy_edges", &s->emission, s);
    read_map(in, "loss", "energy_loss_edges", &s->loss, s);
    snprintf(name, sizeof name, "pfy_%04d_", number);
    for (size_t k = 0; !in->file.failed && k < n_names; k++)
        if (strncmp(names[k], name, strlen(name)) == 0)
            read_region(in, names[k], names[k] + strlen(name), s);
    for (size_t k = 0; !in->file.failed && k < in->n_pixels; k++)
        if (isnan(s->sensitivity[k]))
            s->sensitivity[k] = in->pixels[k].sensitivity;
}

void rebuild_scan_done(struct rebuild_scan *s) {
    scan_done(&s->scan);
    free(s->pixels_used);
    free(s->grade_time_ns);
    free(s->window_s);
    free(s->unresolved_s);
    free(s->tail_s);
    free(s->resolution_eV);
    free(s->sensitivity);
    free(s->shared_excess);
}
