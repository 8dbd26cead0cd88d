#include "daemon/client/web_store.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/growing_list.h"

enum { MOST_ITEMS = 8192, SETS_OF_MAPS = 12, SETS_OF_SPECTRA = 30 };

struct web_block { atomic_uint references; size_t n; _Alignas(8) unsigned char bytes[]; };

struct item { char topic[STREAM_TOPIC_TEXT], set[WEB_SET_TEXT]; uint64_t serial; struct web_block *block; };   /* set "": of no scan */

struct web_store {
    bool all;
    pthread_mutex_t lock;
    struct item *items;
    size_t n, capacity;
    uint64_t serial, generation;
};

bool web_store_new(bool all, struct web_store **out) {
    struct web_store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return false;
    s->all = all;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return true;
}

static void let_go(struct web_block *b) {
    if (b != NULL && atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) == 1)
        free(b);
}

void web_message_release(struct web_message *m) {
    let_go(m->block);
    *m = (struct web_message){ 0 };
}

void web_store_clear(struct web_store *s) {
    pthread_mutex_lock(&s->lock);
    for (size_t k = 0; k < s->n; k++)
        let_go(s->items[k].block);
    s->n = 0;
    s->generation++;
    pthread_mutex_unlock(&s->lock);
}

void web_store_free(struct web_store *s) {
    if (s == NULL)
        return;
    web_store_clear(s);
    pthread_mutex_destroy(&s->lock);
    free(s->items);
    free(s);
}

/* ---- a message ---- */

static size_t padded(size_t n) { return (n + 7) & ~(size_t)7; }

/* A map's counts are small numbers: in the narrowest type that holds them they are a fourth or an eighth. */
static enum array_type narrow_type(const struct data_array *a) {
    double top = 0;
    if (strcmp(a->name, "counts") != 0 || a->rank != 2)
        return a->type;
    for (uint64_t k = 0, n = data_array_elements(a); k < n; k++) {
        const double v = stream_state_value(a, k);
        if (!(v >= 0 && v <= UINT16_MAX) || floor(v) < v)
            return a->type;
        top = v > top ? v : top;
    }
    return top <= UINT8_MAX ? ARRAY_U1 : ARRAY_U2;
}

static void put_array(const struct data_array *a, enum array_type type, unsigned char *out) {
    const uint64_t n = data_array_elements(a);
    if (type == a->type)
        memcpy(out, a->data, data_array_bytes(a));
    for (uint64_t k = 0; type != a->type && k < n; k++) {
        const uint16_t v = (uint16_t)stream_state_value(a, k);
        memcpy(out + k * array_type_size(type), &v, array_type_size(type));   /* little-endian: the low byte comes first */
    }
}

static json_t *describe(const struct data_array *a, enum array_type type) {
    json_t *shape = json_array();
    for (unsigned d = 0; d < a->rank; d++)
        json_array_append_new(shape, json_integer((json_int_t)a->shape[d]));
    return json_pack("{s:s,s:s,s:s,s:o,s:s,s:s}", "name", a->name, "role", array_role_name(a->role), "dtype", array_type_code(type), "shape", shape, "units", a->units != NULL ? a->units : "",
                     "label", a->long_name != NULL ? a->long_name : "");
}

static struct web_block *encode(const struct stream_state *state, const char *set) {
    json_t *header = json_copy(state->header), *arrays = json_array();
    enum array_type types[STREAM_ARRAYS];
    size_t bytes = 0;
    for (unsigned k = 0; k < state->n_arrays; k++) {   /* those whose codec we know, numbered as they are sent */
        types[k] = narrow_type(&state->arrays[k]);
        bytes += padded(data_array_elements(&state->arrays[k]) * array_type_size(types[k]));
        json_array_append_new(arrays, describe(&state->arrays[k], types[k]));
    }
    json_object_set_new(header, "arrays", arrays);
    json_object_set_new(header, "topic", json_string(state->topic));
    json_object_set_new(header, "set", json_string(set));
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    const size_t length = text != NULL ? strlen(text) : 0, n = padded(4 + length) + bytes;
    struct web_block *b = text != NULL ? calloc(1, sizeof *b + n) : NULL;
    if (b != NULL) {
        const uint32_t size = (uint32_t)length;
        atomic_init(&b->references, 1);
        b->n = n;
        memcpy(b->bytes, &size, 4);
        memcpy(b->bytes + 4, text, length);
        size_t at = padded(4 + length);
        for (unsigned k = 0; k < state->n_arrays; k++) {
            put_array(&state->arrays[k], types[k], b->bytes + at);
            at += padded(data_array_elements(&state->arrays[k]) * array_type_size(types[k]));
        }
    }
    free(text);
    return b;
}

/* ---- the list ---- */

static bool begins(const char *topic, const char *prefix) { return strncmp(topic, prefix, strlen(prefix)) == 0; }

static bool is_of_scans(const char *topic) { return begins(topic, "pfy/") || begins(topic, "ipfy/") || begins(topic, "xes/") || begins(topic, "rixs/"); }

static bool is_large(const char *topic) { return begins(topic, "rixs/") || begins(topic, "detail/"); }

static void set_of(const struct stream_state *state, char set[WEB_SET_TEXT]) {
    const char *named = stream_state_text(state, "set");
    set[0] = '\0';
    if (is_of_scans(state->topic) && named[0] != '\0')
        snprintf(set, WEB_SET_TEXT, "%s", named);
    else if (is_of_scans(state->topic))
        snprintf(set, WEB_SET_TEXT, "scan %lld", (long long)stream_state_integer(state, "scan", -1));
}

static struct item *find(struct web_store *s, const char *topic, const char *set) {
    for (size_t k = 0; k < s->n; k++)
        if (strcmp(s->items[k].topic, topic) == 0 && strcmp(s->items[k].set, set) == 0)
            return &s->items[k];
    return NULL;
}

static struct item *add(struct web_store *s, const char *topic, const char *set) {
    struct item *items = s->n < MOST_ITEMS ? growing_list_room(s->items, s->n, &s->capacity, sizeof *items, 128) : NULL;
    if (items == NULL)
        return NULL;
    s->items = items;
    struct item *i = &s->items[s->n++];
    *i = (struct item){ .serial = 0 };
    memcpy(i->topic, topic, sizeof i->topic);
    memcpy(i->set, set, sizeof i->set);
    return i;
}

/* How many sets came after the one of the item, by the serial of their newest state. */
static unsigned sets_after(const struct web_store *s, const struct item *i) {
    const char *seen[SETS_OF_SPECTRA + 1];
    unsigned n = 0;
    for (size_t k = 0; k < s->n && n < SETS_OF_SPECTRA; k++) {
        const struct item *other = &s->items[k];
        bool counts = other->set[0] != '\0' && other->serial > i->serial && strcmp(other->set, i->set) != 0;
        for (unsigned j = 0; counts && j < n; j++)
            counts = strcmp(seen[j], other->set) != 0;
        if (counts)
            seen[n++] = other->set;
    }
    return n;
}

static void drop_old(struct web_store *s) {
    size_t kept = 0;
    for (size_t k = 0; k < s->n; k++) {
        struct item *i = &s->items[k];
        if (i->set[0] != '\0' && sets_after(s, i) >= (is_large(i->topic) ? SETS_OF_MAPS : SETS_OF_SPECTRA)) {
            let_go(i->block);
            i->block = NULL;
        }
    }
    for (size_t k = 0; k < s->n; k++)
        if (s->items[k].block != NULL)
            s->items[kept++] = s->items[k];
    s->n = kept;
}

bool web_store_put(struct web_store *s, const struct stream_state *state) {
    char set[WEB_SET_TEXT] = { 0 };
    set_of(state, set);
    struct web_block *b = encode(state, set);
    if (b == NULL)
        return false;
    pthread_mutex_lock(&s->lock);
    struct item *i = find(s, state->topic, set);
    const bool is_new = i == NULL;
    if (is_new)
        i = add(s, state->topic, set);
    if (i != NULL) {
        let_go(i->block);
        i->block = b;
        i->serial = ++s->serial;
        if (is_new && set[0] != '\0' && !s->all)
            drop_old(s);
    } else {
        let_go(b);
    }
    pthread_mutex_unlock(&s->lock);
    return i != NULL;
}

static bool is_wanted(const struct item *i, const char *want) {
    const bool of_pixels = begins(i->topic, "pixel/");
    if (want == NULL)
        return !is_large(i->topic) && !of_pixels;
    return of_pixels ? strcmp(want, "pixel/") == 0 : is_large(i->topic) && strcmp(i->set[0] != '\0' ? i->set : i->topic, want) == 0;
}

bool web_store_next(struct web_store *s, const char *want, uint64_t *after, struct web_message *out) {
    const struct item *next = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t k = 0; k < s->n; k++)
        if (s->items[k].serial > *after && (next == NULL || s->items[k].serial < next->serial) && is_wanted(&s->items[k], want))
            next = &s->items[k];
    if (next != NULL) {
        atomic_fetch_add_explicit(&next->block->references, 1, memory_order_relaxed);
        *out = (struct web_message){ next->block->n, next->block->bytes, next->block };
        *after = next->serial;
    }
    pthread_mutex_unlock(&s->lock);
    return next != NULL;
}

uint64_t web_store_generation(struct web_store *s) {
    pthread_mutex_lock(&s->lock);
    uint64_t g = s->generation;
    pthread_mutex_unlock(&s->lock);
    return g;
}
