#include "daemon/client/stream_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const stream_refusal_texts[N_STREAM_REFUSALS] = {
    [STREAM_GOOD] = "good",
    [STREAM_FRAMES] = "no message of topic, header and blobs",
    [STREAM_TOPIC] = "topic that is no path",
    [STREAM_HEADER] = "header that is not of the schema",
    [STREAM_VERSION] = "of a later version of the schema",
    [STREAM_ARRAY] = "array that does not fit its blob",
    [STREAM_MEMORY] = "out of memory",
};

static bool topic_good(const struct stream_frame *f) {
    const unsigned char *t = f->bytes;
    if (f->n < 2 || f->n >= STREAM_TOPIC_TEXT || t[f->n - 1] != '/')
        return false;
    for (size_t k = 0; k < f->n; k++)
        if (t[k] <= ' ' || t[k] > '~')
            return false;
    return true;
}

static enum stream_refusal header_good(const json_t *h) {
    static const char *const texts[] = { "kind", "boot", "run", "t_ns", "start_ns", "accum", "state", "cal", "signal" };
    const json_t *version = json_object_get(h, "v"), *seq = json_object_get(h, "seq");
    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return STREAM_HEADER;
    if (json_integer_value(version) > STREAM_SCHEMA)
        return STREAM_VERSION;
    bool good = json_is_integer(seq) && json_integer_value(seq) > 0 && json_is_boolean(json_object_get(h, "snap")) && json_is_array(json_object_get(h, "arrays"));
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        good = good && json_is_string(json_object_get(h, texts[k]));
    good = good && json_string_length(json_object_get(h, "boot")) < STREAM_BOOT_TEXT;
    return good ? STREAM_GOOD : STREAM_HEADER;
}

static bool type_named(const char *code, enum array_type *type) {
    for (unsigned t = 0; t < N_ARRAY_TYPES; t++)
        if (strcmp(code, array_type_code((enum array_type)t)) == 0) {
            *type = (enum array_type)t;
            return true;
        }
    return false;
}

static enum array_role role_named(const char *name) {
    for (unsigned r = 0; r < N_ARRAY_ROLES; r++)
        if (strcmp(name, array_role_name((enum array_role)r)) == 0)
            return (enum array_role)r;
    return ROLE_AUX;   /* a role of a later minor version is no reason to lose the array */
}

/* Shape and element count; false: more dimensions than we know, a negative one, or more bytes than the blob can have. */
static bool read_shape(const json_t *shape, size_t bytes, struct data_array *a) {
    if (!json_is_array(shape) || json_array_size(shape) > ARRAY_MAX_RANK)
        return false;
    uint64_t n = 1;
    a->rank = (unsigned)json_array_size(shape);
    for (unsigned k = 0; k < a->rank; k++) {
        const json_t *length = json_array_get(shape, k);
        if (!json_is_integer(length) || json_integer_value(length) < 0 || json_integer_value(length) > INT32_MAX)
            return false;
        a->shape[k] = (uint64_t)json_integer_value(length);
        n *= a->shape[k];
        if (n > bytes)
            return false;
    }
    return n * array_type_size(a->type) == bytes;
}

/* One entry of `arrays`; *skip when its codec is another one. */
static bool read_array(const json_t *entry, const struct stream_frame *blobs, size_t n_blobs, struct data_array *a, size_t *blob, bool *skip) {
    const char *name = json_string_value(json_object_get(entry, "name")), *dtype = json_string_value(json_object_get(entry, "dtype"));
    const char *codec = json_string_value(json_object_get(entry, "codec")), *role = json_string_value(json_object_get(entry, "role"));
    const json_t *index = json_object_get(entry, "blob");
    if (name == NULL || dtype == NULL || codec == NULL || role == NULL || !json_is_integer(index))
        return false;
    if (json_integer_value(index) < 0 || (uint64_t)json_integer_value(index) >= n_blobs)
        return false;
    *skip = strcmp(codec, "none") != 0;
    *blob = (size_t)json_integer_value(index);
    a->name = name;
    a->role = role_named(role);
    a->units = json_string_value(json_object_get(entry, "units"));
    a->long_name = json_string_value(json_object_get(entry, "label"));
    return *skip || (type_named(dtype, &a->type) && read_shape(json_object_get(entry, "shape"), blobs[*blob].n, a));
}

static size_t padded(size_t n) { return (n + 7) & ~(size_t)7; }

static enum stream_refusal read_arrays(struct stream_state *s, const struct stream_frame *blobs, size_t n_blobs) {
    const json_t *list = json_object_get(s->header, "arrays");
    size_t of_array[STREAM_ARRAYS] = { 0 }, total = 0;
    if (json_array_size(list) > STREAM_ARRAYS)
        return STREAM_ARRAY;
    for (size_t k = 0; k < json_array_size(list); k++) {
        bool skip;
        if (!read_array(json_array_get(list, k), blobs, n_blobs, &s->arrays[s->n_arrays], &of_array[s->n_arrays], &skip))
            return STREAM_ARRAY;
        if (!skip)
            total += padded(blobs[of_array[s->n_arrays++]].n);
    }
    s->bytes = calloc(total + 8, 1);
    if (s->bytes == NULL)
        return STREAM_MEMORY;
    size_t at = 0;
    for (unsigned k = 0; k < s->n_arrays; k++) {
        const struct stream_frame *b = &blobs[of_array[k]];
        if (b->n > 0)
            memcpy(s->bytes + at, b->bytes, b->n);
        s->arrays[k].data = s->bytes + at;
        at += padded(b->n);
    }
    return STREAM_GOOD;
}

enum stream_refusal stream_state_read(const struct stream_frame *frames, size_t n_frames, struct stream_state **out) {
    if (n_frames < 2 || n_frames > 2 + STREAM_ARRAYS)
        return STREAM_FRAMES;
    if (!topic_good(&frames[0]))
        return STREAM_TOPIC;
    struct stream_state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return STREAM_MEMORY;
    memcpy(s->topic, frames[0].bytes, frames[0].n);
    s->header = json_loadb(frames[1].bytes != NULL ? frames[1].bytes : "", frames[1].n, JSON_REJECT_DUPLICATES, NULL);
    enum stream_refusal r = json_is_object(s->header) ? header_good(s->header) : STREAM_HEADER;
    if (r == STREAM_GOOD)
        r = read_arrays(s, frames + 2, n_frames - 2);
    if (r != STREAM_GOOD) {
        stream_state_free(s);
        return r;
    }
    s->kind = stream_state_text(s, "kind");
    s->boot = stream_state_text(s, "boot");
    s->seq = (uint64_t)stream_state_integer(s, "seq", 0);
    s->snap = json_is_true(json_object_get(s->header, "snap"));
    *out = s;
    return STREAM_GOOD;
}

void stream_state_free(struct stream_state *s) {
    if (s == NULL)
        return;
    json_decref(s->header);
    free(s->bytes);
    free(s);
}

const struct data_array *stream_state_array(const struct stream_state *s, const char *name) {
    for (unsigned k = 0; k < s->n_arrays; k++)
        if (strcmp(s->arrays[k].name, name) == 0)
            return &s->arrays[k];
    return NULL;
}

double stream_state_value(const struct data_array *a, uint64_t k) {
    switch (a->type) {
    case ARRAY_F4: return (double)((const float *)a->data)[k];
    case ARRAY_F8: return ((const double *)a->data)[k];
    case ARRAY_U1: return ((const uint8_t *)a->data)[k];
    case ARRAY_U2: return ((const uint16_t *)a->data)[k];
    case ARRAY_U4: return ((const uint32_t *)a->data)[k];
    case ARRAY_U8: return (double)((const uint64_t *)a->data)[k];
    case ARRAY_I4: return ((const int32_t *)a->data)[k];
    case ARRAY_I8: return (double)((const int64_t *)a->data)[k];
    case N_ARRAY_TYPES: break;
    }
    return NAN;
}

const char *stream_state_text(const struct stream_state *s, const char *key) {
    const char *text = json_string_value(json_object_get(s->header, key));
    return text != NULL ? text : "";
}

int64_t stream_state_integer(const struct stream_state *s, const char *key, int64_t otherwise) {
    const json_t *v = json_object_get(s->header, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

int64_t stream_state_ns(const struct stream_state *s, const char *key) {
    return strtoll(stream_state_text(s, key), NULL, 10);
}
