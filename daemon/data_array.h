/* daemon/data_array.h - one named array with its type, shape and unit, as a file's dataset or a message's blob carries it.
 * Plain description; the data are borrowed, in C order and little-endian (x86-64). */
#ifndef TESD_DAEMON_DATA_ARRAY_H
#define TESD_DAEMON_DATA_ARRAY_H

#include <stddef.h>
#include <stdint.h>

enum array_type { ARRAY_F4, ARRAY_F8, ARRAY_U1, ARRAY_U2, ARRAY_U4, ARRAY_U8, ARRAY_I4, ARRAY_I8, N_ARRAY_TYPES };
enum array_role { ROLE_AUX, ROLE_SIGNAL, ROLE_AXIS, ROLE_EDGES, ROLE_ERRORS, N_ARRAY_ROLES };
enum { ARRAY_MAX_RANK = 3 };

struct data_array {
    const char *name;
    enum array_role role;
    enum array_type type;
    unsigned rank;                   /* 0: a scalar */
    uint64_t shape[ARRAY_MAX_RANK];  /* slowest first */
    const char *units;               /* NULL: no such attribute; "": a pure number */
    const char *long_name;           /* text for a plot's axis; NULL: none */
    unsigned grows;                  /* 1 + the dimension that counts the points of a scan; 0: the array has its size from the start */
    const void *data;
};

size_t array_type_size(enum array_type t);        /* bytes of one element */
const char *array_type_code(enum array_type t);   /* NumPy type string with byte order: "<f4", "|u1" */
const char *array_role_name(enum array_role r);   /* "aux", "signal", "axis", "edges", "errors" */
uint64_t data_array_elements(const struct data_array *a);  /* 1 for a scalar */
size_t data_array_bytes(const struct data_array *a);

#endif
