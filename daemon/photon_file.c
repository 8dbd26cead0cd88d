#include "daemon/photon_file.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/h5_file.h"
#include "daemon/photon_columns.h"

struct photon_file {
    struct h5_input *in;
    hid_t group, columns[N_PHOTON_COLUMNS];
    uint64_t rows, at;
};

/* A 1-D column of numbers, whole or not as its type says. */
static hid_t open_column(struct photon_file *f, const struct photon_column *c, uint64_t *rows) {
    hid_t d = f->in->failed ? -1 : H5Dopen2(f->group, c->name, H5P_DEFAULT);
    if (d < 0) {
        h5_input_fail(f->in, "photons/%s is missing", c->name);
        return -1;
    }
    hid_t space = H5Dget_space(d), type = H5Dget_type(d);
    H5T_class_t wanted = c->type == ARRAY_F4 || c->type == ARRAY_F8 ? H5T_FLOAT : H5T_INTEGER;
    hssize_t n = H5Sget_simple_extent_npoints(space);
    if (H5Sget_simple_extent_ndims(space) != 1 || H5Tget_class(type) != wanted || n < 0)
        h5_input_fail(f->in, "photons/%s is not a column of %s numbers", c->name, wanted == H5T_FLOAT ? "floating-point" : "whole");
    *rows = n > 0 ? (uint64_t)n : 0;
    H5Tclose(type);
    H5Sclose(space);
    return d;
}

/* sure: rows that every column has, whatever more; UINT64_MAX: all are of one length. */
static void check_length(struct photon_file *f, size_t k, uint64_t rows, uint64_t sure) {
    if (sure == UINT64_MAX && k == 0)
        f->rows = rows;
    const bool good = sure == UINT64_MAX ? rows == f->rows : rows >= sure;
    if (!f->in->failed && !good)
        h5_input_fail(f->in, "photons/%s has %llu rows where %llu belong", photon_columns[k].name, (unsigned long long)rows,
                      (unsigned long long)(sure == UINT64_MAX ? f->rows : sure));
}

struct photon_file *photon_file_open(struct h5_input *in, hid_t entry) { return photon_file_open_first(in, entry, UINT64_MAX); }

struct photon_file *photon_file_open_first(struct h5_input *in, hid_t entry, uint64_t sure) {
    struct photon_file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        h5_input_fail(in, "photons: out of memory");
        return NULL;
    }
    f->in = in;
    f->rows = sure == UINT64_MAX ? 0 : sure;
    for (size_t k = 0; k < N_PHOTON_COLUMNS; k++)
        f->columns[k] = -1;
    f->group = h5_input_group(in, entry, "photons");
    for (size_t k = 0; k < N_PHOTON_COLUMNS && !in->failed; k++) {
        uint64_t rows = 0;
        f->columns[k] = open_column(f, &photon_columns[k], &rows);
        check_length(f, k, rows, sure);
    }
    if (in->failed) {
        photon_file_close(f);
        return NULL;
    }
    return f;
}

uint64_t photon_file_rows(const struct photon_file *f) {
    return f->rows;
}

static bool read_rows(struct photon_file *f, size_t column, size_t n, void *into) {
    hsize_t start = f->at, count = n;
    hid_t file_space = H5Dget_space(f->columns[column]), memory_space = H5Screate_simple(1, &count, NULL);
    bool good = H5Sselect_hyperslab(file_space, H5S_SELECT_SET, &start, NULL, &count, NULL) >= 0 &&
                H5Dread(f->columns[column], h5_memory_type(photon_columns[column].type), memory_space, file_space, H5P_DEFAULT, into) >= 0;
    H5Sclose(memory_space);
    H5Sclose(file_space);
    if (!good)
        h5_input_fail(f->in, "photons/%s is damaged at row %llu", photon_columns[column].name, (unsigned long long)f->at);
    return good;
}

bool photon_file_next(struct photon_file *f, struct photon_block *block) {
    uint64_t left = f->rows - f->at;
    size_t n = left < block->capacity ? (size_t)left : block->capacity;
    for (size_t k = 0; k < N_PHOTON_COLUMNS && n > 0; k++) {
        void *into;
        memcpy(&into, (const char *)block + photon_columns[k].offset, sizeof into);
        if (!read_rows(f, k, n, into))
            return false;
    }
    block->n = n;
    f->at += n;
    return !f->in->failed;
}

void photon_file_close(struct photon_file *f) {
    if (f == NULL)
        return;
    for (size_t k = 0; k < N_PHOTON_COLUMNS; k++)
        if (f->columns[k] >= 0)
            H5Dclose(f->columns[k]);
    h5_file_close_group(f->group);
    free(f);
}
