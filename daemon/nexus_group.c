#include "daemon/nexus_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_file.h"

enum { MOST_ELEMENTS = 1 << 30 };

/* A scalar attribute of fixed length, cut to n - 1 bytes; "" where there is none. */
static void read_text_attribute(hid_t object, const char *name, char *out, size_t n) {
    out[0] = '\0';
    if (H5Aexists(object, name) <= 0)
        return;
    hid_t a = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(a), space = H5Aget_space(a);
    size_t bytes = H5Tget_size(type);
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 && H5Sget_simple_extent_npoints(space) == 1 && bytes < 1 << 16) {
        char *text = calloc(bytes + 1, 1);
        if (text != NULL && H5Aread(a, type, text) >= 0)
            snprintf(out, n, "%s", text);
        free(text);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
}

/* Up to `most` texts of the array attribute; how many there are. */
static unsigned read_axes(hid_t object, char axes[][NEXUS_NAME], unsigned most) {
    if (H5Aexists(object, "axes") <= 0)
        return 0;
    hid_t a = H5Aopen(object, "axes", H5P_DEFAULT), type = H5Aget_type(a), space = H5Aget_space(a);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    size_t bytes = H5Tget_size(type);
    unsigned found = 0;
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 && n > 0 && n <= (hssize_t)most && bytes < NEXUS_NAME) {
        char *texts = calloc((size_t)n, bytes + 1);
        if (texts != NULL && H5Aread(a, type, texts) >= 0)
            for (found = 0; found < (unsigned)n; found++)
                snprintf(axes[found], NEXUS_NAME, "%.*s", (int)bytes, texts + found * bytes);
        free(texts);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
    return found;
}

/* Up to `most` numbers of the attribute, as the memory type says; how many. */
static size_t read_numbers(hid_t object, const char *name, hid_t memory_type, size_t most, void *out) {
    if (H5Aexists(object, name) <= 0)
        return 0;
    hid_t a = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(a), space = H5Aget_space(a);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    bool good = (H5Tget_class(type) == H5T_FLOAT || H5Tget_class(type) == H5T_INTEGER) && n > 0 && (size_t)n <= most;
    good = good && H5Aread(a, memory_type, out) >= 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
    return good ? (size_t)n : 0;
}

/* Shape and values of an open dataset of numbers. False: it holds something else, or more than fits; nothing was made. */
static bool read_values(hid_t dataset, struct nexus_array *out) {
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    H5T_class_t class = H5Tget_class(type);
    hsize_t shape[ARRAY_MAX_RANK] = { 0 };
    int rank = H5Sget_simple_extent_ndims(space);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    bool good = (class == H5T_FLOAT || class == H5T_INTEGER) && rank >= 0 && rank <= ARRAY_MAX_RANK && n >= 0 && n <= MOST_ELEMENTS;
    if (good && rank > 0)
        H5Sget_simple_extent_dims(space, shape, NULL);
    double *values = good ? calloc((size_t)n + 1, sizeof *values) : NULL;
    good = values != NULL && (n == 0 || H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    if (good) {
        out->rank = (unsigned)rank;
        for (unsigned k = 0; k < out->rank; k++)
            out->shape[k] = shape[k];
        out->values = values;
    } else {
        free(values);
    }
    H5Tclose(type);
    H5Sclose(space);
    return good;
}

struct collecting { struct nexus_group *group; struct h5_input *in; };

static herr_t collect_array(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    struct collecting *c = context;
    (void)info;
    H5O_info_t what;
    if (c->in->failed || H5Oget_info_by_name1(group, name, &what, H5P_DEFAULT) < 0 || what.type != H5O_TYPE_DATASET)
        return 0;
    if (strcmp(name, "title") == 0) {
        char *text = h5_input_text(c->in, group, name);
        snprintf(c->group->title, sizeof c->group->title, "%s", text != NULL ? text : "");
        free(text);
        return 0;
    }
    if (c->group->n_arrays == NEXUS_ARRAYS || strlen(name) >= NEXUS_NAME)
        return 0;
    struct nexus_array *a = &c->group->arrays[c->group->n_arrays];
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    if (read_values(dataset, a)) {
        snprintf(a->name, sizeof a->name, "%s", name);
        read_text_attribute(dataset, "units", a->units, sizeof a->units);
        read_text_attribute(dataset, "long_name", a->long_name, sizeof a->long_name);
        c->group->n_arrays++;
    }
    H5Dclose(dataset);
    return 0;
}

static void read_group_attributes(hid_t id, struct nexus_group *g) {
    read_text_attribute(id, "signal", g->signal, sizeof g->signal);
    g->n_axes = read_axes(id, g->axes, 2);
    read_text_attribute(id, "normalised_by", g->normalised_by, sizeof g->normalised_by);
    g->has_roi = read_numbers(id, "roi_eV", H5T_NATIVE_DOUBLE, 2, g->roi_eV) == 2;
    g->n_scans = read_numbers(id, "scan_numbers", H5T_NATIVE_INT32, sizeof g->scan_numbers / sizeof *g->scan_numbers, g->scan_numbers);
}

struct nexus_group *nexus_group_read(struct h5_input *in, hid_t entry, const char *name) {
    struct nexus_group *g = calloc(1, sizeof *g);
    if (g == NULL) {
        h5_input_fail(in, "%s: out of memory", name);
        return NULL;
    }
    snprintf(g->name, sizeof g->name, "%s", name);
    hid_t id = h5_input_group(in, entry, name);
    if (!in->failed) {
        struct collecting c = { .group = g, .in = in };
        hsize_t from = 0;
        read_group_attributes(id, g);
        H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, &from, collect_array, &c);
        h5_file_close_group(id);
        if (nexus_group_array(g, g->signal) == NULL || g->n_axes == 0 || nexus_group_array(g, g->axes[0]) == NULL)
            h5_input_fail(in, "group %s has no signal with its axis: not a product of tesd, or damaged", name);
    }
    if (in->failed) {
        nexus_group_free(g);
        return NULL;
    }
    return g;
}

void nexus_group_free(struct nexus_group *g) {
    for (size_t k = 0; g != NULL && k < g->n_arrays; k++)
        free(g->arrays[k].values);
    free(g);
}

const struct nexus_array *nexus_group_array(const struct nexus_group *g, const char *name) {
    for (size_t k = 0; k < g->n_arrays; k++)
        if (strcmp(g->arrays[k].name, name) == 0)
            return &g->arrays[k];
    return NULL;
}

struct listing { char **names; size_t n, capacity; bool no_memory; };

static herr_t list_group(hid_t entry, const char *name, const H5L_info_t *info, void *context) {
    struct listing *l = context;
    (void)info;
    H5O_info_t what;
    char class[NEXUS_NAME] = "";
    if (H5Oget_info_by_name1(entry, name, &what, H5P_DEFAULT) < 0 || what.type != H5O_TYPE_GROUP || strlen(name) >= NEXUS_NAME)
        return 0;
    hid_t g = H5Gopen2(entry, name, H5P_DEFAULT);
    read_text_attribute(g, "NX_class", class, sizeof class);
    H5Gclose(g);
    if (strcmp(class, "NXdata") != 0)
        return 0;
    if (l->n == l->capacity) {
        size_t capacity = 2 * l->capacity;
        char **more = realloc(l->names, capacity * sizeof *more);
        if (more == NULL) {
            l->no_memory = true;
            return -1;
        }
        l->names = more;
        l->capacity = capacity;
    }
    l->names[l->n] = strdup(name);
    l->no_memory = l->names[l->n] == NULL;
    l->n += !l->no_memory;
    return l->no_memory ? -1 : 0;
}

char **nexus_group_names(struct h5_input *in, hid_t entry, size_t *n) {
    struct listing l = { .names = calloc(64, sizeof *l.names), .capacity = 64 };
    hsize_t from = 0;
    if (l.names == NULL || (H5Literate(entry, H5_INDEX_NAME, H5_ITER_INC, &from, list_group, &l) < 0 && l.no_memory))
        h5_input_fail(in, "out of memory for its list of products");
    if (in->failed) {
        nexus_group_names_free(l.names, l.n);
        return NULL;
    }
    *n = l.n;
    return l.names;
}

void nexus_group_names_free(char **names, size_t n) {
    for (size_t k = 0; names != NULL && k < n; k++)
        free(names[k]);
    free(names);
}
