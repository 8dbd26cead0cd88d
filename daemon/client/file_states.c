#include "daemon/client/file_states.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/file_repeats.h"
#include "daemon/h5_file.h"
#include "daemon/json_value.h"
#include "daemon/log.h"
#include "daemon/nexus_group.h"

enum { SET = 200, PART = 128 };

/* ---- what a group is called in a stream ---- */

struct product_name { int scan; char set[PART], topic[STREAM_TOPIC_TEXT]; };   /* scan -1: a sum's */

/* "rixs", "pfy_O" -> topic; false: nothing that is shown. */
static bool topic_of(const char *kind, char topic[STREAM_TOPIC_TEXT]) {
    const struct { const char *kind, *topic; } whole[] = { { "rixs", "rixs/map/" }, { "loss", "rixs/loss/" }, { "xes_all", "xes/scan/" } };
    const struct { const char *kind, *topic; } begins[] = { { "pfy_", "pfy" }, { "ipfy_", "ipfy" } };
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
        if (strcmp(kind, whole[k].kind) == 0)
            return snprintf(topic, STREAM_TOPIC_TEXT, "%s", whole[k].topic) > 0;
    for (size_t k = 0; k < sizeof begins / sizeof *begins; k++) {
        const size_t n = strlen(begins[k].kind);
        if (strncmp(kind, begins[k].kind, n) == 0 && kind[n] != '\0')
            return snprintf(topic, STREAM_TOPIC_TEXT, "%s/%.80s/", begins[k].topic, kind + n) > 0;
    }
    return false;
}

/* "pfy_0004_O" of a scan; the number stands behind the kind's first word. */
static bool scan_name(const char *name, struct product_name *out) {
    char kind[PART];
    int end = 0;
    const size_t word = strcspn(name, "_");
    if (name[word] != '_' || sscanf(name + word, "_%d%n", &out->scan, &end) != 1 || out->scan < 0 || (name[word + (size_t)end] != '\0' && name[word + (size_t)end] != '_'))
        return false;
    snprintf(kind, sizeof kind, "%.*s%s", (int)word, name, name + word + end);
    snprintf(out->set, sizeof out->set, "scan %d", out->scan);
    return topic_of(kind, out->topic);
}

/* "sum_ab_O_pfy_O": names of groups may hold anything, so the longest that has a map is it. */
static bool sum_name(const char *name, char *const *names, size_t n, struct product_name *out) {
    size_t longest = 0;
    for (size_t k = 0; k < n; k++) {
        const size_t length = strlen(names[k]), group = length > 5 ? length - 5 : 0;
        if (strncmp(names[k], "sum_", 4) == 0 && group > longest && strcmp(names[k] + group, "_rixs") == 0 && strncmp(name, names[k], group) == 0 && name[group] == '_')
            longest = group;
    }
    if (longest <= 4 || longest - 4 + 8 > PART)
        return false;
    out->scan = -1;
    snprintf(out->set, sizeof out->set, "sum %.*s", (int)(longest - 4), name + 4);
    return topic_of(name + longest + 1, out->topic);
}

static bool product_name(const char *name, char *const *names, size_t n, struct product_name *out) {
    return strncmp(name, "sum_", 4) == 0 ? sum_name(name, names, n, out) : scan_name(name, out);
}

/* ---- a product ---- */

static enum array_role role_of(const struct nexus_group *g, const char *name) {
    if (strcmp(name, g->signal) == 0)
        return ROLE_SIGNAL;
    for (unsigned k = 0; k < g->n_axes; k++)
        if (strcmp(name, g->axes[k]) == 0)
            return ROLE_AXIS;
    return strstr(name, "_errors") != NULL ? ROLE_ERRORS : strstr(name, "_edges") != NULL ? ROLE_EDGES : ROLE_AUX;
}

static const char *kind_of(const char *topic) {
    return strncmp(topic, "pfy/", 4) == 0 ? "pfy" : strncmp(topic, "ipfy/", 5) == 0 ? "ipfy" : strncmp(topic, "xes/", 4) == 0 ? "xes" : strcmp(topic, "rixs/loss/") == 0 ? "rixs_loss" : "rixs_map";
}

static json_t *header_of(const struct nexus_group *g, const struct product_name *name, const char *set, uint64_t n_points) {
    json_t *h = json_pack("{s:i,s:s,s:i,s:s,s:s,s:i,s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:s,s:o}", "v", 1, "kind", kind_of(name->topic), "seq", 1, "boot", "file", "run", "file", "scan", name->scan, "point",
                          (int)n_points - 1, "t_ns", "0", "start_ns", "0", "accum", "cumulative", "state", "final", "cal", "", "snap", 0, "signal", g->signal, "title", json_value_text(g->title));
    json_object_update_new(h, json_pack("{s:i,s:i,s:{},s:[],s:o}", "n_points", (int)n_points, "final_points", (int)n_points, "lost", "arrays", "set", json_value_text(set)));
    if (g->has_roi)
        json_object_set_new(h, "roi_eV", json_pack("[o,o]", isfinite(g->roi_eV[0]) ? json_real(g->roi_eV[0]) : json_null(), isfinite(g->roi_eV[1]) ? json_real(g->roi_eV[1]) : json_null()));
    if (g->normalised_by[0] != '\0')
        json_object_set_new(h, "normalised_by", json_string(g->normalised_by));
    if (g->n_scans > 0)
        json_object_set_new(h, "n_scans", json_integer((json_int_t)g->n_scans));
    return h;
}

/* Borrows the group's numbers, all as doubles. */
static bool tell(const struct nexus_group *g, const struct product_name *name, const char *file, file_state_told *told, void *context) {
    const struct nexus_array *signal = nexus_group_array(g, g->signal);
    char set[SET];
    if (signal == NULL || signal->rank == 0)
        return true;
    snprintf(set, sizeof set, "%.60s%s%s", file, file[0] != '\0' ? " " : "", name->set);
    struct stream_state s = { .seq = 1, .boot = "file", .header = header_of(g, name, set, signal->shape[0]) };
    memcpy(s.topic, name->topic, sizeof s.topic);
    s.kind = stream_state_text(&s, "kind");
    for (size_t k = 0; k < g->n_arrays && s.n_arrays < STREAM_ARRAYS; k++) {
        const struct nexus_array *from = &g->arrays[k];
        struct data_array *a = &s.arrays[s.n_arrays++];
        *a = (struct data_array){ .name = from->name, .role = role_of(g, from->name), .type = ARRAY_F8, .rank = from->rank, .units = from->units, .long_name = from->long_name, .data = from->values };
        memcpy(a->shape, from->shape, sizeof a->shape);
    }
    const bool more = told(context, &s);
    json_decref(s.header);
    return more;
}

/* ---- all of them ---- */

struct listed { struct product_name name; const char *group; };

/* Scans by number, then sums; what belongs together stays together. */
static int in_order(const void *a, const void *b) {
    const struct listed *x = a, *y = b;
    const unsigned p = (unsigned)x->name.scan, q = (unsigned)y->name.scan;   /* a sum's -1 is the largest */
    return p != q ? (p < q ? -1 : 1) : strcmp(x->name.set, y->name.set) != 0 ? strcmp(x->name.set, y->name.set) : strcmp(x->name.topic, y->name.topic);
}

static bool tell_all(struct h5_input *in, hid_t entry, const char *name, char **names, size_t n, file_state_told *told, void *context) {
    struct listed *list = calloc(n + 1, sizeof *list);
    size_t found = 0;
    for (size_t k = 0; list != NULL && k < n; k++)
        if (product_name(names[k], names, n, &list[found].name))
            list[found++].group = names[k];
    if (list != NULL)
        qsort(list, found, sizeof *list, in_order);
    bool more = list != NULL;
    for (size_t k = 0; more && k < found; k++) {
        struct nexus_group *g = nexus_group_read(in, entry, list[k].group);
        more = g != NULL && tell(g, &list[k].name, name, told, context);
        nexus_group_free(g);
    }
    free(list);
    if (!in->failed && found == 0)
        log_error("%s: holds no maps and no yields of scans", in->path);
    return found > 0;
}

bool file_states_read(const char *path, const char *name, file_state_told *told, void *context) {
    struct h5_input in;
    size_t n = 0;
    if (!h5_input_open(path, &in))
        return false;
    hid_t entry = h5_input_group(&in, in.id, "entry");
    char **names = in.failed ? NULL : nexus_group_names(&in, entry, &n);
    const bool found = names != NULL && tell_all(&in, entry, name, names, n, told, context) && file_repeats_tell(&in, entry, names, n, name, told, context);
    nexus_group_names_free(names, n);
    if (entry >= 0)
        h5_file_close_group(entry);
    const bool good = found && !in.failed;
    h5_input_close(&in);
    return good;
}
