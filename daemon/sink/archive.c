#include "daemon/sink/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/sink/archive_parts.h"
#include "daemon/version.h"

bool archive_create(const char *path, bool compress, struct archive **out) {
    struct archive *a = calloc(1, sizeof *a);
    if (!a) {
        log_error("%s: out of memory", path);
        return false;
    }
    a->entry = a->photons.group = -1;
    a->file = h5_file_create(path);
    if (!a->file) {
        free(a);
        return false;
    }
    height_histogram_init(&a->heights);
    h5_file_attribute_text(a->file, a->file->id, "NX_class", "NXroot");
    h5_file_attribute_text(a->file, a->file->id, "default", "entry");
    a->entry = h5_file_group(a->file, a->file->id, "entry", "NXentry");
    archive_photons_open(a, compress);
    if (a->file->failed) {
        archive_abandon(a);
        return false;
    }
    *out = a;
    return true;
}

void archive_offer_default(struct archive *a, enum default_rank rank, const char *group) {
    if (!a->defaults[rank][0])
        snprintf(a->defaults[rank], GROUP_NAME, "%s", group);
}

void archive_number(struct archive *a, hid_t group, const char *name, const char *units, double value) {
    h5_file_array(a->file, group, &(struct data_array){ .name = name, .type = ARRAY_F8, .units = units, .data = &value });
}

void archive_integer(struct archive *a, hid_t group, const char *name, const char *units, int64_t value) {
    h5_file_array(a->file, group, &(struct data_array){ .name = name, .type = ARRAY_I8, .units = units, .data = &value });
}

void archive_data_attributes(struct archive *a, hid_t group, const struct data_group *g) {
    h5_file_attribute_text(a->file, group, "signal", g->signal);
    h5_file_attribute_texts(a->file, group, "axes", g->axes, g->n_axes);
    if (g->is_yield) {
        h5_file_attribute_array(a->file, group, &(struct data_array){ .name = "roi_eV", .type = ARRAY_F8, .rank = 1, .shape = { 2 }, .data = g->roi_eV });
        h5_file_attribute_text(a->file, group, "normalised_by", g->normalised_by);
    }
    if (g->n_scans)
        h5_file_attribute_array(a->file, group, &(struct data_array){ .name = "scan_numbers", .type = ARRAY_I4, .rank = 1, .shape = { g->n_scans },
                                                                      .data = g->scan_numbers });
}

void archive_write_data_group(struct archive *a, const char *name, const struct data_group *g) {
    hid_t group = h5_file_group(a->file, a->entry, name, "NXdata");
    archive_data_attributes(a, group, g);
    h5_file_text(a->file, group, "title", g->title);
    for (unsigned k = 0; k < g->n_arrays; k++)
        h5_file_array(a->file, group, &g->arrays[k]);
    if (data_group_array(g, "outside"))
        h5_file_member_texts(a->file, group, "outside", "columns", rixs_outside_names, N_OUTSIDE);
    h5_file_close_group(group);
}

/* ISO 8601 in UTC, to the microsecond of the stamps. */
void archive_time(struct archive *a, const char *name, int64_t time_ns) {
    char day[32], text[48];
    int64_t ns = time_ns % 1000000000;
    time_t seconds = (time_t)((time_ns - ns) / 1000000000) - (ns < 0);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%06dZ", day, (int)((ns < 0 ? ns + 1000000000 : ns) / 1000));
    h5_file_text(a->file, a->entry, name, text);
}

static void write_counters(struct archive *a, hid_t group, const struct archive_process *process) {
    hid_t counters = h5_file_group(a->file, group, "counters", "NXcollection");
    for (size_t k = 0; k < process->n_counters; k++)
        h5_file_array(a->file, counters, &(struct data_array){ .name = process->counters[k].name, .type = ARRAY_U8, .data = &process->counters[k].value });
    h5_file_close_group(counters);
}

void archive_write_process(struct archive *a, const struct archive_process *process) {
    hid_t group = h5_file_group(a->file, a->entry, "process", "NXprocess");
    h5_file_text(a->file, group, "program", "tesd");
    h5_file_text(a->file, group, "version", version_number);
    h5_file_text(a->file, group, "git_id", version_git_id);
    h5_file_text(a->file, group, "command_line", process->command_line);
    h5_file_text(a->file, group, "config", process->config_text);
    h5_file_text(a->file, group, "state", process->state);
    h5_file_texts(a->file, group, "input_files", process->inputs, process->n_inputs, 0);
    write_counters(a, group, process);
    if (process->history)
        product_history_write(process->history, a->file, group);
    h5_file_close_group(group);
}

static const char *best_default(const struct archive *a) {
    for (int rank = 0; rank < N_DEFAULTS; rank++)
        if (a->defaults[rank][0])
            return a->defaults[rank];
    return "heights";
}

static void archive_free(struct archive *a) {
    archive_photons_close(a);
    h5_file_close_group(a->entry);
    free(a);
}

bool archive_finish(struct archive *a, const char *title, int64_t start_ns, int64_t end_ns, const struct archive_process *process) {
    if (!a->has_pixels)
        archive_pixels(a, NULL, 0);
    archive_photons_flush(a);
    h5_file_text(a->file, a->entry, "title", title);
    archive_time(a, "start_time", start_ns);
    archive_time(a, "end_time", end_ns);
    archive_write_process(a, process);
    h5_file_attribute_text(a->file, a->entry, "default", best_default(a));
    struct h5_file *file = a->file;
    archive_free(a);
    return h5_file_finish(file);
}

void archive_abandon(struct archive *a) {
    if (!a)
        return;
    struct h5_file *file = a->file;
    archive_free(a);
    h5_file_abandon(file);
}
