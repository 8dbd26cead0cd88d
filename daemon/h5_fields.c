#include "daemon/h5_fields.h"

#include <stdlib.h>
#include <string.h>

static size_t field_bytes(const struct h5_field *field) {
    return array_type_size(field->type) * (size_t)(field->columns ? field->columns : 1);
}

static void write_column(struct h5_file *f, hid_t group, const struct h5_field *field, const char *structs, size_t stride, size_t rows) {
    size_t bytes = field_bytes(field);
    char *column = calloc(rows + 1, bytes);
    if (!column) {
        h5_file_fail(f, field->name, "out of memory");
        return;
    }
    for (size_t k = 0; k < rows; k++)
        memcpy(column + k * bytes, structs + k * stride + field->offset, bytes);
    h5_file_array(f, group, &(struct data_array){ .name = field->name, .type = field->type, .rank = field->columns ? 2 : 1, .shape = { rows, field->columns },
                                                  .units = field->units, .long_name = field->long_name, .data = column });
    free(column);
}

void h5_fields_write(struct h5_file *f, hid_t group, const struct h5_field *fields, size_t n_fields, const void *structs, size_t stride, size_t rows) {
    for (size_t k = 0; k < n_fields; k++)
        write_column(f, group, &fields[k], structs, stride, rows);
}

/* A bool may hold nothing but 0 and 1. */
static void check_truth(struct h5_input *in, const struct h5_field *field, const char *bytes, size_t n) {
    for (size_t k = 0; k < n && field->truth; k++)
        if (bytes[k] != 0 && bytes[k] != 1)
            h5_input_fail(in, "dataset %s holds %d where 0 or 1 belongs", field->name, (uint8_t)bytes[k]);
}

static void read_column(struct h5_input *in, hid_t group, const struct h5_field *field, char *structs, size_t stride, size_t rows) {
    size_t bytes = field_bytes(field);
    char *column = calloc(rows + 1, bytes);
    if (!column) {
        h5_input_fail(in, "dataset %s: out of memory", field->name);
        return;
    }
    h5_input_array(in, group, field->name, field->type, rows * (field->columns ? field->columns : 1), column);
    check_truth(in, field, column, rows);
    for (size_t k = 0; k < rows && !in->failed; k++)
        memcpy(structs + k * stride + field->offset, column + k * bytes, bytes);
    free(column);
}

void h5_fields_read(struct h5_input *in, hid_t group, const struct h5_field *fields, size_t n_fields, void *structs, size_t stride, size_t rows) {
    for (size_t k = 0; k < n_fields; k++)
        read_column(in, group, &fields[k], structs, stride, rows);
}

void h5_fields_write_one(struct h5_file *f, hid_t group, const struct h5_field *fields, size_t n_fields, const void *one) {
    for (size_t k = 0; k < n_fields; k++)
        h5_file_array(f, group, &(struct data_array){ .name = fields[k].name, .type = fields[k].type, .rank = fields[k].columns ? 1 : 0,
                                                      .shape = { fields[k].columns }, .units = fields[k].units, .long_name = fields[k].long_name,
                                                      .data = (const char *)one + fields[k].offset });
}

void h5_fields_read_one(struct h5_input *in, hid_t group, const struct h5_field *fields, size_t n_fields, void *one) {
    for (size_t k = 0; k < n_fields; k++) {
        char truth = 0, *to = fields[k].truth ? &truth : (char *)one + fields[k].offset;
        h5_input_array(in, group, fields[k].name, fields[k].type, fields[k].columns ? fields[k].columns : 1, to);
        check_truth(in, &fields[k], &truth, 1);
        if (fields[k].truth && !in->failed)
            memcpy((char *)one + fields[k].offset, &truth, 1);
    }
}
