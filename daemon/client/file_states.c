#include "daemon/client/file_states.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_file.h"
#include "daemon/log.h"
#include "daemon/nexus_group.h"

enum { VERDICT = 32 };

/* The scan's number in "rixs_0004" or "pfy_0004_O"; -1: of no scan. topic: what a stream would call it. */
static int scan_of(const char *name, char topic[STREAM_TOPIC_TEXT]) {
    int scan = -1, end = 0;
    if (sscanf(name, "rixs_%d%n", &scan, &end) == 1 && name[end] == '\0')
        snprintf(topic, STREAM_TOPIC_TEXT, "rixs/map/");
    else if (sscanf(name, "loss_%d%n", &scan, &end) == 1 && name[end] == '\0')
        snprintf(topic, STREAM_TOPIC_TEXT, "rixs/loss/");
    else if (sscanf(name, "pfy_%d_%n", &scan, &end) == 1 && end > 0)
        snprintf(topic, STREAM_TOPIC_TEXT, "pfy/%.80s/", name + end);
    else
        scan = -1;
    return scan;
}

static enum array_role role_of(const struct nexus_group *g, const char *name) {
    if (strcmp(name, g->signal) == 0)
        return ROLE_SIGNAL;
    for (unsigned k = 0; k < g->n_axes; k++)
        if (strcmp(name, g->axes[k]) == 0)
            return ROLE_AXIS;
    return strstr(name, "_errors") != NULL ? ROLE_ERRORS : strstr(name, "_edges") != NULL ? ROLE_EDGES : ROLE_AUX;
}

static json_t *header_of(const struct nexus_group *g, const char *topic, int scan, uint64_t n_points) {
    const char *kind = strncmp(topic, "pfy/", 4) == 0 ? "pfy" : strcmp(topic, "rixs/loss/") == 0 ? "rixs_loss" : "rixs_map";
    json_t *h = json_pack("{s:i,s:s,s:i,s:s,s:s,s:i,s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:s,s:s}", "v", 1, "kind", kind, "seq", 1, "boot", "file", "run", "file", "scan", scan, "point",
                          (int)n_points - 1, "t_ns", "0", "start_ns", "0", "accum", "cumulative", "state", "final", "cal", "", "snap", 0, "signal", g->signal, "title", g->title);
    json_object_update_new(h, json_pack("{s:i,s:i,s:{},s:[]}", "n_points", (int)n_points, "final_points", (int)n_points, "lost", "arrays"));
    if (g->has_roi)
        json_object_set_new(h, "roi_eV", json_pack("[o,o]", isfinite(g->roi_eV[0]) ? json_real(g->roi_eV[0]) : json_null(), isfinite(g->roi_eV[1]) ? json_real(g->roi_eV[1]) : json_null()));
    if (g->normalised_by[0] != '\0')
        json_object_set_new(h, "normalised_by", json_string(g->normalised_by));
    return h;
}

/* Borrows the group's numbers, all as doubles. */
static bool tell(const struct nexus_group *g, const char *topic, int scan, file_state_told *told, void *context) {
    const struct nexus_array *signal = nexus_group_array(g, g->signal);
    if (signal == NULL || signal->rank == 0)
        return true;
    struct stream_state s = { .seq = 1, .header = header_of(g, topic, scan, signal->shape[0]) };
    snprintf(s.topic, sizeof s.topic, "%s", topic);
    s.kind = stream_state_text(&s, "kind");
    s.boot = "file";
    for (size_t k = 0; k < g->n_arrays && s.n_arrays < STREAM_ARRAYS; k++) {
        const struct nexus_array *from = &g->arrays[k];
        struct data_array *a = &s.arrays[s.n_arrays++];
        *a = (struct data_array){ .name = from->name, .role = role_of(g, from->name), .type = ARRAY_F8, .rank = from->rank, .units = from->units, .long_name = from->long_name, .data = from->values };
        memcpy(a->shape, from->shape, sizeof a->shape);
    }
    bool more = told(context, &s);
    json_decref(s.header);
    return more;
}

/* One state for each pixel, with what its table says that a page can show. */
static void tell_pixels(struct h5_input *in, hid_t entry, file_state_told *told, void *context) {
    hid_t group = h5_input_has(in, entry, "pixels") ? h5_input_group(in, entry, "pixels") : -1;
    uint64_t n = group >= 0 ? h5_input_length(in, group, "channel") : 0;
    uint32_t *channels = calloc(n + 1, sizeof *channels);
    uint64_t *photons = calloc(n + 1, sizeof *photons);
    double *resolution = calloc(n + 1, sizeof *resolution);
    char *verdicts = calloc(n + 1, VERDICT);
    bool room = channels != NULL && photons != NULL && resolution != NULL && verdicts != NULL;
    if (n > 0 && room) {
        h5_input_array(in, group, "channel", ARRAY_U4, n, channels);
        h5_input_array(in, group, "photons", ARRAY_U8, n, photons);
        h5_input_array(in, group, "resolution_eV", ARRAY_F8, n, resolution);
        h5_input_texts(in, group, "verdict", n, VERDICT, verdicts);
    }
    for (uint64_t k = 0; room && k < n && !in->failed; k++) {
        struct stream_state s = { .seq = 1, .boot = "file", .kind = "pixel" };
        snprintf(s.topic, sizeof s.topic, "pixel/%u/", channels[k]);
        s.header = json_pack("{s:s,s:i,s:s,s:i,s:I,s:s}", "kind", "pixel", "seq", 1, "boot", "file", "scan", -1, "photons", (json_int_t)photons[k], "verdict", verdicts + k * VERDICT);
        json_object_set_new(s.header, "resolution_eV", isfinite(resolution[k]) ? json_real(resolution[k]) : json_null());
        told(context, &s);
        json_decref(s.header);
    }
    free(channels);
    free(photons);
    free(resolution);
    free(verdicts);
    if (group >= 0)
        h5_file_close_group(group);
}

bool file_states_read(const char *path, file_state_told *told, void *context) {
    struct h5_input in;
    size_t n = 0, found = 0;
    if (!h5_input_open(path, &in))
        return false;
    hid_t entry = h5_input_group(&in, in.id, "entry");
    char **names = in.failed ? NULL : nexus_group_names(&in, entry, &n);
    bool more = names != NULL;
    for (size_t k = 0; more && k < n; k++) {
        char topic[STREAM_TOPIC_TEXT];
        int scan = scan_of(names[k], topic);
        struct nexus_group *g = scan >= 0 ? nexus_group_read(&in, entry, names[k]) : NULL;
        more = g == NULL || tell(g, topic, scan, told, context);
        found += g != NULL;
        nexus_group_free(g);
    }
    tell_pixels(&in, entry, told, context);
    bool good = names != NULL && !in.failed;
    nexus_group_names_free(names, n);
    if (entry >= 0)
        h5_file_close_group(entry);
    h5_input_close(&in);
    if (good && found == 0)
        log_error("%s: holds no maps and no yields of scans", path);
    return good && found > 0;
}
