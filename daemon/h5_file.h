/* daemon/h5_file.h - writing an HDF5 file: groups with NX_class, fixed-length strings, arrays in one go, columns that grow.
 *   calls in order --> PATH.part --h5_file_finish--> PATH
 * The first failure is logged with path and reason and latches: every later call does nothing, so a writer checks once at the
 * end. No times of writing are stored: the same calls make the same file. One thread; HDF5 has one lock for the whole process. */
#ifndef TESD_DAEMON_H5_FILE_H
#define TESD_DAEMON_H5_FILE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/data_array.h"

struct h5_file {
    hid_t id;         /* -1: closed */
    char *path;       /* where it will be */
    char *part;       /* where it is written: path with .part */
    bool failed;
    bool has_room;    /* space behind its end is set apart */
    bool growing;     /* h5_growth.h: written where it will be, seen while it grows, arrays without compression */
};

/* NULL after logging why it cannot be made. An older file at `path` stays until h5_file_finish replaces it. */
struct h5_file *h5_file_create(const char *path);
struct h5_file *h5_file_begin(const char *path, bool growing);   /* growing: see h5_growth.h */
/* Closes and renames; false when anything failed since _create, then nothing is left behind. Frees f either way. */
bool h5_file_finish(struct h5_file *f);
void h5_file_abandon(struct h5_file *f);   /* closes and removes the .part file; NULL is fine */
/* A growing file that has its name is left where it is by both. */
/* Notes a failure that HDF5 did not see (no memory, say) and logs it. */
void h5_file_fail(struct h5_file *f, const char *what, const char *reason);

/* nx_class NULL: no such attribute. The group is to be closed with h5_file_close_group. parent: a group, or f->id. */
hid_t h5_file_group(struct h5_file *f, hid_t parent, const char *name, const char *nx_class);
void h5_file_close_group(hid_t group);

/* Texts are UTF-8, NULL counts as "". */
void h5_file_text(struct h5_file *f, hid_t group, const char *name, const char *text);
void h5_file_texts(struct h5_file *f, hid_t group, const char *name, const char *const *texts, size_t rows, size_t columns); /* columns 0: 1-D */
void h5_file_array(struct h5_file *f, hid_t group, const struct data_array *a);   /* chunked, shuffle + gzip, unless scalar or empty */
void h5_file_attribute_text(struct h5_file *f, hid_t object, const char *name, const char *text);
void h5_file_attribute_texts(struct h5_file *f, hid_t object, const char *name, const char *const *texts, size_t n);
void h5_file_attribute_array(struct h5_file *f, hid_t object, const struct data_array *a);
/* The same on an object inside the group, named. */
void h5_file_member_texts(struct h5_file *f, hid_t group, const char *member, const char *name, const char *const *texts, size_t n);

/* A 1-D dataset that grows. compress: shuffle + gzip, else stored as it is. `like` gives name, type, units and long_name. */
hid_t h5_file_column(struct h5_file *f, hid_t group, const struct data_array *like, size_t chunk_rows, bool compress);
/* Rows [at, at + n) of the column, which grows to hold them; fastest when at and n are whole chunks. */
void h5_file_append(struct h5_file *f, hid_t column, enum array_type type, const void *data, uint64_t at, size_t n);
/* The column has so many rows from now on, written or not: what was not reads as anything. */
void h5_file_column_rows(struct h5_file *f, hid_t column, uint64_t rows);
/* Exactly one chunk of a column that is not compressed and has these rows, at a multiple of its rows: nothing is selected, converted or cached, which
 * takes a third of the time. */
void h5_file_write_chunk(struct h5_file *f, hid_t column, enum array_type type, const void *data, uint64_t at, size_t n);
/* Makes sure of `bytes` more behind what there is, holes in it included: where the file system sets space apart, writing into it is also cheaper. What is
 * not used is given back when the file is finished. 0, or an errno; nobody has to ask. */
int h5_file_room(struct h5_file *f, uint64_t bytes);
/* Elements already there. */
void h5_file_overwrite(struct h5_file *f, hid_t column, enum array_type type, const void *data, uint64_t at, size_t n);
void h5_file_close_column(hid_t column);

hid_t h5_memory_type(enum array_type t);   /* borrowed */

#endif
