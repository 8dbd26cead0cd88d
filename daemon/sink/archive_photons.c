/* Photon columns are staged to whole chunks, which bypass all that HDF5 does with data and cost about what a write() costs. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sink/archive_parts.h"

enum { WIDEST = 8 };   /* bytes of a column's number */
enum { ROWS_AHEAD = 16 * PHOTON_CHUNK_ROWS };

void archive_photons_open(struct archive *a, bool compress) {
    struct photon_store *s = &a->photons;
    s->compress = compress;
    s->group = h5_file_group(a->file, a->entry, "photons", "NXcollection");
    for (int k = 0; k < N_PHOTON_COLUMNS; k++) {
        const struct photon_column *c = &photon_columns[k];
        struct data_array like = { .name = c->name, .type = c->type, .units = c->units, .long_name = c->long_name };
        s->columns[k] = h5_file_column(a->file, s->group, &like, PHOTON_CHUNK_ROWS, compress);
        s->staged[k] = malloc(PHOTON_CHUNK_ROWS * array_type_size(c->type));
        if (!s->staged[k])
            h5_file_fail(a->file, "photons", "out of memory");
    }
}

static uint64_t bytes_of_rows(uint64_t rows) {
    uint64_t each = 0;
    for (int k = 0; k < N_PHOTON_COLUMNS; k++)
        each += array_type_size(photon_columns[k].type);
    return rows * each;
}

static void make_rows(struct archive *a, uint64_t rows) {
    struct photon_store *s = &a->photons;
    for (int k = 0; k < N_PHOTON_COLUMNS && s->n_made != rows; k++)
        h5_file_column_rows(a->file, s->columns[k], rows);
    s->n_made = rows;
}

/* Of many chunks at once, and the space for them: each chunk by itself costs some 10 of the 33 ns that a row takes in a replay (Zen 4). A file that is read
 * while it grows has no rows that are not there, and makes sure of its space itself. */
static void make_room(struct archive *a, uint64_t rows) {
    if (rows <= a->photons.n_made)
        return;
    if (!a->file->growing) {
        h5_file_room(a->file, bytes_of_rows(ROWS_AHEAD));   /* a full disk is told of when it is written to */
        rows += ROWS_AHEAD - PHOTON_CHUNK_ROWS;
    }
    make_rows(a, rows);
}

/* The wide columns first: behind a chunk of 64 kB or more one of 64 kB still stands at a multiple of that (h5_file.c), behind a narrow one it would not. */
static void write_staged(struct archive *a) {
    struct photon_store *s = &a->photons;
    const bool whole = !s->compress && s->n_staged == PHOTON_CHUNK_ROWS && s->n_written % PHOTON_CHUNK_ROWS == 0;
    if (whole)
        make_room(a, s->n_written + s->n_staged);
    else if (s->n_staged > 0)
        s->n_made = s->n_written + s->n_staged;   /* by appending */
    for (size_t width = WIDEST; width > 0; width /= 2)
        for (int k = 0; k < N_PHOTON_COLUMNS; k++)
            if (array_type_size(photon_columns[k].type) == width)
                (whole ? h5_file_write_chunk : h5_file_append)(a->file, s->columns[k], photon_columns[k].type, s->staged[k], s->n_written, s->n_staged);
    s->n_written += s->n_staged;
    s->n_staged = 0;
}

static void stage(struct photon_store *s, const struct photon_block *block, size_t first, size_t n) {
    for (int k = 0; k < N_PHOTON_COLUMNS; k++) {
        size_t size = array_type_size(photon_columns[k].type);
        memcpy(s->staged[k] + s->n_staged * size, (const uint8_t *)photon_column_data(block, (size_t)k) + first * size, n * size);
    }
    s->n_staged += n;
}

bool archive_photons(struct archive *a, const struct photon_block *block) {
    struct photon_store *s = &a->photons;
    for (size_t done = 0; done < block->n && !a->file->failed;) {
        size_t room = PHOTON_CHUNK_ROWS - s->n_staged, n = block->n - done < room ? block->n - done : room;
        stage(s, block, done, n);
        done += n;
        if (s->n_staged == PHOTON_CHUNK_ROWS)
            write_staged(a);
    }
    height_histogram_add(&a->heights, block->height, block->n);
    return !a->file->failed;
}

bool archive_photons_end(struct archive *a) {
    write_staged(a);
    make_rows(a, a->photons.n_written);
    return !a->file->failed;
}

static void overwrite(struct archive *a, size_t column, uint64_t row, uint8_t value) {
    struct photon_store *s = &a->photons;
    assert(array_type_size(photon_columns[column].type) == 1);
    if (row >= s->n_written)
        s->staged[column][row - s->n_written] = value;
    else
        h5_file_overwrite(a->file, s->columns[column], photon_columns[column].type, &value, row, 1);
}

bool archive_photon_regrade(struct archive *a, uint64_t row, uint8_t grade, uint8_t flags) {
    assert(row < a->photons.n_written + a->photons.n_staged);
    for (size_t k = 0; k < N_PHOTON_COLUMNS; k++)
        if (photon_columns[k].offset == offsetof(struct photon_block, grade))
            overwrite(a, k, row, grade);
        else if (photon_columns[k].offset == offsetof(struct photon_block, flags))
            overwrite(a, k, row, flags);
    return !a->file->failed;
}

/* A histogram of nothing is one empty bin, so that the group is always a valid plot. */
static void write_heights(struct archive *a) {
    const struct height_histogram *h = &a->heights;
    size_t n = h->n ? h->n : 1;
    double centres[HEIGHT_BINS], edges[HEIGHT_BINS + 1];
    for (size_t k = 0; k <= n; k++)
        edges[k] = (double)(h->first + (int64_t)k) * h->width;
    for (size_t k = 0; k < n; k++)
        centres[k] = 0.5 * (edges[k] + edges[k + 1]);
    struct data_group g = { .title = "pulse heights of all records", .signal = "counts", .axes = { "height" }, .n_axes = 1, .n_arrays = 4 };
    g.arrays[0] = (struct data_array){ .name = "counts", .type = ARRAY_U8, .rank = 1, .shape = { n }, .units = "counts", .long_name = "records", .data = h->counts };
    g.arrays[1] = (struct data_array){ .name = "height", .type = ARRAY_F8, .rank = 1, .shape = { n }, .units = "arb", .long_name = "filtered pulse height", .data = centres };
    g.arrays[2] = (struct data_array){ .name = "height_edges", .type = ARRAY_F8, .rank = 1, .shape = { n + 1 }, .units = "arb", .data = edges };
    g.arrays[3] = (struct data_array){ .name = "records_without_height", .type = ARRAY_U8, .data = &h->without };
    archive_write_data_group(a, "heights", &g);
}

void archive_photons_flush(struct archive *a) {
    archive_photons_end(a);
    write_heights(a);
}

void archive_photons_close(struct archive *a) {
    for (int k = 0; k < N_PHOTON_COLUMNS; k++) {
        if (a->photons.group >= 0)
            h5_file_close_column(a->photons.columns[k]);
        free(a->photons.staged[k]);
    }
    h5_file_close_group(a->photons.group);
}
