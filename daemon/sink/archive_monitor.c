/* monitor_NAME: what every pixel did in windows of some minutes. elastic_NNNN: where the elastic line lay in a scan. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/h5_fields.h"
#include "daemon/sink/archive_parts.h"

static const struct h5_field window_columns[] = {
    { .name = "start_ns", .type = ARRAY_I8, .offset = offsetof(struct monitor_window, start_ns), .units = "ns", .long_name = "start of the window since 1970 UTC" },
    { .name = "end_ns", .type = ARRAY_I8, .offset = offsetof(struct monitor_window, end_ns), .units = "ns", .long_name = "end, not included" },
    { .name = "scan_number", .type = ARRAY_I4, .offset = offsetof(struct monitor_window, scan), .long_name = "scan or calibration it begins in or after; -1 none" },
    { .name = "key", .type = ARRAY_U4, .offset = offsetof(struct monitor_window, key), .long_name = "windows of one key are of one sample and incident energy: they compare" },
};

static const struct h5_field value_columns[] = {
    { .name = "value", .type = ARRAY_F4, .offset = offsetof(struct monitor_value, value) },
    { .name = "value_errors", .type = ARRAY_F4, .offset = offsetof(struct monitor_value, sigma) },
    { .name = "records", .type = ARRAY_U4, .offset = offsetof(struct monitor_value, n) },
};

/* One column of the values as a matrix pixel by window. All columns are 4 bytes wide. */
static void write_matrix(struct archive *a, hid_t group, const struct archive_monitor *m, const struct h5_field *column) {
    size_t cells = m->n_pixels * m->plan->n;
    uint32_t *plain = calloc(cells + 1, sizeof *plain);
    if (!plain) {
        h5_file_fail(a->file, column->name, "out of memory");
        return;
    }
    for (size_t i = 0; i < cells; i++)
        plain[i] = *(const uint32_t *)(const void *)((const char *)&m->values[i] + column->offset);
    h5_file_array(a->file, group, &(struct data_array){ .name = column->name, .type = column->type, .rank = 2, .shape = { m->n_pixels, m->plan->n },
                                                        .units = column->type == ARRAY_F4 ? m->units : "counts", .data = plain });
    free(plain);
}

static void write_axes(struct archive *a, hid_t group, const struct archive_monitor *m) {
    double *time_s = calloc(m->plan->n + (size_t)1, sizeof *time_s);
    uint32_t *pixel = calloc(m->n_pixels + 1, sizeof *pixel);
    if (!time_s || !pixel) {
        h5_file_fail(a->file, "time", "out of memory");
    } else {
        for (uint32_t k = 0; k < m->plan->n; k++)
            time_s[k] = 0.5e-9 * (double)(m->plan->windows[k].start_ns - m->plan->windows[0].start_ns + m->plan->windows[k].end_ns - m->plan->windows[0].start_ns);
        for (uint32_t i = 0; i < m->n_pixels; i++)
            pixel[i] = i;
        h5_file_array(a->file, group, &(struct data_array){ .name = "time", .type = ARRAY_F8, .rank = 1, .shape = { m->plan->n }, .units = "s",
                                                            .long_name = "middle of the window since the first one's start", .data = time_s });
        h5_file_array(a->file, group, &(struct data_array){ .name = "pixel", .type = ARRAY_U4, .rank = 1, .shape = { m->n_pixels }, .units = "", .data = pixel });
    }
    free(time_s);
    free(pixel);
}

bool archive_monitor(struct archive *a, const struct archive_monitor *m) {
    static const char *const axes[] = { "pixel", "time" };
    char name[GROUP_NAME], title[GROUP_NAME];
    snprintf(name, sizeof name, "monitor_%s", m->name);
    snprintf(title, sizeof title, "%s%s%s of every pixel", m->name, m->line[0] ? " " : "", m->line);
    hid_t group = h5_file_group(a->file, a->entry, name, "NXdata");
    h5_file_attribute_text(a->file, group, "signal", "value");
    h5_file_attribute_texts(a->file, group, "axes", axes, 2);
    h5_file_text(a->file, group, "title", title);
    if (m->line[0])
        h5_file_text(a->file, group, "line", m->line);
    write_axes(a, group, m);
    for (size_t c = 0; c < sizeof value_columns / sizeof *value_columns; c++)
        write_matrix(a, group, m, &value_columns[c]);
    h5_file_array(a->file, group, &(struct data_array){ .name = "alarm", .type = ARRAY_U1, .rank = 2, .shape = { m->n_pixels, m->plan->n },
                                                        .long_name = "1: the pixel has moved since its first window of this key", .data = m->alarm });
    h5_file_array(a->file, group, &(struct data_array){ .name = "array_median", .type = ARRAY_F8, .rank = 1, .shape = { m->plan->n }, .units = m->units, .data = m->median });
    archive_integer(a, group, "pixels_alarmed", NULL, m->pixels_alarmed);
    h5_fields_write(a->file, group, window_columns, sizeof window_columns / sizeof *window_columns, m->plan->windows, sizeof *m->plan->windows, m->plan->n);
    h5_file_close_group(group);
    return !a->file->failed;
}

static void write_stack(struct archive *a, hid_t group, const struct scan_elastic *e) {
    static const char *const axes[] = { "energy_loss" };
    double centre[SCAN_ELASTIC_BINS], error[SCAN_ELASTIC_BINS], edge[SCAN_ELASTIC_BINS + 1], fitted[SCAN_ELASTIC_BINS];
    for (uint32_t i = 0; i <= e->n_bins; i++) {
        edge[i] = e->low_eV + e->bin_eV * i;
        if (i < e->n_bins) {
            centre[i] = e->low_eV + e->bin_eV * (i + 0.5);
            fitted[i] = scan_elastic_fitted(e, i);
            error[i] = yield_value_of(e->stack[i], YIELD_PER_LIVE_TIME, 1, 0, 1, 0).error;
        }
    }
    h5_file_attribute_text(a->file, group, "signal", "counts");
    h5_file_attribute_texts(a->file, group, "axes", axes, 1);
    h5_file_array(a->file, group, &(struct data_array){ .name = "counts", .type = ARRAY_U4, .rank = 1, .shape = { e->n_bins }, .units = "counts", .long_name = "photons", .data = e->stack });
    h5_file_array(a->file, group, &(struct data_array){ .name = "counts_errors", .type = ARRAY_F8, .rank = 1, .shape = { e->n_bins }, .units = "counts", .long_name = "standard deviation", .data = error });
    if (e->found)
        h5_file_array(a->file, group, &(struct data_array){ .name = "fit", .type = ARRAY_F8, .rank = 1, .shape = { e->n_bins }, .units = "counts",
                                                            .long_name = "Gaussian on a flat background", .data = fitted });
    h5_file_array(a->file, group, &(struct data_array){ .name = "energy_loss", .type = ARRAY_F8, .rank = 1, .shape = { e->n_bins }, .units = "eV",
                                                        .long_name = "energy loss", .data = centre });
    h5_file_array(a->file, group, &(struct data_array){ .name = "energy_loss_edges", .type = ARRAY_F8, .rank = 1, .shape = { e->n_bins + UINT64_C(1) }, .units = "eV", .data = edge });
}

/* "elastic line, Co_foil, scan 3: emission - incident -0.31(11) eV, FWHM 2.53(27) eV". */
static void title_of(char *out, size_t n, const struct scan *scan, const struct scan_sum *sum, const struct scan_elastic *e) {
    int at = snprintf(out, n, "elastic line%s%.80s, ", scan->sample[0] ? ", " : "", scan->sample);
    at += sum != NULL ? snprintf(out + at, n - (size_t)at, "sum of %u scan%s", sum->n_scans, sum->n_scans == 1 ? "" : "s") : snprintf(out + at, n - (size_t)at, "scan %d", scan->number);
    if (e->found)
        at += snprintf(out + at, n - (size_t)at, ": emission \xe2\x88\x92 incident %+.2f \xc2\xb1 %.2f eV, FWHM %.2f", e->offset_eV, e->offset_sigma_eV, e->fwhm_eV);
    if (e->found && e->fwhm_sigma_eV > 0)
        snprintf(out + at, n - (size_t)at, " \xc2\xb1 %.2f eV", e->fwhm_sigma_eV);
    else if (e->found)
        snprintf(out + at, n - (size_t)at, " eV (held)");
}

bool archive_elastic(struct archive *a, const struct scan *scan, const struct scan_sum *sum, const struct scan_elastic *e, const uint8_t *point_used) {
    char name[GROUP_NAME], title[320];
    if (sum != NULL)
        snprintf(name, sizeof name, "sum_%s_elastic", sum->group);
    else
        snprintf(name, sizeof name, "elastic_%04d", scan->number);
    title_of(title, sizeof title, scan, sum, e);
    hid_t group = h5_file_group(a->file, a->entry, name, e->n_bins ? "NXdata" : "NXcollection");
    h5_file_text(a->file, group, "title", title);
    if (e->n_bins)
        write_stack(a, group, e);
    archive_number(a, group, "emission_minus_incident_eV", "eV", e->offset_eV);
    archive_number(a, group, "emission_minus_incident_sigma_eV", "eV", e->offset_sigma_eV);
    archive_number(a, group, "fwhm_eV", "eV", e->fwhm_eV);
    archive_number(a, group, "fwhm_sigma_eV", "eV", e->fwhm_sigma_eV);
    archive_number(a, group, "elastic_counts", "counts", e->counts);
    h5_file_array(a->file, group, &(struct data_array){ .name = "points_used", .type = ARRAY_U1, .rank = 1, .shape = { scan->n_points },
                                                        .long_name = "1: the elastic line stands free at this point", .data = point_used });
    h5_file_text(a->file, group, "reason", e->reason);
    h5_file_close_group(group);
    return !a->file->failed;
}
