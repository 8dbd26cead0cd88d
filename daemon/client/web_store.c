#include "daemon/client/web_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 8192, SCANS_OF_MAPS = 2, SCANS_OF_SPECTRA = 30 };

struct web_block { atomic_uint references; size_t n; _Alignas(8) unsigned char bytes[]; };

struct item { char topic[STREAM_TOPIC_TEXT]; int64_t scan; uint64_t serial; struct web_block *block; };   /* scan -1: of no scan */

struct web_store {
    pthread_mutex_t lock;
    struct item *items;
    size_t n, capacity;
    uint64_t serial, generation;
};

bool web_store_new(struct web_store **out) {
    struct web_store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return false;
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

static struct web_block *encode(const struct stream_state *state) {
    json_t *header = json_copy(state->header), *arrays = json_array();
    for (unsigned k = 0; k < state->n_arrays; k++) {   /* those whose codec we know, numbered as they are sent */
        const struct data_array *a = &state->arrays[k];
        json_t *shape = json_array();
        for (unsigned d = 0; d < a->rank; d++)
            json_array_append_new(shape, json_integer((json_int_t)a->shape[d]));
        json_array_append_new(arrays, json_pack("{s:s,s:s,s:s,s:o,s:s,s:s}", "name", a->name, "role", array_role_name(a->role), "dtype", array_type_code(a->type), "shape", shape, "units",
                                                a->units != NULL ? a->units : "", "label", a->long_name != NULL ? a->long_name : ""));
    }
    json_object_set_new(header, "arrays", arrays);
    json_object_set_new(header, "topic", json_string(state->topic));
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    size_t length = text != NULL ? strlen(text) : 0, n = padded(4 + length);
    for (unsigned k = 0; k < state->n_arrays; k++)
        n += padded(data_array_bytes(&state->arrays[k]));
    struct web_block *b = text != NULL ? calloc(1, sizeof *b + n) : NULL;
    if (b != NULL) {
        const uint32_t size = (uint32_t)length;
        atomic_init(&b->references, 1);
        b->n = n;
        memcpy(b->bytes, &size, 4);
        memcpy(b->bytes + 4, text, length);
        size_t at = padded(4 + length);
        for (unsigned k = 0; k < state->n_arrays; at += padded(data_array_bytes(&state->arrays[k++])))
            memcpy(b->bytes + at, state->arrays[k].data, data_array_bytes(&state->arrays[k]));
    }
    free(text);
    return b;
}

/* ---- the list ---- */

static bool is_of_scans(const char *topic) { return strncmp(topic, "pfy/", 4) == 0 || strncmp(topic, "xes/", 4) == 0 || strncmp(topic, "rixs/", 5) == 0; }

static struct item *find(struct web_store *s, const char *topic, int64_t scan) {
    for (size_t k = 0; k < s->n; k++)
        if (s->items[k].scan == scan && strcmp(s->items[k].topic, topic) == 0)
            return &s->items[k];
    return NULL;
}

static struct item *add(struct web_store *s, const char *topic, int64_t scan) {
    if (s->n == s->capacity) {
        size_t more = s->capacity > 0 ? 2 * s->capacity : 128;
        struct item *items = more <= MOST_ITEMS ? realloc(s->items, more * sizeof *items) : NULL;
        if (items == NULL)
            return NULL;
        s->items = items;
        s->capacity = more;
    }
    struct item *i = &s->items[s->n++];
    *i = (struct item){ .scan = scan };
    memcpy(i->topic, topic, sizeof i->topic);
    return i;
}

/* How many scans came after the one of the item, by the serial of their newest state. */
static unsigned scans_after(const struct web_store *s, const struct item *i) {
    int64_t seen[SCANS_OF_SPECTRA + 1];
    unsigned n = 0;
    for (size_t k = 0; k < s->n && n < SCANS_OF_SPECTRA; k++) {
        const struct item *other = &s->items[k];
        bool counts = other->scan >= 0 && other->scan != i->scan && other->serial > i->serial;
        for (unsigned j = 0; j < n; j++)
            counts = counts && seen[j] != other->scan;
        if (counts)
            seen[n++] = other->scan;
    }
    return n;
}

static void drop_old(struct web_store *s) {
    size_t kept = 0;
    for (size_t k = 0; k < s->n; k++) {
        const struct item *i = &s->items[k];
        unsigned most = strncmp(i->topic, "rixs/", 5) == 0 ? SCANS_OF_MAPS : SCANS_OF_SPECTRA;
        if (i->scan >= 0 && scans_after(s, i) >= most)
            let_go(i->block);
        else
            s->items[kept++] = *i;
    }
    s->n = kept;
}

bool web_store_put(struct web_store *s, const struct stream_state *state) {
    struct web_block *b = encode(state);
    if (b == NULL)
        return false;
    int64_t scan = is_of_scans(state->topic) ? stream_state_integer(state, "scan", -1) : -1;
    pthread_mutex_lock(&s->lock);
    struct item *i = find(s, state->topic, scan);
    bool is_new = i == NULL;
    if (is_new)
        i = add(s, state->topic, scan);
    if (i != NULL) {
        let_go(i->block);
        i->block = b;
        i->serial = ++s->serial;
        if (is_new && scan >= 0)
            drop_old(s);
    } else {
        let_go(b);
    }
    pthread_mutex_unlock(&s->lock);
    return i != NULL;
}

bool web_store_next(struct web_store *s, uint64_t *after, struct web_message *out) {
    const struct item *next = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t k = 0; k < s->n; k++)
        if (s->items[k].serial > *after && (next == NULL || s->items[k].serial < next->serial))
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
