#include "daemon/cli/export_tables.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/absorption_edge.h"
#include "daemon/h5_file.h"
#include "daemon/log.h"
#include "daemon/photon_columns.h"
#include "daemon/photon_file.h"
#include "daemon/sink/text_table.h"

enum { PIECE_ROWS = 16384 };

static void fact_of_text(struct text_table *t, const char *key, struct h5_input *in, hid_t group, const char *name) {
    char *text = h5_input_has(in, group, name) ? h5_input_text(in, group, name) : NULL;
    if (text != NULL && text[0] != '\0')
        text_table_fact(t, key, "%s", text);
    free(text);
}

/* The scan that the product belongs to: its own number, or the first of a sum's. -1: none. */
static long scan_of(const struct nexus_group *g) {
    if (g->n_scans > 0)
        return g->scan_numbers[0];
    const char *number = strpbrk(g->name, "0123456789");
    return strncmp(g->name, "sum_", 4) != 0 && number != NULL && number > g->name && number[-1] == '_' ? strtol(number, NULL, 10) : -1;
}

static void facts_of_scan(struct text_table *t, struct h5_input *in, hid_t entry, const struct nexus_group *g) {
    char name[32], numbers[300] = "";
    snprintf(name, sizeof name, "scan_%04ld", scan_of(g));
    if (!h5_input_has(in, entry, name))
        return;
    hid_t scan = h5_input_group(in, entry, name);
    fact_of_text(t, "Sample.name", in, scan, "sample");
    if (g->n_scans == 0)
        fact_of_text(t, "log_name", in, scan, "log_name");
    h5_file_close_group(scan);
    for (size_t k = 0, at = 0; k < g->n_scans && at + 16 < sizeof numbers; k++)
        at += (size_t)snprintf(numbers + at, sizeof numbers - at, k > 0 ? " %d" : "%d", g->scan_numbers[k]);
    if (g->n_scans > 0)
        text_table_fact(t, "scans", "%s", numbers);
}

static void facts_of_pixels(struct text_table *t, const struct nexus_group *g) {
    const struct nexus_array *used = nexus_group_array(g, "pixels_used"), *grades = nexus_group_array(g, "grades_used");
    uint64_t n = 0;
    for (uint64_t k = 0; used != NULL && k < used->shape[0]; k++)
        n += used->values[k] > 0;
    if (used != NULL)
        text_table_fact(t, "pixels_used", "%" PRIu64 " of %" PRIu64, n, used->shape[0]);
    char text[40] = "";
    for (uint64_t k = 0, at = 0; grades != NULL && k < grades->shape[0] && k < 8; k++)
        at += (uint64_t)snprintf(text + at, sizeof text - at, k > 0 ? " %.0f" : "%.0f", grades->values[k]);
    if (grades != NULL)
        text_table_fact(t, "grades_used", "%s", text);
}

static void facts(struct text_table *t, struct h5_input *in, hid_t entry, const struct nexus_group *g) {
    text_table_fact(t, "file", "%s", in->path);
    text_table_fact(t, "group", "/entry/%s", g->name);
    text_table_fact(t, "title", "%s", g->title);
    fact_of_text(t, "Scan.start_time", in, entry, "start_time");
    facts_of_scan(t, in, entry, g);
    text_table_fact(t, "Detector.fluorescence", "transition-edge-sensor array");
    if (g->has_roi)
        text_table_fact(t, "emission_window_eV", "%.10g to %.10g", g->roi_eV[0], g->roi_eV[1]);
    if (g->normalised_by[0] != '\0')
        text_table_fact(t, "yield", "counts / (%s)", g->normalised_by);
    facts_of_pixels(t, g);
    if (h5_input_has(in, entry, "process")) {
        hid_t process = h5_input_group(in, entry, "process");
        fact_of_text(t, "state", in, process, "state");
        h5_file_close_group(process);
    }
}

/* What Athena and Larch call it. */
static const char *xdi_name(const struct nexus_group *g, const char *name) {
    if (strcmp(name, "incident_energy") == 0 || strcmp(name, g->axes[0]) == 0)
        return "energy";
    return strcmp(name, "yield") == 0 ? "mufluor" : name;
}

/* Axis, signal and errors first, then what else has a value for each point. */
static void columns(struct text_table *t, const struct nexus_group *g, bool xdi) {
    const struct nexus_array *axis = nexus_group_array(g, g->axes[0]);
    char errors[NEXUS_NAME + 8];
    snprintf(errors, sizeof errors, "%s_errors", g->signal);
    t->n_rows = axis->rank == 1 ? (size_t)axis->shape[0] : 0;
    for (int round = 0; round < 4; round++)
        for (size_t k = 0; k < g->n_arrays; k++) {
            const struct nexus_array *a = &g->arrays[k];
            int turn = a == axis ? 0 : strcmp(a->name, g->signal) == 0 ? 1 : strcmp(a->name, errors) == 0 ? 2 : 3;
            if (turn == round && a->rank == 1 && a->shape[0] == t->n_rows && strcmp(a->name, "pixels_used") != 0 && strcmp(a->name, "grades_used") != 0)
                text_table_column(t, xdi ? xdi_name(g, a->name) : a->name, a->units, a->values);
        }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static const struct absorption_edge *edge_of_axis(const struct nexus_array *incident, double **sorted) {
    *sorted = NULL;
    if (incident == NULL || strcmp(incident->units, "eV") != 0 || incident->rank != 1 || incident->shape[0] == 0)
        return NULL;
    size_t n = (size_t)incident->shape[0];
    *sorted = malloc(n * sizeof **sorted);
    if (*sorted == NULL)
        return NULL;
    memcpy(*sorted, incident->values, n * sizeof **sorted);
    qsort(*sorted, n, sizeof **sorted, ascending);
    return absorption_edge_crossed(*sorted, n);
}

static bool write_table(const struct text_table *t, const struct nexus_group *g, enum export_format format, FILE *to) {
    if (format == EXPORT_CSV) {
        text_table_csv(t, to);
        return true;
    }
    double *sorted;
    const struct absorption_edge *edge = edge_of_axis(nexus_group_array(g, "incident_energy"), &sorted);
    const bool good = text_table_xdi(t, edge != NULL ? edge->symbol : NULL, edge != NULL ? edge->shell : NULL, to);
    free(sorted);
    if (!good)
        log_error("%s has no value at any point, and XDI takes no NaN; --format csv writes them", g->name);
    return good;
}

bool export_is_map(const struct nexus_group *g) {
    const struct nexus_array *s = nexus_group_array(g, g->signal), *x = nexus_group_array(g, g->axes[0]);
    const struct nexus_array *y = g->n_axes == 2 ? nexus_group_array(g, g->axes[1]) : NULL;
    return s->rank == 2 && y != NULL && x->rank == 1 && y->rank == 1 && s->shape[0] == x->shape[0] && s->shape[1] == y->shape[0];
}

bool export_has_curve(const struct nexus_group *g) {
    const struct nexus_array *s = nexus_group_array(g, g->signal);
    for (uint64_t k = 0; s->rank == 1 && k < s->shape[0]; k++)
        if (isfinite(s->values[k]))
            return true;
    return false;
}

bool export_group(struct h5_input *in, hid_t entry, const struct nexus_group *g, enum export_format format, FILE *to) {
    struct text_table *t = calloc(1, sizeof *t);
    bool map = export_is_map(g), good = t != NULL && !(map && format == EXPORT_XDI);
    if (t == NULL)
        log_error("%s: out of memory", in->path);
    else if (!good)
        log_error("%s: %s is a map, and XDI holds curves; take --format csv, or a spectrum of it: --what xes:530.5", in->path, g->name);
    if (good) {
        facts(t, in, entry, g);
        columns(t, g, format == EXPORT_XDI);
        if (map) {
            const struct nexus_array *x = nexus_group_array(g, g->axes[0]), *y = nexus_group_array(g, g->axes[1]);
            char corner[2 * NEXUS_NAME + 8];
            snprintf(corner, sizeof corner, "%s\\%s", x->name, y->name);
            text_table_matrix(t, corner, x->values, (size_t)x->shape[0], y->values, (size_t)y->shape[0], nexus_group_array(g, g->signal)->values, to);
        } else {
            good = write_table(t, g, format, to);
        }
    }
    free(t);
    return good && !in->failed;
}

/* Whether row r is asked for; of a single energy the nearest point, the first of equals. */
static bool row_wanted(const struct nexus_array *incident, uint64_t r, struct export_range range) {
    double e = incident->values[r];
    if (range.lo_eV < range.hi_eV)
        return e >= range.lo_eV && e <= range.hi_eV;
    for (uint64_t k = 0; k < incident->shape[0]; k++) {
        double d = fabs(incident->values[k] - range.lo_eV), mine = fabs(e - range.lo_eV);
        if (d < mine || (d <= mine && k < r))
            return false;
    }
    return isfinite(e);
}

struct emission { double *counts, *errors; uint64_t rows; double lo_eV, hi_eV, live_time_s, exposure; };

static void add_rows(const struct nexus_group *map, struct export_range range, struct emission *sum) {
    const struct nexus_array *counts = nexus_group_array(map, map->signal), *incident = nexus_group_array(map, map->axes[0]);
    const struct nexus_array *live = nexus_group_array(map, "live_time_s"), *i0 = nexus_group_array(map, "i0");
    size_t bins = (size_t)counts->shape[1];
    sum->lo_eV = INFINITY;
    sum->hi_eV = -INFINITY;
    for (uint64_t r = 0; r < incident->shape[0]; r++) {
        if (!row_wanted(incident, r, range))
            continue;
        sum->rows++;
        sum->lo_eV = fmin(sum->lo_eV, incident->values[r]);
        sum->hi_eV = fmax(sum->hi_eV, incident->values[r]);
        sum->live_time_s += live != NULL && r < live->shape[0] ? live->values[r] : NAN;
        sum->exposure += i0 != NULL && live != NULL && r < i0->shape[0] && r < live->shape[0] ? i0->values[r] * live->values[r] : NAN;
        for (size_t b = 0; b < bins; b++)
            sum->counts[b] += counts->values[r * bins + b];
    }
    for (size_t b = 0; b < bins; b++)
        sum->errors[b] = sqrt(sum->counts[b]);
}

static void write_emission(struct h5_input *in, hid_t entry, const struct nexus_group *map, const struct emission *sum, enum export_format format, FILE *to) {
    struct text_table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        h5_input_fail(in, "out of memory");
        return;
    }
    const struct nexus_array *emission = nexus_group_array(map, map->axes[1]);
    bool xdi = format == EXPORT_XDI;
    facts(t, in, entry, map);
    text_table_fact(t, "incident_eV", "%.10g to %.10g", sum->lo_eV, sum->hi_eV);
    text_table_fact(t, "points", "%" PRIu64, sum->rows);
    text_table_fact(t, "live_time_s", "%.10g", sum->live_time_s);
    text_table_fact(t, "i0_x_live_time", "%.10g", sum->exposure);
    t->n_rows = (size_t)emission->shape[0];
    text_table_column(t, xdi ? "energy" : emission->name, emission->units, emission->values);
    text_table_column(t, "counts", "", sum->counts);
    text_table_column(t, "counts_errors", "", sum->errors);
    write_table(t, map, format, to);   /* counts have values */
    free(t);
}

bool export_emission(struct h5_input *in, hid_t entry, const struct nexus_group *map, struct export_range range, enum export_format format, FILE *to) {
    if (!export_is_map(map)) {
        log_error("%s: %s is no map, so it has no emission spectra", in->path, map->name);
        return false;
    }
    size_t bins = (size_t)nexus_group_array(map, map->signal)->shape[1];
    struct emission sum = { .counts = calloc(bins + 1, sizeof *sum.counts), .errors = calloc(bins + 1, sizeof *sum.errors) };
    if (sum.counts == NULL || sum.errors == NULL)
        h5_input_fail(in, "out of memory");
    else
        add_rows(map, range, &sum);
    if (!in->failed && sum.rows == 0)
        log_error("%s: %s has no point from %g to %g eV", in->path, map->name, range.lo_eV, range.hi_eV);
    else if (!in->failed)
        write_emission(in, entry, map, &sum, format, to);
    free(sum.counts);
    free(sum.errors);
    return !in->failed && sum.rows > 0;
}

static void write_value(FILE *to, const struct photon_block *b, size_t column, size_t row) {
    const void *data = photon_column_data(b, column);
    switch (photon_columns[column].type) {
    case ARRAY_F4: {
        float v = ((const float *)data)[row];
        if (isnan(v))
            fputs("nan", to);
        else
            fprintf(to, "%.9g", (double)v);
        return;
    }
    case ARRAY_I8: fprintf(to, "%" PRId64, ((const int64_t *)data)[row]); return;
    case ARRAY_I4: fprintf(to, "%" PRId32, ((const int32_t *)data)[row]); return;
    case ARRAY_U4: fprintf(to, "%" PRIu32, ((const uint32_t *)data)[row]); return;
    case ARRAY_U2: fprintf(to, "%u", ((const uint16_t *)data)[row]); return;
    case ARRAY_U1: fprintf(to, "%u", ((const uint8_t *)data)[row]); return;
    case ARRAY_F8:
    case ARRAY_U8:
    case N_ARRAY_TYPES: break;   /* no column of photons has these */
    }
}

bool export_photons(struct h5_input *in, hid_t entry, FILE *to) {
    struct photon_block *piece = NULL;
    struct photon_file *f = photon_file_open(in, entry);
    if (f != NULL && photon_block_new(PIECE_ROWS, &piece) != STATUS_OK)
        h5_input_fail(in, "photons: out of memory");
    for (size_t c = 0; c < N_PHOTON_COLUMNS && !in->failed; c++)
        fprintf(to, "%s%c", photon_columns[c].name, c + 1 < N_PHOTON_COLUMNS ? ',' : '\n');
    while (!in->failed && photon_file_next(f, piece) && piece->n > 0)
        for (size_t r = 0; r < piece->n; r++)
            for (size_t c = 0; c < N_PHOTON_COLUMNS; c++) {
                write_value(to, piece, c, r);
                fputc(c + 1 < N_PHOTON_COLUMNS ? ',' : '\n', to);
            }
    photon_block_free(piece);
    photon_file_close(f);
    return !in->failed;
}
