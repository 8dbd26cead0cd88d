#include "daemon/h5_input.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/h5_file.h"
#include "daemon/log.h"

void h5_input_fail(struct h5_input *in, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!in->failed)
        log_error("%s: %s", in->path, text);
    in->failed = true;
}

static bool open_input(const char *path, bool growing, struct h5_input *out) {
    struct h5_input in = { .id = -1, .path = path };
    H5dont_atexit();   /* as in h5_file_create, which may come later */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (access(path, R_OK) != 0)
        h5_input_fail(&in, "cannot be read: %s", strerror(errno));
    else if (H5Fis_hdf5(path) <= 0)
        h5_input_fail(&in, "is not an HDF5 file");
    else if ((in.id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT)) < 0 && (!growing || (in.id = H5Fopen(path, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, H5P_DEFAULT)) < 0))
        h5_input_fail(&in, "is a damaged HDF5 file, or one that a program still writes");
    *out = in;
    return !in.failed;
}

bool h5_input_open(const char *path, struct h5_input *out) { return open_input(path, false, out); }

bool h5_input_open_growing(const char *path, struct h5_input *out) { return open_input(path, true, out); }

bool h5_input_open_bytes(const char *path, const void *bytes, size_t n, struct h5_input *out) {
    struct h5_input in = { .id = -1, .path = path };
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const hid_t properties = H5Pcreate(H5P_FILE_ACCESS);
    char name[32];
    snprintf(name, sizeof name, "%p", bytes);   /* two images of one name would be taken for one file */
    if (n == 0 || H5Pset_fapl_core(properties, n, false) < 0 || H5Pset_file_image(properties, (void *)(uintptr_t)bytes, n) < 0 ||
        (in.id = H5Fopen(name, H5F_ACC_RDONLY, properties)) < 0)
        h5_input_fail(&in, "is not an HDF5 file, or a damaged one");
    H5Pclose(properties);
    *out = in;
    return !in.failed;
}

void h5_input_close(struct h5_input *in) {
    if (in->id >= 0)
        H5Fclose(in->id);
    in->id = -1;
}

bool h5_input_has(struct h5_input *in, hid_t parent, const char *name) {
    return !in->failed && H5Lexists(parent, name, H5P_DEFAULT) > 0;
}

hid_t h5_input_group(struct h5_input *in, hid_t parent, const char *name) {
    hid_t g = in->failed ? -1 : H5Gopen2(parent, name, H5P_DEFAULT);
    if (g < 0)
        h5_input_fail(in, "group %s is missing", name);
    return g;
}

/* The dataset with its type's class and its number of elements; -1 after a failure. */
static hid_t open_dataset(struct h5_input *in, hid_t group, const char *name, H5T_class_t *class, uint64_t *n) {
    hid_t d = in->failed ? -1 : H5Dopen2(group, name, H5P_DEFAULT);
    if (d < 0) {
        h5_input_fail(in, "dataset %s is missing", name);
        return -1;
    }
    hid_t type = H5Dget_type(d), space = H5Dget_space(d);
    hssize_t elements = H5Sget_simple_extent_npoints(space);
    *class = H5Tget_class(type);
    *n = elements > 0 ? (uint64_t)elements : 0;
    H5Sclose(space);
    H5Tclose(type);
    return d;
}

uint64_t h5_input_length(struct h5_input *in, hid_t group, const char *name) {
    H5T_class_t class;
    uint64_t n = 0;
    hid_t d = open_dataset(in, group, name, &class, &n);
    if (d >= 0)
        H5Dclose(d);
    return n;
}

void h5_input_array(struct h5_input *in, hid_t group, const char *name, enum array_type type, uint64_t n, void *data) {
    H5T_class_t class, wanted = type == ARRAY_F4 || type == ARRAY_F8 ? H5T_FLOAT : H5T_INTEGER;
    uint64_t found;
    hid_t d = open_dataset(in, group, name, &class, &found);
    if (d < 0)
        return;
    if (found != n)
        h5_input_fail(in, "dataset %s has %llu elements where %llu belong", name, (unsigned long long)found, (unsigned long long)n);
    else if (class != wanted)
        h5_input_fail(in, "dataset %s does not hold %s numbers", name, wanted == H5T_FLOAT ? "floating-point" : "whole");
    else if (n > 0 && H5Dread(d, h5_memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        h5_input_fail(in, "dataset %s is damaged", name);
    H5Dclose(d);
}

/* Reads n packed texts of *width bytes each; new memory, NULL after a failure. */
static char *read_packed(struct h5_input *in, hid_t group, const char *name, uint64_t *n, size_t *width) {
    H5T_class_t class;
    hid_t d = open_dataset(in, group, name, &class, n);
    if (d < 0)
        return NULL;
    hid_t type = H5Dget_type(d);
    char *packed = NULL;
    if (class != H5T_STRING || H5Tis_variable_str(type) > 0) {
        h5_input_fail(in, "dataset %s does not hold texts of fixed length", name);
    } else {
        *width = H5Tget_size(type);
        packed = *n < SIZE_MAX / (*width + 1) ? calloc(*n + 1, *width + 1) : NULL;
        if (!packed)
            h5_input_fail(in, "dataset %s: out of memory", name);
        else if (*n > 0 && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, packed) < 0)
            h5_input_fail(in, "dataset %s is damaged", name);
    }
    H5Tclose(type);
    H5Dclose(d);
    if (in->failed) {
        free(packed);
        packed = NULL;
    }
    return packed;
}

void h5_input_texts(struct h5_input *in, hid_t group, const char *name, uint64_t n, size_t width, char *texts) {
    uint64_t found;
    size_t bytes;
    char *packed = read_packed(in, group, name, &found, &bytes);
    if (!packed)
        return;
    if (found != n)
        h5_input_fail(in, "dataset %s has %llu texts where %llu belong", name, (unsigned long long)found, (unsigned long long)n);
    for (uint64_t k = 0; k < n && !in->failed; k++) {
        size_t length = strnlen(packed + k * bytes, bytes);
        if (length >= width) {
            h5_input_fail(in, "dataset %s holds a text of more than %zu bytes", name, width - 1);
            break;
        }
        memset(texts + k * width, 0, width);
        memcpy(texts + k * width, packed + k * bytes, length);
    }
    free(packed);
}

char *h5_input_text(struct h5_input *in, hid_t group, const char *name) {
    uint64_t n;
    size_t width;
    char *text = read_packed(in, group, name, &n, &width);
    if (text && n != 1) {
        h5_input_fail(in, "dataset %s has %llu texts where one belongs", name, (unsigned long long)n);
        free(text);
        return NULL;
    }
    return text;
}

void h5_input_name(struct h5_input *in, hid_t group, const char *name, char *out, size_t width) {
    char *text = h5_input_text(in, group, name);
    if (text != NULL)
        snprintf(out, width, "%s", text);
    free(text);
}

void *h5_input_whole(struct h5_input *in, hid_t group, const char *name, enum array_type type, uint64_t least, uint64_t *length) {
    const uint64_t n = h5_input_length(in, group, name);
    void *values = n < UINT64_C(1) << 32 ? calloc(n + 1, 8) : NULL;
    if (values == NULL || n < least)
        h5_input_fail(in, "%s has %llu values where %llu are wanted", name, (unsigned long long)n, (unsigned long long)least);
    h5_input_array(in, group, name, type, n, values);
    if (length != NULL)
        *length = n;
    if (in->failed) {
        free(values);
        return NULL;
    }
    return values;
}
