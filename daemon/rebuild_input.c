#include "daemon/rebuild_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_fields.h"
#include "daemon/nexus_group.h"
#include "daemon/photon_file.h"

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
        h5_input_name(&in->file, group, "state", in->state, sizeof in->state);
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
    h5_input_name(&in->file, group, "line_table_name", c->line_table, sizeof c->line_table);
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

static bool map_number(const char *name, int32_t *number) {
    int n = 0;
    return sscanf(name, "rixs_%d%n", number, &n) == 1 && name[n] == '\0';
}

static void read_scans(struct rebuild_input *in) {
    size_t n = 0;
    int32_t number;
    char **names = in->file.failed ? NULL : nexus_group_names(&in->file, in->entry, &n);
    in->scans = calloc(n + 1, sizeof *in->scans);
    if (in->scans == NULL)
        h5_input_fail(&in->file, "out of memory");
    for (size_t k = 0; !in->file.failed && k < n; k++)
        if (map_number(names[k], &number))
            rebuild_scan_read(in, number, names, n, &in->scans[in->n_scans++]);
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
    for (size_t k = 0; k < in->n_scans; k++)
        rebuild_scan_done(&in->scans[k]);
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
