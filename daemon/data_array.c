#include "daemon/data_array.h"

static const struct { size_t size; const char *code; } types[N_ARRAY_TYPES] = {
    [ARRAY_F4] = { 4, "<f4" }, [ARRAY_F8] = { 8, "<f8" }, [ARRAY_U1] = { 1, "|u1" }, [ARRAY_U2] = { 2, "<u2" },
    [ARRAY_U4] = { 4, "<u4" }, [ARRAY_U8] = { 8, "<u8" }, [ARRAY_I4] = { 4, "<i4" }, [ARRAY_I8] = { 8, "<i8" },
};

static const char *const roles[N_ARRAY_ROLES] = {
    [ROLE_AUX] = "aux", [ROLE_SIGNAL] = "signal", [ROLE_AXIS] = "axis", [ROLE_EDGES] = "edges", [ROLE_ERRORS] = "errors",
};

size_t array_type_size(enum array_type t) { return types[t].size; }

const char *array_type_code(enum array_type t) { return types[t].code; }

const char *array_role_name(enum array_role r) { return roles[r]; }

uint64_t data_array_elements(const struct data_array *a) {
    uint64_t n = 1;
    for (unsigned k = 0; k < a->rank; k++)
        n *= a->shape[k];
    return n;
}

size_t data_array_bytes(const struct data_array *a) {
    return (size_t)data_array_elements(a) * array_type_size(a->type);
}
