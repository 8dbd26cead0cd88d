#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "daemon/sink/archive_parts.h"
#include "daemon/sink/scan_group.h"
#include "pulse/livetime.h"

static void write_points(struct archive *a, hid_t group, const struct scan_products *p) {
    struct scan_group g;
    if (!scan_group_make(p, p->n_points, &g)) {
        h5_file_fail(a->file, "the points of a scan", "out of memory");
        return;
    }
    for (unsigned k = 0; k < g.n; k++)
        h5_file_array(a->file, group, &g.arrays[k]);
    scan_group_done(&g);
}

/* A log's own name for a column may hold anything; a name already taken gets "extra_" in front. */
static void write_extra(struct archive *a, hid_t group, const struct scan_extra *extra, uint32_t n_points) {
    char name[80] = "";
    size_t n = 0;
    for (const char *c = extra->name; *c && n < 48; c++)
        name[n++] = isalnum((unsigned char)*c) || strchr("_-+:", *c) ? *c : '_';
    for (int tries = 0; tries < 3 && !a->file->failed && (n == 0 || H5Lexists(group, name, H5P_DEFAULT) > 0); tries++) {
        memmove(name + 6, name, n + 1);
        memcpy(name, "extra_", 6);
        n += 6;
    }
    if (!a->file->failed && H5Lexists(group, name, H5P_DEFAULT) == 0)
        h5_file_array(a->file, group, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = 1, .shape = { n_points }, .data = extra->values });
}

/* What errors of yields are made of, beside counts and times (scan_live_time.h). */
static void write_windows(struct archive *a, hid_t group, const struct scan_products *p) {
    h5_file_array(a->file, group, &(struct data_array){ .name = "window_s", .type = ARRAY_F8, .rank = 1, .shape = { p->n_pixels }, .units = "s",
                                                        .long_name = "the shorter of the two windows around a photon of grade high", .data = p->window_s });
    h5_file_array(a->file, group, &(struct data_array){ .name = "resolution_eV", .type = ARRAY_F8, .rank = 1, .shape = { p->n_pixels }, .units = "eV",
                                                        .long_name = "FWHM when the scan began", .data = p->resolution_eV });
    h5_file_array(a->file, group, &(struct data_array){ .name = "unresolved_s", .type = ARRAY_F8, .rank = 1, .shape = { p->n_pixels }, .units = "s",
                                                        .long_name = "photons nearer than this make one event", .data = p->unresolved_s });
    h5_file_array(a->file, group, &(struct data_array){ .name = "tail_s", .type = ARRAY_F8, .rank = 1, .shape = { p->n_pixels }, .units = "s",
                                                        .long_name = "what grade high waits longer than grade tail", .data = p->tail_s });
}

static void write_grade_times(struct archive *a, hid_t group, const struct scan_products *p) {
    static const char *const columns[N_LIVETIME_COLUMNS] = { "high", "mid", "tail", "low", "none", "dead" };
    h5_file_array(a->file, group, &(struct data_array){ .name = "grade_time_ns", .type = ARRAY_I8, .rank = 3, .units = "ns", .data = scan_products_times(p),
                                                        .shape = { p->n_pixels, p->n_points, N_LIVETIME_COLUMNS },
                                                        .long_name = "time in which one more photon would have got each grade" });
    h5_file_member_texts(a->file, group, "grade_time_ns", "columns", columns, N_LIVETIME_COLUMNS);
    const char *method = p->array_rules & ARRAY_RULE_SAMPLED ? "array" : "interval";
    h5_file_member_texts(a->file, group, "grade_time_ns", "method", &method, 1);
    struct grade_agreement agreement = scan_live_time_agreement(p);
    int64_t n_grades = agreement.n_grades;
    h5_file_attribute_array(a->file, group, &(struct data_array){ .name = "chi2_grades", .type = ARRAY_F8, .data = &agreement.chi2 });
    h5_file_attribute_array(a->file, group, &(struct data_array){ .name = "n_grades", .type = ARRAY_I8, .data = &n_grades });
    if (p->array_rules & ARRAY_RULE_LOSSY)
        h5_file_array(a->file, group, &(struct data_array){ .name = "live_time_excess", .type = ARRAY_F8, .rank = 1, .shape = { p->n_points }, .data = p->shared_excess,
                                                            .long_name = "live time was found from the M records of the point: variance of N counts more by N x N x this / M" });
    archive_integer(a, group, "array_rules", NULL, p->array_rules);   /* bits of enum array_rule (calib/scan_products.h) */
}

static void write_seconds(struct archive *a, hid_t group, const char *name, const char *units, const char *long_name, const double *values, uint32_t n) {
    h5_file_array(a->file, group, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = 1, .shape = { n }, .units = units, .long_name = long_name, .data = values });
}

/* Live time of the maps by both methods and their ratio, where both are known; how steady the beam was, always. */
static void write_methods(struct archive *a, hid_t group, const struct scan_products *p) {
    h5_file_attribute_array(a->file, group, &(struct data_array){ .name = "dispersion_10ms", .type = ARRAY_F8, .data = &p->dispersion });
    uint32_t n = p->n_points;
    double *seconds = p->sampled_time_ns != NULL ? calloc(n + (size_t)1, 3 * sizeof *seconds) : NULL;
    if (p->sampled_time_ns == NULL)
        return;
    if (seconds == NULL) {
        h5_file_fail(a->file, "live_time_sampled_s", "out of memory");
        return;
    }
    double *interval_s = seconds, *sampled_s = seconds + n, *ratio = seconds + 2 * (size_t)n;
    scan_live_time_both(p, interval_s, sampled_s);
    for (uint32_t k = 0; k < n; k++)
        ratio[k] = sampled_s[k] / interval_s[k];
    write_seconds(a, group, "live_time_interval_s", "s", "time between a pixel's own records", interval_s, n);
    write_seconds(a, group, "live_time_sampled_s", "s", "sampled at the records of the other pixels", sampled_s, n);
    write_seconds(a, group, "live_time_ratio", "", "sampled over interval", ratio, n);
    free(seconds);
}

void archive_scan_texts(struct archive *a, hid_t group, const struct scan *s) {
    h5_file_text(a->file, group, "sample", s->sample);
    h5_file_text(a->file, group, "label", s->label);
    h5_file_text(a->file, group, "log_name", s->log_name);
    h5_file_text(a->file, group, "var_name", s->var_name);
    h5_file_text(a->file, group, "var_unit", s->var_unit);
    archive_integer(a, group, "scan_number", NULL, s->log_number);
}

static void write_scan(struct archive *a, const char *name, const struct scan_products *p) {
    const struct scan *s = p->scan;
    hid_t group = h5_file_group(a->file, a->entry, name, "NXcollection");
    archive_scan_texts(a, group, s);
    write_points(a, group, p);
    write_grade_times(a, group, p);
    write_windows(a, group, p);
    write_methods(a, group, p);
    for (uint32_t k = 0; k < s->n_extras; k++)
        write_extra(a, group, &s->extras[k], s->n_points);
    h5_file_close_group(group);
}

/* Maps and yields of a scan ("rixs_0003") or a sum ("sum_Co_rixs"): group = before kind after [_ROI]. */
struct naming {
    char before[100], after[16];
    char which[48];                  /* end of the titles */
    enum default_rank map_rank;
    const struct scan_sum *sum;      /* NULL: a single scan */
};

static void write_group(struct archive *a, const char *name, enum status made, struct data_group *g, const struct naming *names) {
    if (made != STATUS_OK) {
        h5_file_fail(a->file, name, status_text(made));
        return;
    }
    if (names->sum) {
        g->n_scans = names->sum->n_scans;
        g->scan_numbers = names->sum->scan_numbers;
    }
    archive_write_data_group(a, name, g);
    data_group_done(g);
}

static void write_map(struct archive *a, const struct scan_products *p, const struct rixs_map *m, const struct naming *names) {
    char group[GROUP_NAME];
    struct data_group g;
    snprintf(group, sizeof group, "%s%s%s", names->before, m->kind == RIXS_LOSS ? "loss" : "rixs", names->after);
    write_group(a, group, data_group_map(p, m, p->n_points, names->which, &g), &g, names);
    if (m->kind == RIXS_EMISSION)
        archive_offer_default(a, names->map_rank, group);
}

static void write_yield(struct archive *a, const struct scan_products *p, const struct yield_spectrum *y, const struct naming *names) {
    char group[GROUP_NAME];
    struct data_group g;
    snprintf(group, sizeof group, "%spfy%s_%s", names->before, names->after, y->region.name);
    write_group(a, group, data_group_yield(p, y, p->n_points, names->which, &g), &g, names);
    if (!names->sum)
        archive_offer_default(a, DEFAULT_PFY, group);
}

static void write_products(struct archive *a, const struct scan_products *p, const struct naming *names) {
    if (p->emission)
        write_map(a, p, p->emission, names);
    if (p->loss)
        write_map(a, p, p->loss, names);
    for (uint32_t k = 0; k < p->n_yields; k++)
        write_yield(a, p, p->yields[k], names);
}

bool archive_scan(struct archive *a, const struct scan_products *products) {
    struct naming names = { .map_rank = DEFAULT_RIXS };
    char group[GROUP_NAME];
    snprintf(names.after, sizeof names.after, "_%04d", products->scan->number);
    snprintf(names.which, sizeof names.which, "scan %d", products->scan->number);
    snprintf(group, sizeof group, "scan%s", names.after);
    write_scan(a, group, products);
    write_products(a, products, &names);
    return !a->file->failed;
}

bool archive_sum(struct archive *a, const struct scan_sum *sum) {
    struct naming names = { .map_rank = DEFAULT_SUM_RIXS, .sum = sum };
    snprintf(names.before, sizeof names.before, "sum_%s_", sum->group);
    snprintf(names.which, sizeof names.which, "sum of %u scan%s", sum->n_scans, sum->n_scans == 1 ? "" : "s");
    write_products(a, sum->sum, &names);
    return !a->file->failed;
}
