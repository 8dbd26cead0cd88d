#include "daemon/rebuild_input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_fields.h"
#include "daemon/nexus_group.h"
#include "daemon/photon_file.h"
#include "pulse/livetime.h"

enum { SECONDS_NAME = 128 };

/* ---- pixels ---- */

static const struct h5_field pixel_columns[] = {
    { .name = "channel", .type = ARRAY_U4, .offset = offsetof(struct rebuild_pixel, channel) },
    { .name = "sensitivity", .type = ARRAY_F8, .offset = offsetof(struct rebuild_pixel, sensitivity) },
    { .name = "resolution_eV", .type = ARRAY_F8, .offset = offsetof(struct rebuild_pixel, resolution_eV) },
    { .name = "lost_upstream", .type = ARRAY_U8, .offset = offsetof(struct rebuild_pixel, lost_upstream) },
};

static void read_texts(struct rebuild_input *in, hid_t group, const char *name, size_t offset, size_t width) {
    char *texts = calloc(in->n_pixels + 1, width);
    if (texts == NULL) {
        h5_input_fail(&in->file, "out of memory");
        return;
    }
    h5_input_texts(&in->file, group, name, in->n_pixels, width, texts);
    for (size_t k = 0; k < in->n_pixels; k++)
        memcpy((char *)&in->pixels[k] + offset, texts + k * width, width);
    free(texts);
}

static const struct h5_field neighbour_columns[] = {
    { .name = "neighbours", .type = ARRAY_U1, .offset = offsetof(struct rebuild_pixel, neighbours) },
    { .name = "neighbour_line_pull", .type = ARRAY_F8, .offset = offsetof(struct rebuild_pixel, neighbour_line_pull) },
};

static void read_calibration_counts(struct rebuild_input *in, hid_t group) {
    const uint64_t cells = h5_input_length(&in->file, group, "calibration_photons"), n = in->n_pixels > 0 ? cells / in->n_pixels : 0;
    if (in->file.failed || n == 0)
        return;
    if (n > 4096 || calibration_counts_new((uint32_t)in->n_pixels, (uint32_t)n, &in->counts) != STATUS_OK) {
        h5_input_fail(&in->file, "pixels/calibration_photons names %llu calibrations", (unsigned long long)n);
        return;
    }
    h5_input_array(&in->file, group, "calibration_photons", ARRAY_U4, in->n_pixels * n, in->counts.photons);
    h5_input_array(&in->file, group, "calibration_high_ns", ARRAY_I8, in->n_pixels * n, in->counts.high_ns);
    h5_input_array(&in->file, group, "calibration_used", ARRAY_U1, in->n_pixels, in->counts.used);
}

static void read_pixels(struct rebuild_input *in) {
    const hid_t group = h5_input_group(&in->file, in->entry, "pixels");
    in->n_pixels = h5_input_length(&in->file, group, "channel");
    in->pixels = calloc(in->n_pixels + 1, sizeof *in->pixels);
    if (in->pixels == NULL || in->n_pixels > UINT16_MAX)
        h5_input_fail(&in->file, "%zu pixels are too many", in->n_pixels);
    if (!in->file.failed) {
        h5_fields_read(&in->file, group, pixel_columns, sizeof pixel_columns / sizeof *pixel_columns, in->pixels, sizeof *in->pixels, in->n_pixels);
        read_texts(in, group, "name", offsetof(struct rebuild_pixel, name), sizeof in->pixels->name);
        read_texts(in, group, "verdict", offsetof(struct rebuild_pixel, verdict), sizeof in->pixels->verdict);
        read_texts(in, group, "reason", offsetof(struct rebuild_pixel, reason), sizeof in->pixels->reason);
    }
    if (h5_input_has(&in->file, group, "neighbours"))
        h5_fields_read(&in->file, group, neighbour_columns, sizeof neighbour_columns / sizeof *neighbour_columns, in->pixels, sizeof *in->pixels, in->n_pixels);
    if (h5_input_has(&in->file, group, "calibration_photons"))
        read_calibration_counts(in, group);
    h5_file_close_group(group);
}

/* ---- a scan's points ---- */

static void read_name(struct h5_input *in, hid_t group, const char *name, char *out, size_t width) {
    char *text = h5_input_text(in, group, name);
    if (text != NULL)
        snprintf(out, width, "%s", text);
    free(text);
}

/* All of a dataset of 8-byte numbers, at least `least` of them: a column of a file left open may be longer than what is sure. */
static void *read_whole(struct h5_input *in, hid_t group, const char *name, enum array_type type, uint64_t least, uint64_t *length) {
    const uint64_t n = h5_input_length(in, group, name);
    void *values = n < UINT64_C(1) << 32 ? calloc(n + 1, 8) : NULL;
    if (values == NULL || n < least)
        h5_input_fail(in, "%s has %llu values where %llu are wanted", name, (unsigned long long)n, (unsigned long long)least);
    h5_input_array(in, group, name, type, n, values);
    if (length != NULL)
        *length = n;
    if (in->failed) {
        free(values);
        return NULL;
    }
    return values;
}

static void read_column(struct h5_input *in, hid_t group, const char *name, enum array_type type, struct scan *s, size_t offset) {
    uint8_t *values = read_whole(in, group, name, type, s->n_points, NULL);
    for (uint32_t k = 0; values != NULL && k < s->n_points; k++)
        memcpy((char *)&s->points[k] + offset, values + k * (size_t)8, 8);
    free(values);
}

static void check_points(struct h5_input *in, const struct scan *s) {
    for (uint32_t k = 0; !in->failed && k < s->n_points; k++)
        if (s->points[k].start_ns >= s->points[k].end_ns || (k > 0 && s->points[k].start_ns < s->points[k - 1].end_ns))
            h5_input_fail(in, "point %u of scan %d is empty or begins before the one before has ended", k, s->number);
}

static void read_points(struct h5_input *in, hid_t group, uint64_t sure, struct scan *s) {
    uint64_t n = h5_input_length(in, group, "start_ns");
    n = n < sure ? n : sure;
    s->points = n <= 1 << 22 ? calloc(n + 1, sizeof *s->points) : NULL;
    if (s->points == NULL) {
        h5_input_fail(in, "scan %d has %llu points", s->number, (unsigned long long)n);
        return;
    }
    s->n_points = (uint32_t)n;
    read_column(in, group, "incident_eV", ARRAY_F8, s, offsetof(struct scan_point, incident_eV));
    read_column(in, group, "start_ns", ARRAY_I8, s, offsetof(struct scan_point, start_ns));
    read_column(in, group, "end_ns", ARRAY_I8, s, offsetof(struct scan_point, end_ns));
    read_column(in, group, "i0", ARRAY_F8, s, offsetof(struct scan_point, i0));
    if (h5_input_has(in, group, "i0_sigma"))
        read_column(in, group, "i0_sigma", ARRAY_F8, s, offsetof(struct scan_point, i0_sigma));
    check_points(in, s);
    if (s->n_points > 0) {
        s->start_ns = s->points[0].start_ns;
        s->end_ns = s->points[s->n_points - 1].end_ns;
    }
}

static void read_facts(struct h5_input *in, hid_t group, struct scan *s) {
    int64_t log_number = -1;
    read_name(in, group, "sample", s->sample, sizeof s->sample);
    read_name(in, group, "label", s->label, sizeof s->label);
    read_name(in, group, "log_name", s->log_name, sizeof s->log_name);
    read_name(in, group, "var_name", s->var_name, sizeof s->var_name);
    read_name(in, group, "var_unit", s->var_unit, sizeof s->var_unit);
    h5_input_array(in, group, "scan_number", ARRAY_I8, 1, &log_number);
    s->log_number = log_number >= 0 && log_number <= INT32_MAX ? (int32_t)log_number : -1;
    s->mono_eV = (double)NAN;
}

/* Columns of the beamline's own, beside those that every scan has. */
struct extras { struct h5_input *in; struct scan *scan; };

static herr_t note_extra(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    static const char *const own[] = { "incident_eV", "start_ns", "end_ns", "dwell_s", "i0", "i0_sigma", "live_time_s", "photons", "moving", "sensitivity", "window_s", "unresolved_s", "tail_s",
                                       "resolution_eV" };
    struct extras *e = context;
    struct scan *s = e->scan;
    (void)info;
    for (size_t k = 0; k < sizeof own / sizeof own[0]; k++)
        if (strcmp(name, own[k]) == 0)
            return 0;
    if (strncmp(name, "live_time_", 10) == 0 || strlen(name) >= sizeof s->extras->name)
        return 0;
    const hid_t d = H5Dopen2(group, name, H5P_DEFAULT), type = d >= 0 ? H5Dget_type(d) : -1, space = d >= 0 ? H5Dget_space(d) : -1;
    const bool wanted = d >= 0 && H5Tget_class(type) == H5T_FLOAT && H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_npoints(space) == (hssize_t)s->n_points;
    struct scan_extra *more = wanted ? realloc(s->extras, (s->n_extras + (size_t)1) * sizeof *more) : NULL;
    if (more != NULL) {
        s->extras = more;
        struct scan_extra *x = &s->extras[s->n_extras];
        snprintf(x->name, sizeof x->name, "%s", name);
        x->values = calloc(s->n_points + (size_t)1, sizeof *x->values);
        if (x->values != NULL) {
            h5_input_array(e->in, group, name, ARRAY_F8, s->n_points, x->values);
            s->n_extras++;
        }
    }
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    if (d >= 0)
        H5Dclose(d);
    return 0;
}

/* ---- a scan's pixels and products ---- */

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
    int64_t *all = h5_input_has(&in->file, group, "grade_time_ns") ? read_whole(&in->file, group, "grade_time_ns", ARRAY_I8, n, &length) : NULL;
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

static void read_scan(struct rebuild_input *in, int32_t number, char *const *names, size_t n_names, struct rebuild_scan *s) {
    char name[SECONDS_NAME];
    s->scan.number = number;
    snprintf(name, sizeof name, "scan_%04d", number);
    const hid_t group = h5_input_group(&in->file, in->entry, name);
    hsize_t from = 0;
    read_points(&in->file, group, in->n_points, &s->scan);
    read_facts(&in->file, group, &s->scan);
    if (!in->file.failed)
        H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &from, note_extra, &(struct extras){ &in->file, &s->scan });
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
        s->shared_excess = read_whole(&in->file, group, "live_time_excess", ARRAY_F8, s->scan.n_points, NULL);
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

static bool map_number(const char *name, int32_t *number) {
    int n = 0;
    return sscanf(name, "rixs_%d%n", number, &n) == 1 && name[n] == '\0';
}

/* ---- what is sure and what is missing ---- */

static void read_gaps(struct rebuild_input *in, hid_t group) {
    const size_t n = (size_t)h5_input_length(&in->file, group, "gap_from_ns");
    int64_t *from = calloc(n + 1, sizeof *from), *to = calloc(n + 1, sizeof *to);
    uint64_t *lost = calloc(n + 1, sizeof *lost);
    in->gaps = calloc(n + 1, sizeof *in->gaps);
    const bool good = from != NULL && to != NULL && lost != NULL && in->gaps != NULL;
    if (!good)
        h5_input_fail(&in->file, "out of memory");
    else if (n > 0) {
        h5_input_array(&in->file, group, "gap_from_ns", ARRAY_I8, n, from);
        h5_input_array(&in->file, group, "gap_to_ns", ARRAY_I8, n, to);
        h5_input_array(&in->file, group, "gap_lost", ARRAY_U8, n, lost);
    }
    for (size_t k = 0; good && !in->file.failed && k < n; k++)
        in->gaps[in->n_gaps++] = (struct rebuild_gap){ from[k], to[k], lost[k] };
    free(from);
    free(to);
    free(lost);
}

/* Columns of a file left open may differ in length: what its writer had marked is whole. */
static void read_marks(struct rebuild_input *in) {
    int64_t rows = -1, points = 0;
    const hid_t photons = h5_input_group(&in->file, in->entry, "photons"), group = h5_input_group(&in->file, in->entry, "process");
    in->n_rows = h5_input_length(&in->file, photons, "time_ns");
    if (h5_input_has(&in->file, group, "flushed_rows")) {
        h5_input_array(&in->file, group, "flushed_rows", ARRAY_I8, 1, &rows);
        if (rows < 0 || (uint64_t)rows > in->n_rows)
            h5_input_fail(&in->file, "process/flushed_rows promises %lld rows and there are %llu", (long long)rows, (unsigned long long)in->n_rows);
        else
            in->n_rows = (uint64_t)rows;
    }
    in->n_points = UINT64_MAX;
    if (h5_input_has(&in->file, group, "flushed_points")) {
        h5_input_array(&in->file, group, "flushed_points", ARRAY_I8, 1, &points);
        in->n_points = points > 0 ? (uint64_t)points : 0;
    }
    if (h5_input_has(&in->file, group, "gap_from_ns"))
        read_gaps(in, group);
    if (h5_input_has(&in->file, group, "state"))
        read_name(&in->file, group, "state", in->state, sizeof in->state);
    if (h5_input_has(&in->file, group, "config"))
        in->config = h5_input_text(&in->file, group, "config");
    h5_file_close_group(photons);
    h5_file_close_group(group);
}

/* ---- calibrations ---- */

struct calibration_list { struct rebuild_input *in; int32_t numbers[1024]; size_t n; };

static herr_t note_calibration(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    struct calibration_list *list = context;
    int32_t number;
    int n = 0;
    (void)group;
    (void)info;
    if (sscanf(name, "calibration_%d%n", &number, &n) == 1 && name[n] == '\0' && list->n < sizeof list->numbers / sizeof *list->numbers)
        list->numbers[list->n++] = number;
    return 0;
}

static void read_calibration(struct rebuild_input *in, int32_t number, struct rebuild_calibration *c) {
    char name[SECONDS_NAME];
    snprintf(name, sizeof name, "calibration_%04d", number);
    const hid_t group = h5_input_group(&in->file, in->entry, name);
    c->number = number;
    h5_input_array(&in->file, group, "start_ns", ARRAY_I8, 1, &c->start_ns);
    h5_input_array(&in->file, group, "typical_resolution_eV", ARRAY_F8, 1, &c->resolution_eV);
    read_name(&in->file, group, "line_table_name", c->line_table, sizeof c->line_table);
    c->line_table_text = in->file.failed ? NULL : h5_input_text(&in->file, group, "line_table_text");
    h5_file_close_group(group);
}

static void read_calibrations(struct rebuild_input *in) {
    struct calibration_list *list = calloc(1, sizeof *list);
    hsize_t from = 0;
    if (list != NULL && !in->file.failed)
        H5Literate(in->entry, H5_INDEX_NAME, H5_ITER_INC, &from, note_calibration, list);
    in->calibrations = list != NULL ? calloc(list->n + 1, sizeof *in->calibrations) : NULL;
    if (in->calibrations == NULL)
        h5_input_fail(&in->file, "out of memory");
    for (size_t k = 0; list != NULL && !in->file.failed && k < list->n; k++)
        read_calibration(in, list->numbers[k], &in->calibrations[in->n_calibrations++]);
    free(list);
}

/* ---- all of it ---- */

static void read_scans(struct rebuild_input *in) {
    size_t n = 0;
    int32_t number;
    char **names = in->file.failed ? NULL : nexus_group_names(&in->file, in->entry, &n);
    in->scans = calloc(n + 1, sizeof *in->scans);
    if (in->scans == NULL)
        h5_input_fail(&in->file, "out of memory");
    for (size_t k = 0; !in->file.failed && k < n; k++)
        if (map_number(names[k], &number))
            read_scan(in, number, names, n, &in->scans[in->n_scans++]);
    nexus_group_names_free(names, n);
    in->start_ns = INT64_MAX;
    in->end_ns = INT64_MIN;
    for (size_t k = 0; k < in->n_scans; k++) {
        const struct scan *s = &in->scans[k].scan;
        if (s->n_points > 0 && s->start_ns < in->start_ns)
            in->start_ns = s->start_ns;
        if (s->n_points > 0 && s->end_ns > in->end_ns)
            in->end_ns = s->end_ns;
    }
}

bool rebuild_input_open(const char *path, struct rebuild_input *out) {
    struct rebuild_input in = { .entry = -1 };
    if (h5_input_open_growing(path, &in.file)) {
        in.entry = h5_input_group(&in.file, in.file.id, "entry");
        read_pixels(&in);
        read_marks(&in);
        read_calibrations(&in);
        read_scans(&in);
    }
    if (in.file.failed)
        rebuild_input_close(&in);
    *out = in;
    return !in.file.failed;
}

void rebuild_input_close(struct rebuild_input *in) {
    for (size_t k = 0; k < in->n_scans; k++) {
        struct rebuild_scan *s = &in->scans[k];
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
    for (size_t k = 0; k < in->n_calibrations; k++)
        free(in->calibrations[k].line_table_text);
    free(in->calibrations);
    free(in->config);
    calibration_counts_done(&in->counts);
    free(in->scans);
    free(in->pixels);
    free(in->gaps);
    h5_file_close_group(in->entry);
    h5_input_close(&in->file);
    const bool failed = in->file.failed;
    *in = (struct rebuild_input){ .entry = -1, .file = { .id = -1, .failed = failed } };
}
