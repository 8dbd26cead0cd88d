/* consistency_GROUP: how each repeat agrees with the sum of the others (calib/scan_consistency.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_consistency.h"
#include "daemon/repeat_table.h"
#include "daemon/sink/archive_parts.h"

/* One number of each scan and window. */
static void write_matrix(struct archive *a, hid_t group, const char *name, const char *long_name, const struct scan_consistency *list, size_t n, uint32_t n_windows,
                         double (*value)(const struct scan_consistency *, uint32_t)) {
    double *values = calloc(n * n_windows + 1, sizeof *values);
    if (values == NULL)
        h5_file_fail(a->file, name, "out of memory");
    for (size_t s = 0; values != NULL && s < n; s++)
        for (uint32_t w = 0; w < n_windows; w++)
            values[s * n_windows + w] = value(&list[s], w);
    h5_file_array(a->file, group, &(struct data_array){ .name = name, .type = ARRAY_F8, .rank = 2, .shape = { n, n_windows }, .units = "", .long_name = long_name, .data = values });
    free(values);
}

static double chi2_of(const struct scan_consistency *c, uint32_t w) { return c->yields[w].chi2; }
static double dof_of(const struct scan_consistency *c, uint32_t w) { return c->yields[w].dof; }
static double z_of(const struct scan_consistency *c, uint32_t w) { return c->yields[w].z; }
static double ratio_of(const struct scan_consistency *c, uint32_t w) { return c->yield_ratio[w]; }
static double ratio_sigma_of(const struct scan_consistency *c, uint32_t w) { return c->yield_ratio_sigma[w]; }

bool archive_consistency(struct archive *a, const struct scan_sum *sum, const struct scan_consistency *list) {
    static const char *const axes[] = { "scan_number" };
    const size_t n = sum->n_scans;
    const uint32_t n_windows = sum->sum->n_yields;
    char name[GROUP_NAME], title[GROUP_NAME];
    const char *windows[256];
    snprintf(name, sizeof name, "consistency_%s", sum->group);
    snprintf(title, sizeof title, "%s, each scan against the others", sum->group);
    hid_t group = h5_file_group(a->file, a->entry, name, "NXdata");
    h5_file_attribute_text(a->file, group, "signal", "map_z");
    h5_file_attribute_texts(a->file, group, "axes", axes, 1);
    h5_file_text(a->file, group, "title", title);
    h5_fields_write(a->file, group, repeat_table_columns, REPEAT_COLUMNS, list, sizeof *list, n);
    for (uint32_t w = 0; w < n_windows && w < 256; w++)
        windows[w] = sum->sum->yields[w]->region.name;
    h5_file_texts(a->file, group, "pfy_name", windows, n_windows < 256 ? n_windows : 256, 0);
    write_matrix(a, group, "pfy_chi2", "PFY against the others' sum", list, n, n_windows, chi2_of);
    write_matrix(a, group, "pfy_dof", "degrees of freedom", list, n, n_windows, dof_of);
    write_matrix(a, group, "pfy_z", "chi2 of the PFY as a normal deviate", list, n, n_windows, z_of);
    write_matrix(a, group, "pfy_ratio", "photons per exposure, this scan over the others", list, n, n_windows, ratio_of);
    write_matrix(a, group, "pfy_ratio_errors", "standard deviation", list, n, n_windows, ratio_sigma_of);
    h5_file_close_group(group);
    return !a->file->failed;
}
