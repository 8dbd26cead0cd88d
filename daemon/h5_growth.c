#include "daemon/h5_growth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A point's row of a map is a chunk of its own, single numbers come in chunks of many points: what a flush writes is then mostly new. */
enum { ROW_BYTES = 1024, ROWS_OF_SMALL = 256 };

struct h5_file *h5_growth_create(const char *path) {
    if (access(path, F_OK) == 0) {
        errno = EEXIST;
        return NULL;
    }
    return h5_file_begin(path, true);
}

static unsigned dims_of(const struct data_array *a, hsize_t dims[ARRAY_MAX_RANK]) {
    for (unsigned k = 0; k < a->rank; k++)
        dims[k] = a->shape[k];
    return a->rank;
}

static hid_t creation_of(const struct data_array *a) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[ARRAY_MAX_RANK];
    uint64_t row = array_type_size(a->type);
    H5Pset_obj_track_times(creation, false);
    if (a->rank == 0 || (a->grows == 0 && data_array_elements(a) == 0))
        return creation;
    for (unsigned k = 0; k < a->rank; k++)
        if (k + 1 != a->grows)
            row *= chunk[k] = a->shape[k] > 0 ? a->shape[k] : 1;
    if (a->grows > 0)
        chunk[a->grows - 1] = row >= ROW_BYTES ? 1 : ROWS_OF_SMALL;
    H5Pset_chunk(creation, (int)a->rank, chunk);
    return creation;
}

static void describe(struct h5_file *f, hid_t d, const struct data_array *a) {
    if (a->units)
        h5_file_attribute_text(f, d, "units", a->units);
    if (a->long_name)
        h5_file_attribute_text(f, d, "long_name", a->long_name);
}

hid_t h5_growth_dataset(struct h5_file *f, hid_t group, const struct data_array *a) {
    hsize_t dims[ARRAY_MAX_RANK] = { 0 }, most[ARRAY_MAX_RANK] = { 0 };
    dims_of(a, dims);
    dims_of(a, most);
    if (f->failed)
        return -1;
    if (a->grows > 0)
        most[a->grows - 1] = H5S_UNLIMITED;
    const hid_t creation = creation_of(a), space = a->rank > 0 ? H5Screate_simple((int)a->rank, dims, most) : H5Screate(H5S_SCALAR);
    const hid_t d = H5Dcreate2(group, a->name, h5_memory_type(a->type), space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (d < 0)
        h5_file_fail(f, a->name, NULL);
    else {
        describe(f, d, a);
        if (data_array_elements(a) > 0 && a->data != NULL)
            h5_growth_write(f, d, a, 0);
    }
    H5Sclose(space);
    H5Pclose(creation);
    return d;
}

hid_t h5_growth_open(struct h5_file *f, hid_t group, const char *name) {
    const hid_t d = f->failed ? -1 : H5Dopen2(group, name, H5P_DEFAULT);
    if (d < 0)
        h5_file_fail(f, name, NULL);
    return d;
}

void h5_growth_start(struct h5_file *f) {
    char *name = strdup(f->path);
    if (!f->failed && H5Fstart_swmr_write(f->id) < 0)
        h5_file_fail(f, "as a file that is read while it grows", NULL);
    if (!f->failed && (name == NULL || rename(f->part, f->path) != 0))
        h5_file_fail(f, "under its name", name == NULL ? "out of memory" : strerror(errno));
    if (f->failed) {
        free(name);
        return;
    }
    free(f->part);
    f->part = name;
}

/* The same rows of both spaces. */
static void select_rows(hid_t space, const struct data_array *a, uint64_t from) {
    hsize_t start[ARRAY_MAX_RANK] = { 0 }, count[ARRAY_MAX_RANK] = { 0 };
    dims_of(a, count);
    start[a->grows - 1] = from;
    count[a->grows - 1] -= from;
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
}

void h5_growth_write(struct h5_file *f, hid_t d, const struct data_array *a, uint64_t from) {
    hsize_t dims[ARRAY_MAX_RANK] = { 0 };
    dims_of(a, dims);
    if (f->failed || data_array_elements(a) == 0 || (a->grows > 0 && from >= a->shape[a->grows - 1]))
        return;
    if (a->grows > 0 && H5Dset_extent(d, dims) < 0) {
        h5_file_fail(f, a->name, NULL);
        return;
    }
    hid_t memory = H5S_ALL, space = H5S_ALL;
    if (a->grows > 0) {
        memory = H5Screate_simple((int)a->rank, dims, NULL);
        space = H5Screate_simple((int)a->rank, dims, NULL);
        select_rows(memory, a, from);
        select_rows(space, a, from);
    }
    if (H5Dwrite(d, h5_memory_type(a->type), memory, space, H5P_DEFAULT, a->data) < 0)
        h5_file_fail(f, a->name, NULL);
    if (a->grows > 0) {
        H5Sclose(memory);
        H5Sclose(space);
    }
}

void h5_growth_flush(struct h5_file *f, hid_t d) {
    if (!f->failed && H5Dflush(d) < 0)
        h5_file_fail(f, "a dataset to the disk", NULL);
}
