/* lock_LINE: what following a line of the sample took out of every pixel, so that energies can be made again from heights and curves. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/h5_fields.h"
#include "daemon/sink/archive_parts.h"

static const struct h5_field stretch_columns[] = {
    { .name = "stretch_start_ns", .type = ARRAY_I8, .offset = offsetof(struct lock_stretch, start_ns), .units = "ns" },
    { .name = "stretch_end_ns", .type = ARRAY_I8, .offset = offsetof(struct lock_stretch, end_ns), .units = "ns" },
    { .name = "stretch_scans", .type = ARRAY_U4, .offset = offsetof(struct lock_stretch, n_scans) },
    { .name = "stretch_photons", .type = ARRAY_U8, .offset = offsetof(struct lock_stretch, photons), .units = "counts" },
    { .name = "stretch_locked", .type = ARRAY_U1, .offset = offsetof(struct lock_stretch, locked) },
    { .name = "stretch_first_knot", .type = ARRAY_U4, .offset = offsetof(struct lock_stretch, first_knot) },
    { .name = "stretch_knots", .type = ARRAY_U4, .offset = offsetof(struct lock_stretch, n_knots) },
    { .name = "excitation_eV", .type = ARRAY_F8, .offset = offsetof(struct lock_stretch, excitation_eV), .units = "eV", .long_name = "movement of the line over the incident energies" },
    { .name = "excitation_sigma_eV", .type = ARRAY_F8, .offset = offsetof(struct lock_stretch, excitation_sigma_eV), .units = "eV" },
};

static void write_reasons(struct archive *a, hid_t group, const struct line_lock *l) {
    const char **texts = calloc(l->n_stretches + 1, sizeof *texts);
    if (!texts) {
        h5_file_fail(a->file, "stretch_reason", "out of memory");
        return;
    }
    for (size_t i = 0; i < l->n_stretches; i++)
        texts[i] = l->stretches[i].reason;
    h5_file_texts(a->file, group, "stretch_reason", texts, l->n_stretches, 0);
    free(texts);
}

/* Knots with the array's movement as the signal, so that a viewer draws it. */
static void write_knots(struct archive *a, hid_t group, const struct line_lock *l) {
    static const char *const axes[] = { "time" };
    double *time_s = calloc(l->n_knots, sizeof *time_s);
    if (!time_s) {
        h5_file_fail(a->file, "time", "out of memory");
        return;
    }
    for (size_t k = 0; k < l->n_knots; k++)
        time_s[k] = 1e-9 * (double)(l->knot_ns[k] - l->knot_ns[0]);
    const struct data_array arrays[] = {
        { .name = "time", .type = ARRAY_F8, .rank = 1, .shape = { l->n_knots }, .units = "s", .long_name = "since the first knot", .data = time_s },
        { .name = "knot_ns", .type = ARRAY_I8, .rank = 1, .shape = { l->n_knots }, .units = "ns", .data = l->knot_ns },
        { .name = "common", .type = ARRAY_F8, .rank = 1, .shape = { l->n_knots }, .units = "eV", .long_name = "movement of the line in the array", .data = l->common_eV },
        { .name = "common_errors", .type = ARRAY_F8, .rank = 1, .shape = { l->n_knots }, .units = "eV", .data = l->common_sigma_eV },
        { .name = "shift_eV", .type = ARRAY_F4, .rank = 2, .shape = { l->n_pixels, l->n_knots }, .units = "eV", .long_name = "taken out of each pixel, at the line's energy", .data = l->shift_eV },
        { .name = "shift_sigma_eV", .type = ARRAY_F4, .rank = 2, .shape = { l->n_pixels, l->n_knots }, .units = "eV", .data = l->sigma_eV },
    };
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        h5_file_array(a->file, group, &arrays[i]);
    h5_file_attribute_text(a->file, group, "signal", "common");
    h5_file_attribute_texts(a->file, group, "axes", axes, 1);
    free(time_s);
}

bool archive_line_lock(struct archive *a, const struct line_lock *l) {
    char name[GROUP_NAME], title[GROUP_NAME];
    snprintf(name, sizeof name, "lock_%s", l->line.name);
    snprintf(title, sizeof title, "drift during the scans, by %s", l->line.name);
    hid_t group = h5_file_group(a->file, a->entry, name, l->n_knots > 0 ? "NXdata" : "NXcollection");
    h5_file_text(a->file, group, "title", title);
    archive_number(a, group, "line_energy_eV", "eV", l->line.energy_eV);
    archive_integer(a, group, "pixels_refused", NULL, l->pixels_refused);
    if (l->n_knots > 0)
        write_knots(a, group, l);
    h5_fields_write(a->file, group, stretch_columns, sizeof stretch_columns / sizeof *stretch_columns, l->stretches, sizeof *l->stretches, l->n_stretches);
    write_reasons(a, group, l);
    h5_file_close_group(group);
    return !a->file->failed;
}
