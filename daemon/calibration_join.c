#include "daemon/calibration_join.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/sink/archive_parts.h"

enum { NAME = 64, MOST_HOLDERS = 256 };

/* One calibration and the inputs that hold it. */
struct joined {
    const struct calibration_join *j;
    struct archive *a;
    size_t n;
    size_t input[MOST_HOLDERS];
    int32_t number[MOST_HOLDERS];    /* in that input */
    hid_t from[MOST_HOLDERS], to;    /* groups */
    int32_t as;                      /* number in the new file */
    bool failed, told;               /* told: a reason was logged */
};

/* Datasets of a calibration that have no row for each pixel although they may be as long. */
static bool of_the_array(const char *name) {
    return strncmp(name, "table_", 6) == 0 || strcmp(name, "correction_term") == 0 || strcmp(name, "gain_step_time_ns") == 0 ||
           strcmp(name, "sigma_energy_eV") == 0;
}

/* ---- one dataset ---- */

struct sheet {
    hid_t dataset, type;             /* type: as it lies in memory, texts as wide as the widest */
    int rank;
    hsize_t shape[ARRAY_MAX_RANK];   /* of the input */
    char *rows;
};

static void sheet_done(struct sheet *s) {
    free(s->rows);
    if (s->type >= 0)
        H5Tclose(s->type);
    if (s->dataset >= 0)
        H5Dclose(s->dataset);
    *s = (struct sheet){ .dataset = -1, .type = -1 };
}

/* False: the group has no such dataset, or one of another kind. */
static bool sheet_open(hid_t group, const char *name, struct sheet *s) {
    *s = (struct sheet){ .dataset = -1, .type = -1 };
    if (H5Lexists(group, name, H5P_DEFAULT) <= 0 || (s->dataset = H5Dopen2(group, name, H5P_DEFAULT)) < 0)
        return false;
    const hid_t stored = H5Dget_type(s->dataset);   /* may not be changed */
    s->type = H5Tcopy(stored);
    H5Tclose(stored);
    const hid_t space = H5Dget_space(s->dataset);
    s->rank = H5Sget_simple_extent_ndims(space);
    if (s->rank >= 1 && s->rank <= ARRAY_MAX_RANK)
        H5Sget_simple_extent_dims(space, s->shape, NULL);
    H5Sclose(space);
    return s->rank >= 1 && s->rank <= ARRAY_MAX_RANK && H5Tis_variable_str(s->type) <= 0;
}

static size_t elements_of(const hsize_t *shape, int rank) {
    size_t n = 1;
    for (int k = 0; k < rank; k++)
        n *= (size_t)shape[k];
    return n;
}

static bool sheet_read(struct sheet *s, size_t bytes) {
    if (H5Tget_class(s->type) == H5T_STRING && H5Tset_size(s->type, bytes) < 0)
        return false;
    s->rows = calloc(elements_of(s->shape, s->rank) + 1, bytes);
    return s->rows != NULL && (elements_of(s->shape, s->rank) == 0 || H5Dread(s->dataset, s->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, s->rows) >= 0);
}

/* What a row holds that no input has, and what widens a narrow one. */
static void fill(char *to, size_t n, size_t bytes, hid_t type) {
    const double none = (double)NAN;
    memset(to, 0, n * bytes);
    for (size_t k = 0; H5Tget_class(type) == H5T_FLOAT && bytes == sizeof none && k < n; k++)
        memcpy(to + k * bytes, &none, bytes);
}

/* Row of an input into the shape of all, the rest being filled. */
static void widen(char *to, const hsize_t shape[ARRAY_MAX_RANK], const struct sheet *s, size_t row, size_t bytes) {
    const size_t rows = s->rank > 1 ? (size_t)s->shape[1] : 1, columns = s->rank > 2 ? (size_t)s->shape[2] : 1, wide = s->rank > 2 ? (size_t)shape[2] : 1;
    fill(to, (s->rank > 1 ? (size_t)shape[1] : 1) * wide, bytes, s->type);
    for (size_t k = 0; k < rows; k++)
        memcpy(to + k * wide * bytes, s->rows + (row * rows + k) * columns * bytes, columns * bytes);
}

struct copying { hid_t to; };

static herr_t copy_attribute(hid_t from, const char *name, const H5A_info_t *info, void *context) {
    const struct copying *c = context;
    const hid_t a = H5Aopen(from, name, H5P_DEFAULT), type = H5Aget_type(a), space = H5Aget_space(a);
    (void)info;
    char *bytes = calloc((size_t)H5Sget_simple_extent_npoints(space) + 1, H5Tget_size(type));
    const hid_t copy = bytes != NULL && H5Aread(a, type, bytes) >= 0 ? H5Acreate2(c->to, name, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    if (copy >= 0) {
        H5Awrite(copy, type, bytes);
        H5Aclose(copy);
    }
    free(bytes);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
    return copy >= 0 ? 0 : -1;
}

static bool write_sheet(struct joined *d, const char *name, const struct sheet *like, const hsize_t shape[ARRAY_MAX_RANK], const char *rows) {
    hsize_t first = 0;
    const hid_t space = H5Screate_simple(like->rank, shape, NULL), how = H5Dget_create_plist(like->dataset);
    const hid_t dataset = H5Dcreate2(d->to, name, like->type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    bool good = dataset >= 0 && H5Dwrite(dataset, like->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0;
    good = good && H5Aiterate2(like->dataset, H5_INDEX_NAME, H5_ITER_INC, &first, copy_attribute, &(struct copying){ dataset }) >= 0;
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Pclose(how);
    H5Sclose(space);
    return good;
}

/* Rows of all holders into one buffer. False: two hold other rows for one pixel, and that matters. */
static bool gather(struct joined *d, const char *name, const struct sheet *sheets, const hsize_t shape[ARRAY_MAX_RANK], size_t bytes, char *rows) {
    const size_t row_bytes = elements_of(shape + 1, sheets[0].rank - 1) * bytes;
    int32_t *from = calloc(d->j->n_pixels + 1, sizeof *from);
    char *row = calloc(1, row_bytes + 1);
    bool good = from != NULL && row != NULL;
    fill(rows, elements_of(shape, sheets[0].rank), bytes, sheets[0].type);
    for (size_t h = 0; good && h < d->n; h++)
        for (size_t p = 0; good && p < d->j->inputs[d->input[h]].n_pixels; p++) {
            const size_t mine = d->j->pixel_of[d->input[h]][p];
            widen(row, shape, &sheets[h], p, bytes);
            if (from[mine] == 0)
                memcpy(rows + mine * row_bytes, row, row_bytes);
            else if (d->j->strict && memcmp(rows + mine * row_bytes, row, row_bytes) != 0) {
                log_error("channel %u has another %s in calibration %d of %s than in %s: photons calibrated differently do not add; replay both with one calibration",
                          d->j->channels[mine], name, d->as, d->j->inputs[d->input[h]].file.path, d->j->inputs[d->input[from[mine] - 1]].file.path);
                good = false;
                d->told = true;
            }
            from[mine] = from[mine] == 0 ? (int32_t)h + 1 : from[mine];
        }
    free(from);
    free(row);
    return good;
}

/* The shape that holds all; false: they are not of one kind, or have no row for each pixel. */
static bool common_shape(const struct joined *d, const struct sheet *sheets, hsize_t shape[ARRAY_MAX_RANK], size_t *bytes) {
    shape[0] = d->j->n_pixels;
    for (size_t h = 0; h < d->n; h++) {
        if (sheets[h].rank != sheets[0].rank || sheets[h].shape[0] != d->j->inputs[d->input[h]].n_pixels || H5Tget_class(sheets[h].type) != H5Tget_class(sheets[0].type))
            return false;
        for (int k = 1; k < sheets[h].rank; k++)
            shape[k] = sheets[h].shape[k] > shape[k] ? sheets[h].shape[k] : shape[k];
        *bytes = H5Tget_size(sheets[h].type) > *bytes ? H5Tget_size(sheets[h].type) : *bytes;
    }
    return H5Tget_class(sheets[0].type) == H5T_STRING || *bytes <= sizeof(double);
}

/* *joined: it had a row for each pixel, and has been written. */
static bool join_dataset(struct joined *d, const char *name, bool *joined) {
    struct sheet sheets[MOST_HOLDERS] = { { .dataset = -1, .type = -1 } };
    hsize_t shape[ARRAY_MAX_RANK] = { 0 };
    size_t bytes = 0, opened = 0;
    bool all = true, good = true;
    for (; opened < d->n && all; opened++)
        all = sheet_open(d->from[opened], name, &sheets[opened]);
    char *rows = NULL;
    *joined = all && common_shape(d, sheets, shape, &bytes);
    if (*joined) {
        rows = calloc(elements_of(shape, sheets[0].rank) + 1, bytes);
        good = rows != NULL;
        for (size_t h = 0; good && h < d->n; h++)
            good = sheet_read(&sheets[h], bytes);
        good = good && gather(d, name, sheets, shape, bytes, rows) && write_sheet(d, name, &sheets[0], shape, rows);
    }
    free(rows);
    for (size_t h = 0; h < opened; h++)
        sheet_done(&sheets[h]);
    return good;
}

/* The pixel after which the others were named, where it stands in the new file. */
static int64_t moved_reference(struct joined *d) {
    for (size_t h = 0; h < d->n; h++) {
        struct h5_input *in = &d->j->inputs[d->input[h]].file;
        int64_t pixel = -1;
        h5_input_array(in, d->from[h], "reference_pixel", ARRAY_I8, 1, &pixel);
        if (pixel >= 0 && (uint64_t)pixel < d->j->inputs[d->input[h]].n_pixels)
            return d->j->pixel_of[d->input[h]][pixel];
    }
    return -1;
}

/* What is joined is written as it is joined, the rest copied. A whole group is not copied and then changed: HDF5 1.10 fails to copy into a
 * file from which objects were deleted. */
static herr_t join_member(hid_t from, const char *name, const H5L_info_t *info, void *context) {
    struct joined *d = context;
    bool joined = false;
    (void)info;
    if (strcmp(name, "reference_pixel") == 0 || strcmp(name, "number") == 0)
        archive_integer(d->a, d->to, name, NULL, strcmp(name, "number") == 0 ? d->as : moved_reference(d));
    else if (!of_the_array(name) && !join_dataset(d, name, &joined))
        d->failed = true;
    else if (!joined && H5Ocopy(from, name, d->to, name, H5P_DEFAULT, H5P_DEFAULT) < 0)
        d->failed = true;
    return d->failed || d->a->file->failed ? -1 : 0;
}

/* ---- one calibration ---- */

static bool open_groups(struct joined *d) {
    char name[NAME];
    for (size_t h = 0; h < d->n; h++) {
        snprintf(name, sizeof name, "calibration_%04d", d->number[h]);
        d->from[h] = h5_input_group(&d->j->inputs[d->input[h]].file, d->j->inputs[d->input[h]].entry, name);
        if (d->from[h] < 0)
            return false;
    }
    snprintf(name, sizeof name, "calibration_%04d", d->as);
    d->to = h5_file_group(d->a->file, d->a->entry, name, "NXprocess");
    return d->to >= 0;
}

static bool join_one(struct joined *d) {
    hsize_t first = 0;
    const bool good = open_groups(d) && H5Literate(d->from[0], H5_INDEX_NAME, H5_ITER_INC, &first, join_member, d) >= 0 && !d->failed;
    for (size_t h = 0; h < d->n; h++)
        h5_file_close_group(d->from[h]);
    h5_file_close_group(d->to);
    if (!good && !d->told && !d->a->file->failed)
        h5_file_fail(d->a->file, "calibration", NULL);
    return good;
}

static bool number_free(const struct archive *a, int32_t number) {
    char name[NAME];
    snprintf(name, sizeof name, "calibration_%04d", number);
    return H5Lexists(a->entry, name, H5P_DEFAULT) == 0;
}

static void find_holders(const struct calibration_join *j, int64_t start_ns, struct joined *d) {
    for (size_t k = 0; k < j->n_inputs; k++)
        for (size_t i = 0; i < j->inputs[k].n_calibrations && d->n < MOST_HOLDERS; i++)
            if (j->inputs[k].calibrations[i].start_ns == start_ns) {
                d->input[d->n] = k;
                d->from[d->n] = -1;
                d->number[d->n++] = j->inputs[k].calibrations[i].number;
                break;
            }
}

static int by_time(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

bool calibration_join(const struct calibration_join *j, struct archive *a) {
    size_t all = 0, n = 0;
    for (size_t k = 0; k < j->n_inputs; k++)
        all += j->inputs[k].n_calibrations;
    int64_t *starts = calloc(all + 1, sizeof *starts);
    struct joined *d = calloc(1, sizeof *d);
    bool good = starts != NULL && d != NULL && !a->file->failed;
    for (size_t k = 0; good && k < j->n_inputs; k++)
        for (size_t i = 0; i < j->inputs[k].n_calibrations; i++)
            starts[n++] = j->inputs[k].calibrations[i].start_ns;
    if (good)
        qsort(starts, n, sizeof *starts, by_time);
    for (size_t k = 0; good && k < n; k++) {
        if (k > 0 && starts[k] == starts[k - 1])
            continue;
        *d = (struct joined){ .j = j, .a = a, .to = -1 };
        find_holders(j, starts[k], d);
        for (d->as = d->number[0]; !number_free(a, d->as); d->as++)
            continue;
        good = join_one(d);
    }
    free(starts);
    free(d);
    return good;
}
