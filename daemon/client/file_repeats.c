#include "daemon/client/file_repeats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_file.h"
#include "daemon/json_value.h"
#include "daemon/repeat_table.h"

enum { MOST_SCANS = 4096, MOST_WINDOWS = 256, WINDOW_TEXT = 64 };
static const char group_begins[] = "consistency_";

/* What a group holds: scans, and for each of them and each window chi2's deviate and the ratio with its error. */
struct repeats {
    uint64_t n, n_windows;
    struct scan_consistency *scans;
    struct chi2_test *yields;
    double *ratio, *ratio_sigma, *z;
    char *text;
    const char **windows;
};

static void repeats_done(struct repeats *r) {
    free(r->scans);
    free(r->yields);
    free(r->ratio);
    free(r->ratio_sigma);
    free(r->z);
    free(r->text);
    free(r->windows);
}

static bool make_room(struct repeats *r) {
    const size_t cells = (size_t)(r->n * r->n_windows) + 1, n = (size_t)r->n + 1, windows = (size_t)r->n_windows + 1;
    r->scans = calloc(n, sizeof *r->scans);
    r->yields = calloc(cells, sizeof *r->yields);
    r->ratio = calloc(cells, sizeof *r->ratio);
    r->ratio_sigma = calloc(cells, sizeof *r->ratio_sigma);
    r->z = calloc(cells, sizeof *r->z);
    r->text = calloc(windows, WINDOW_TEXT);
    r->windows = calloc(windows, sizeof *r->windows);
    return r->scans != NULL && r->yields != NULL && r->ratio != NULL && r->ratio_sigma != NULL && r->z != NULL && r->text != NULL && r->windows != NULL;
}

static void join(struct repeats *r) {
    for (uint64_t k = 0; k < r->n * r->n_windows; k++)
        r->yields[k].z = r->z[k];
    for (uint64_t s = 0; s < r->n; s++) {
        r->scans[s].yields = r->yields + s * r->n_windows;
        r->scans[s].yield_ratio = r->ratio + s * r->n_windows;
        r->scans[s].yield_ratio_sigma = r->ratio_sigma + s * r->n_windows;
    }
    for (uint64_t w = 0; w < r->n_windows; w++)
        r->windows[w] = r->text + w * WINDOW_TEXT;
}

static bool read_repeats(struct h5_input *in, hid_t group, struct repeats *r) {
    r->n = h5_input_length(in, group, "scan_number");
    r->n_windows = h5_input_length(in, group, "pfy_name");
    if (r->n > MOST_SCANS || r->n_windows > MOST_WINDOWS)
        h5_input_fail(in, "%llu repeats and %llu windows are more than there can be", (unsigned long long)r->n, (unsigned long long)r->n_windows);
    if (!in->failed && !make_room(r))
        h5_input_fail(in, "out of memory");
    if (in->failed)
        return false;
    const uint64_t cells = r->n * r->n_windows;
    h5_fields_read(in, group, repeat_table_columns, REPEAT_COLUMNS, r->scans, sizeof *r->scans, (size_t)r->n);
    h5_input_texts(in, group, "pfy_name", r->n_windows, WINDOW_TEXT, r->text);
    h5_input_array(in, group, "pfy_z", ARRAY_F8, cells, r->z);
    h5_input_array(in, group, "pfy_ratio", ARRAY_F8, cells, r->ratio);
    h5_input_array(in, group, "pfy_ratio_errors", ARRAY_F8, cells, r->ratio_sigma);
    join(r);
    return !in->failed;
}

static bool tell(const struct repeats *r, const char *name, const char *of, file_state_told *told, void *context) {
    struct stream_state s = { .seq = 1, .boot = "file", .kind = "consistency" };
    snprintf(s.topic, sizeof s.topic, "consistency/%.40s%s%.60s/", name, name[0] != '\0' ? " " : "", of);
    s.header = repeat_table_keys(r->scans, (size_t)r->n, r->windows, (uint32_t)r->n_windows);
    if (s.header == NULL)
        return false;
    json_object_update_new(s.header, json_pack("{s:i,s:s,s:i,s:i,s:s,s:s,s:[],s:o}", "v", 1, "kind", "consistency", "seq", 1, "scan", -1, "accum", "cumulative", "state", "final", "arrays", "sample",
                                               json_value_text(of)));
    const bool more = told(context, &s);
    json_decref(s.header);
    return more;
}

static bool tell_group(struct h5_input *in, hid_t entry, const char *group_name, const char *name, file_state_told *told, void *context) {
    struct repeats r = { 0 };
    hid_t group = h5_input_group(in, entry, group_name);
    const bool more = group >= 0 && read_repeats(in, group, &r) && tell(&r, name, group_name + strlen(group_begins), told, context);
    repeats_done(&r);
    if (group >= 0)
        h5_file_close_group(group);
    return more;
}

bool file_repeats_tell(struct h5_input *in, hid_t entry, char *const *names, size_t n, const char *name, file_state_told *told, void *context) {
    bool more = true;
    for (size_t k = 0; more && k < n; k++)
        if (strncmp(names[k], group_begins, strlen(group_begins)) == 0)
            more = tell_group(in, entry, names[k], name, told, context);
    return !in->failed;
}
