#include <stdlib.h>

#include "daemon/h5_fields.h"
#include "daemon/sink/archive_parts.h"

enum { TEXT_COLUMNS = 3 };

static const struct h5_field pixel_columns[] = {
    { .name = "channel", .type = ARRAY_U4, .offset = offsetof(struct archive_pixel, channel), .long_name = "channel number of the acquisition" },
    { .name = "sensitivity", .type = ARRAY_F8, .offset = offsetof(struct archive_pixel, sensitivity), .units = "", .long_name = "relative sensitivity" },
    { .name = "records", .type = ARRAY_U8, .offset = offsetof(struct archive_pixel, records) },
    { .name = "photons", .type = ARRAY_U8, .offset = offsetof(struct archive_pixel, photons) },
    { .name = "cut_counts", .type = ARRAY_U8, .offset = offsetof(struct archive_pixel, cut_counts), .columns = N_CUTS, .long_name = "records by lowest cut bit" },
    { .name = "resolution_eV", .type = ARRAY_F8, .offset = offsetof(struct archive_pixel, resolution_eV), .units = "eV", .long_name = "FWHM" },
    { .name = "live_time_s", .type = ARRAY_F8, .offset = offsetof(struct archive_pixel, live_time_s), .units = "s", .long_name = "live time in all points" },
    { .name = "lost_upstream", .type = ARRAY_U8, .offset = offsetof(struct archive_pixel, lost_upstream), .long_name = "records known to be lost" },
    { .name = "jumped_ns", .type = ARRAY_I8, .offset = offsetof(struct archive_pixel, jumped_ns), .units = "ns", .long_name = "first record cut as jumped; 0: none" },
    { .name = "neighbours", .type = ARRAY_U1, .offset = offsetof(struct archive_pixel, neighbours), .long_name = "1: heights with the mains and baseline known from other records" },
    { .name = "neighbour_line_pull", .type = ARRAY_F8, .offset = offsetof(struct archive_pixel, neighbour_line_pull), .units = "",
      .long_name = "width of lines in heights by neighbours over their promise; 0: not tried" },
};

static void write_texts(struct archive *a, hid_t group, const struct archive_pixel *pixels, size_t n) {
    const char **texts = calloc(n + 1, TEXT_COLUMNS * sizeof *texts);
    if (!texts) {
        h5_file_fail(a->file, "pixels", "out of memory");
        return;
    }
    for (size_t k = 0; k < n; k++) {
        texts[k] = pixels[k].name;
        texts[n + k] = pixels[k].verdict;
        texts[2 * n + k] = pixels[k].reason;
    }
    h5_file_texts(a->file, group, "name", texts, n, 0);
    h5_file_texts(a->file, group, "verdict", texts + n, n, 0);
    h5_file_texts(a->file, group, "reason", texts + 2 * n, n, 0);
    free(texts);
}

bool archive_pixels(struct archive *a, const struct archive_pixel *pixels, size_t n) {
    hid_t group = h5_file_group(a->file, a->entry, "pixels", "NXcollection");
    a->has_pixels = true;
    write_texts(a, group, pixels, n);
    h5_fields_write(a->file, group, pixel_columns, sizeof pixel_columns / sizeof *pixel_columns, pixels, sizeof *pixels, n);
    h5_file_member_texts(a->file, group, "cut_counts", "cut_names", cut_names, N_CUTS);
    h5_file_close_group(group);
    return !a->file->failed;
}

bool archive_calibration_counts(struct archive *a, const struct calibration_counts *c) {
    const hid_t group = a->file->failed || c->n == 0 ? -1 : H5Gopen2(a->entry, "pixels", H5P_DEFAULT);
    if (group < 0)
        return !a->file->failed;
    h5_file_array(a->file, group, &(struct data_array){ .name = "calibration_photons", .type = ARRAY_U4, .rank = 2, .shape = { c->n_pixels, c->n }, .units = "counts",
                                                        .long_name = "photons of grade high in each calibration", .data = c->photons });
    h5_file_array(a->file, group, &(struct data_array){ .name = "calibration_high_ns", .type = ARRAY_I8, .rank = 2, .shape = { c->n_pixels, c->n }, .units = "ns",
                                                        .long_name = "time of grade high in each calibration", .data = c->high_ns });
    h5_file_array(a->file, group, &(struct data_array){ .name = "calibration_used", .type = ARRAY_U1, .rank = 1, .shape = { c->n_pixels },
                                                        .long_name = "1: its counts in calibrations tell its sensitivity", .data = c->used });
    h5_file_close_group(group);
    return !a->file->failed;
}
