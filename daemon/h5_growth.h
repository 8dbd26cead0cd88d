/* daemon/h5_growth.h - an HDF5 file that others read while it is written (SWMR), and that a crash leaves whole up to the last flush.
 *   h5_growth_create, everything there will be is made, h5_growth_start --> write, flush, write, flush, ... --> h5_file_finish
 * After the start nothing can be made any more: groups, datasets and attributes are those of before; datasets grow along one dimension, and
 * what they hold may be written again. The file gets its name at the
 * start (before, it is PATH.new), so that one of this name can always be read; it is never removed here.
 * HDF5 does not come through a full disk unharmed, so space is made sure of beforehand (h5_file_room) and nothing is written without it.
 * Needs a file system with POSIX order of writes: not NFS. One thread. */
#ifndef TESD_DAEMON_H5_GROWTH_H
#define TESD_DAEMON_H5_GROWTH_H

#include "daemon/h5_file.h"

/* NULL after logging; errno EEXIST when the path is taken. */
struct h5_file *h5_growth_create(const char *path);
/* A dataset of the array's shape, with its data; a->grows says along which dimension it can get longer (0: not at all). To be closed with
 * h5_file_close_column. */
hid_t h5_growth_dataset(struct h5_file *f, hid_t group, const struct data_array *a);
hid_t h5_growth_open(struct h5_file *f, hid_t group, const char *name);   /* one that was made by other means */
void h5_growth_start(struct h5_file *f);
/* Rows [from, end) along the growing dimension; all of it where that is none. */
void h5_growth_write(struct h5_file *f, hid_t dataset, const struct data_array *a, uint64_t from);
void h5_growth_flush(struct h5_file *f, hid_t dataset);

#endif
