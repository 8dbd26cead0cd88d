#include "daemon/source/source.h"

#include <stdlib.h>
#include <string.h>

static const struct source_format *const formats[] = { &source_format_ljh, &source_format_off };
enum { N_FORMATS = sizeof formats / sizeof formats[0], RECOGNISE_BYTES = 64 };

bool record_index_add(struct record_index *x, struct record_place place) {
    if (x->n == x->capacity) {
        size_t capacity = x->capacity ? 2 * x->capacity : 1024;
        struct record_place *p = realloc(x->places, capacity * sizeof *p);
        if (p == NULL)
            return false;
        x->places = p;
        x->capacity = capacity;
    }
    x->places[x->n++] = place;
    return true;
}

void record_index_done(struct record_index *x) {
    free(x->places);
    *x = (struct record_index){ 0 };
}

int32_t source_channel_of_name(const char *path) {
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    int32_t channel = -1;
    for (const char *p = base; (p = strstr(p, "_chan")) != NULL; p += 5) {
        char *end;
        const char *digits = p + 5;
        if (*digits < '0' || *digits > '9')
            continue;
        long v = strtol(digits, &end, 10);
        if (*end == '.' && v >= 0 && v <= INT32_MAX)
            channel = (int32_t)v;
    }
    return channel;
}

static enum status choose_format(struct source_file *f, struct complaint *why) {
    enum status s = file_bytes_read(&f->bytes, RECOGNISE_BYTES, why);
    if (s != STATUS_OK)
        return s;
    if (f->bytes.size == 0) {
        complaint_set(why, 0, 0, "the file is empty");
        return STATUS_TRUNCATED;
    }
    for (size_t i = 0; i < N_FORMATS; i++)
        if (formats[i]->recognises(f->bytes.data, f->bytes.n))
            f->format = formats[i];
    if (f->format == NULL) {
        complaint_set(why, 0, 0, "neither an LJH nor an OFF file by its first bytes");
        return STATUS_NOT_FOUND;
    }
    return STATUS_OK;
}

enum status source_file_open(const char *path, struct source_file **out, struct complaint *why) {
    struct source_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return STATUS_NO_MEMORY;
    f->bytes.fd = -1;
    enum status s = file_bytes_open(path, &f->bytes, why);
    if (s == STATUS_OK)
        s = choose_format(f, why);
    if (s == STATUS_OK)
        s = f->format->open(f, why);
    if (s != STATUS_OK) {
        source_file_close(f);
        return s;
    }
    f->info.format = f->format->name;
    int32_t channel = source_channel_of_name(path);
    if (channel >= 0)
        f->info.channel = channel;
    *out = f;
    return STATUS_OK;
}

const struct source_info *source_file_info(const struct source_file *f) {
    return &f->info;
}

enum status source_file_index(struct source_file *f, struct record_index *into, struct complaint *why) {
    enum status s = file_bytes_read(&f->bytes, f->bytes.size, why);
    return s == STATUS_OK ? f->format->index(f, into, why) : s;
}

void source_file_fetch(const struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out) {
    f->format->fetch(f, where, pixel, out);
}

bool source_file_span(struct source_file *f, int64_t *first_ns, int64_t *last_ns) {
    struct record_index x = { 0 };
    struct complaint ignored;
    struct source_file head = *f;   /* index of the first bytes alone: enough for the first record */
    size_t want = f->bytes.n + (1 << 18);
    if (file_bytes_read(&f->bytes, want, &ignored) != STATUS_OK)
        return false;
    head.bytes = f->bytes;
    head.bytes.size = head.bytes.n;
    bool good = f->format->index(&head, &x, &ignored) == STATUS_OK && x.n > 0;
    if (good) {
        *first_ns = x.places[0].time_ns;
        *last_ns = x.places[x.n - 1].time_ns;
        int64_t last;
        if (f->bytes.n < f->bytes.size && f->format->last_time(f, &last) && last > *last_ns)
            *last_ns = last;
    }
    record_index_done(&x);
    return good;
}

void source_file_close(struct source_file *f) {
    if (f == NULL)
        return;
    file_bytes_close(&f->bytes);
    free(f->header);
    free(f);
}
