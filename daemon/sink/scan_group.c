#include "daemon/sink/scan_group.h"

#include <stdlib.h>
#include <string.h>

static const struct { const char *name, *units, *long_name; enum array_type type; size_t offset; } point_columns[] = {
    { .name = "incident_eV", .type = ARRAY_F8, .offset = offsetof(struct scan_point, incident_eV), .units = "eV", .long_name = "incident energy" },
    { .name = "start_ns", .type = ARRAY_I8, .offset = offsetof(struct scan_point, start_ns), .units = "ns", .long_name = "start of the point since 1970 UTC" },
    { .name = "end_ns", .type = ARRAY_I8, .offset = offsetof(struct scan_point, end_ns), .units = "ns", .long_name = "end, not included" },
    { .name = "i0", .type = ARRAY_F8, .offset = offsetof(struct scan_point, i0), .long_name = "incident intensity" },
    { .name = "i0_sigma", .type = ARRAY_F8, .offset = offsetof(struct scan_point, i0_sigma), .long_name = "uncertainty of i0" },
};
enum { POINT_COLUMNS = sizeof point_columns / sizeof *point_columns, FIELD = 8 };

static struct data_array *add(struct scan_group *g, const char *name, enum array_type type, uint32_t n_points, const void *data) {
    struct data_array *a = &g->arrays[g->n++];
    *a = (struct data_array){ .name = name, .type = type, .rank = 1, .shape = { n_points }, .grows = 1, .data = data };
    return a;
}

/* One field of every point; all are 8 bytes wide. */
static bool add_column(struct scan_group *g, const struct scan *s, uint32_t n_points, size_t k) {
    char *copy = g->owned[g->n] = calloc(n_points + (size_t)1, FIELD);
    for (uint32_t i = 0; copy != NULL && i < n_points; i++)
        memcpy(copy + i * (size_t)FIELD, (const char *)&s->points[i] + point_columns[k].offset, FIELD);
    struct data_array *a = add(g, point_columns[k].name, point_columns[k].type, n_points, copy);
    a->units = point_columns[k].units;
    a->long_name = point_columns[k].long_name;
    return copy != NULL;
}

static bool add_dwell(struct scan_group *g, const struct scan *s, uint32_t n_points) {
    double *dwell_s = g->owned[g->n] = calloc(n_points + (size_t)1, sizeof *dwell_s);
    for (uint32_t i = 0; dwell_s != NULL && i < n_points; i++)
        dwell_s[i] = (double)(s->points[i].end_ns - s->points[i].start_ns) * 1e-9;
    add(g, "dwell_s", ARRAY_F8, n_points, dwell_s)->units = "s";
    return dwell_s != NULL;
}

static void add_counts(struct scan_group *g, const char *name, const char *long_name, const uint32_t *counts, uint32_t n_points) {
    struct data_array *a = add(g, name, ARRAY_U4, n_points, counts);
    a->units = "counts";
    a->long_name = long_name;
}

bool scan_group_make(const struct scan_products *p, uint32_t n_points, struct scan_group *out) {
    struct scan_group g = { 0 };
    bool good = true;
    for (size_t k = 0; k < POINT_COLUMNS; k++)
        good = add_column(&g, p->scan, n_points, k) && good;
    good = add_dwell(&g, p->scan, n_points) && good;
    add_counts(&g, "photons", "photons in the point, all pixels", p->photons, n_points);
    add_counts(&g, "moving", "photons between this point and the next", p->moving, n_points);
    add(&g, "live_time_s", ARRAY_F8, n_points, p->live_time_s)->units = "s";
    if (!good)
        scan_group_done(&g);
    *out = g;
    return good;
}

void scan_group_done(struct scan_group *g) {
    for (unsigned k = 0; k < SCAN_GROUP_ARRAYS; k++)
        free(g->owned[k]);
    *g = (struct scan_group){ 0 };
}
