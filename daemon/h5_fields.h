/* daemon/h5_fields.h - structs as datasets by a table of their fields: one struct as scalars, an array of structs as columns. */
#ifndef TESD_DAEMON_H5_FIELDS_H
#define TESD_DAEMON_H5_FIELDS_H

#include "daemon/h5_file.h"
#include "daemon/h5_input.h"

struct h5_field {
    const char *name;
    const char *units, *long_name;   /* NULL: none */
    enum array_type type;            /* of the same size as the field */
    size_t offset;                   /* in the struct */
    uint64_t columns;                /* elements when the field is an array; 0: one value */
    bool truth;                      /* a bool (ARRAY_U1): read as 0 or 1, anything else is an error */
};

/* rows structs of `stride` bytes. One dataset of shape [rows] or [rows, columns] per field. */
void h5_fields_write(struct h5_file *f, hid_t group, const struct h5_field *fields, size_t n_fields, const void *structs, size_t stride, size_t rows);
void h5_fields_read(struct h5_input *in, hid_t group, const struct h5_field *fields, size_t n_fields, void *structs, size_t stride, size_t rows);

/* One struct: datasets are scalars, or of shape [columns]. */
void h5_fields_write_one(struct h5_file *f, hid_t group, const struct h5_field *fields, size_t n_fields, const void *one);
void h5_fields_read_one(struct h5_input *in, hid_t group, const struct h5_field *fields, size_t n_fields, void *one);

#endif
