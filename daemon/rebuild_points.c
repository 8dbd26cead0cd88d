#include "daemon/rebuild_points.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_column(struct h5_input *in, hid_t group, const char *name, enum array_type type, struct scan *s, size_t offset) {
    uint8_t *values = h5_input_whole(in, group, name, type, s->n_points, NULL);
    for (uint32_t k = 0; values != NULL && k < s->n_points; k++)
        memcpy((char *)&s->points[k] + offset, values + k * (size_t)8, 8);
    free(values);
}

static void check_points(struct h5_input *in, const struct scan *s) {
    for (uint32_t k = 0; !in->failed && k < s->n_points; k++)
        if (s->points[k].start_ns >= s->points[k].end_ns || (k > 0 && s->points[k].start_ns < s->points[k - 1].end_ns))
            h5_input_fail(in, "point %u of scan %d is empty or begins before the one before has ended", k, s->number);
}

static void read_table(struct h5_input *in, hid_t group, uint64_t sure, struct scan *s) {
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
    h5_input_name(in, group, "sample", s->sample, sizeof s->sample);
    h5_input_name(in, group, "label", s->label, sizeof s->label);
    h5_input_name(in, group, "log_name", s->log_name, sizeof s->log_name);
    h5_input_name(in, group, "var_name", s->var_name, sizeof s->var_name);
    h5_input_name(in, group, "var_unit", s->var_unit, sizeof s->var_unit);
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

void rebuild_points_read(struct h5_input *in, hid_t group, uint64_t sure, struct scan *s) {
    hsize_t from = 0;
    read_table(in, group, sure, s);
    read_facts(in, group, s);
    if (!in->failed)
        H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &from, note_extra, &(struct extras){ in, s });
}
