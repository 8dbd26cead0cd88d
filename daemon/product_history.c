#include "daemon/product_history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/h5_input.h"
#include "daemon/log.h"

enum { MOST_TEXTS = 1 << 20 };

static void *grown(void *list, size_t n, size_t size) {
    return n % 64 == 0 ? realloc(list, (n + 64) * size) : list;
}

void product_history_say(struct product_history *h, const char *key, const char *value, ...) {
    struct product_fact *more = h->failed ? NULL : grown(h->facts, h->n_facts, sizeof *more);
    if (more == NULL) {
        h->failed = true;
        return;
    }
    h->facts = more;
    struct product_fact *f = &h->facts[h->n_facts++];
    *f = (struct product_fact){ .key = "" };
    snprintf(f->key, sizeof f->key, "%s", key);
    va_list args;
    va_start(args, value);
    vsnprintf(f->value, sizeof f->value, value, args);
    va_end(args);
}

__attribute__((format(printf, 4, 5)))
static void add_line(struct product_history *h, char (**list)[CHANGE_TEXT], size_t *n, const char *format, ...) {
    void *more = h->failed ? NULL : grown(*list, *n, sizeof **list);
    if (more == NULL) {
        h->failed = true;
        return;
    }
    *list = more;
    va_list args;
    va_start(args, format);
    memset((*list)[*n], 0, sizeof **list);
    vsnprintf((*list)[(*n)++], sizeof **list, format, args);
    va_end(args);
}

/* n texts of at most width - 1 bytes; a new array, NULL when the dataset is not there or not that. */
static char *read_texts(struct h5_input *in, hid_t group, const char *name, size_t width, size_t *n) {
    *n = h5_input_has(in, group, name) ? h5_input_length(in, group, name) : 0;
    char *texts = *n > 0 && *n < MOST_TEXTS ? calloc(*n, width) : NULL;
    if (texts != NULL)
        h5_input_texts(in, group, name, *n, width, texts);
    else
        *n = 0;
    return texts;
}

/* What the file before says; all NULL where it says nothing. */
struct before {
    int64_t version;
    char *keys, *values, *changes, *past;
    size_t n_keys, n_values, n_changes, n_past;
};

static void read_process(struct h5_input *in, struct before *b) {
    hid_t entry = h5_input_group(in, in->id, "entry"), process = h5_input_has(in, entry, "process") ? h5_input_group(in, entry, "process") : -1;
    if (process >= 0 && h5_input_has(in, process, "product_version")) {
        h5_input_array(in, process, "product_version", ARRAY_I8, 1, &b->version);
        b->keys = read_texts(in, process, "fact_key", FACT_KEY, &b->n_keys);
        b->values = read_texts(in, process, "fact_value", FACT_VALUE, &b->n_values);
        b->changes = read_texts(in, process, "changes", CHANGE_TEXT, &b->n_changes);
        b->past = read_texts(in, process, "history", CHANGE_TEXT, &b->n_past);
    }
    h5_file_close_group(process);
    h5_file_close_group(entry);
}

static struct before read_before(const char *path) {
    struct before b = { .version = 0 };
    struct h5_input in;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (H5Fis_hdf5(path) <= 0 || !h5_input_open(path, &in))
        return b;
    if (h5_input_has(&in, in.id, "entry"))
        read_process(&in, &b);
    if (in.failed || b.n_keys != b.n_values || b.version < 0)
        b.version = 0;
    h5_input_close(&in);
    return b;
}

static void before_done(struct before *b) {
    free(b->keys);
    free(b->values);
    free(b->changes);
    free(b->past);
}

/* Facts mostly come in the same order, so the search begins where the last one ended. */
static const char *value_before(const struct before *b, const char *key, size_t *at) {
    for (size_t i = 0; i < b->n_keys; i++) {
        size_t k = (*at + i) % b->n_keys;
        if (strcmp(b->keys + k * FACT_KEY, key) == 0) {
            *at = k + 1;
            return b->values + k * FACT_VALUE;
        }
    }
    return NULL;
}

static bool is_said(const struct product_history *h, const char *key, size_t *at) {
    for (size_t i = 0; i < h->n_facts; i++) {
        size_t k = (*at + i) % h->n_facts;
        if (strcmp(h->facts[k].key, key) == 0) {
            *at = k + 1;
            return true;
        }
    }
    return false;
}

static void compare(struct product_history *h, const struct before *b) {
    size_t at = 0;
    for (size_t i = 0; i < h->n_facts; i++) {
        const struct product_fact *f = &h->facts[i];
        const char *old = value_before(b, f->key, &at);
        if (old == NULL)
            add_line(h, &h->changes, &h->n_changes, "%s: new, %s", f->key, f->value);
        else if (strcmp(old, f->value) != 0)
            add_line(h, &h->changes, &h->n_changes, "%s: %s -> %s", f->key, old, f->value);
    }
    at = 0;
    for (size_t k = 0; k < b->n_keys; k++)
        if (!is_said(h, b->keys + k * FACT_KEY, &at))
            add_line(h, &h->changes, &h->n_changes, "%s: gone, was %s", b->keys + k * FACT_KEY, b->values + k * FACT_VALUE);
}

static void take_lines(struct product_history *h, char (**list)[CHANGE_TEXT], size_t *n, const char *texts, size_t n_texts) {
    for (size_t k = 0; k < n_texts; k++)
        add_line(h, list, n, "%s", texts + k * CHANGE_TEXT);
}

bool product_history_follow(struct product_history *h, const char *path) {
    struct before b = read_before(path);
    size_t at = 0;
    h->version = 1;
    if (b.version > 0) {
        compare(h, &b);
        bool changed = h->n_changes > 0;
        const char *state = value_before(&b, "state", &at);
        h->version = b.version + changed;
        take_lines(h, &h->past, &h->n_past, b.past, b.n_past);
        if (changed)
            add_line(h, &h->past, &h->n_past, "version %lld: %s, %zu facts, %zu changed against the version before it", (long long)b.version, state ? state : "?", b.n_keys, b.n_changes);
        else
            take_lines(h, &h->changes, &h->n_changes, b.changes, b.n_changes);
    }
    before_done(&b);
    if (h->failed)
        log_error("%s: out of memory for the history of the file", path);
    return !h->failed;
}

static void write_lines(struct h5_file *f, hid_t group, const char *name, const char *first, size_t stride, size_t n) {
    const char **texts = calloc(n + 1, sizeof *texts);
    if (texts == NULL) {
        h5_file_fail(f, name, "out of memory");
        return;
    }
    for (size_t k = 0; k < n; k++)
        texts[k] = first + k * stride;
    if (n > 0)
        h5_file_texts(f, group, name, texts, n, 0);
    free(texts);
}

void product_history_write(const struct product_history *h, struct h5_file *f, hid_t process) {
    h5_file_array(f, process, &(struct data_array){ .name = "product_version", .type = ARRAY_I8, .data = &h->version });
    write_lines(f, process, "changes", h->n_changes ? h->changes[0] : "", CHANGE_TEXT, h->n_changes);
    write_lines(f, process, "history", h->n_past ? h->past[0] : "", CHANGE_TEXT, h->n_past);
    write_lines(f, process, "fact_key", h->n_facts ? h->facts[0].key : "", sizeof *h->facts, h->n_facts);
    write_lines(f, process, "fact_value", h->n_facts ? h->facts[0].value : "", sizeof *h->facts, h->n_facts);
}

void product_history_done(struct product_history *h) {
    free(h->facts);
    free(h->changes);
    free(h->past);
    *h = (struct product_history){ 0 };
}
