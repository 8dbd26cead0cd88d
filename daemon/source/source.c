#include "daemon/source/source.h"

#include <stdlib.h>
#include <string.h>

static const struct source_format *const formats[] = { &source_format_ljh, &source_format_off };
enum { N_FORMATS = sizeof formats / sizeof formats[0], RECOGNISE_BYTES = 64 };

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
    enum status s = file_bytes_view(&f->bytes, 0, RECOGNISE_BYTES, why);
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

enum source_step source_file_next(struct source_file *f, uint32_t pixel, struct channel_record *out, uint64_t *where, struct complaint *why) {
    uint64_t ignored;
    return f->format->next(f, pixel, out, where ? where : &ignored, why);
}

void source_file_run(struct source_file *f, struct source_run *out) {
    out->n = 0;
    if (f->format->run != NULL)
        f->format->run(f, out);
}

void source_file_rewind(struct source_file *f) {
    f->format->rewind(f);
}

void source_file_rest(struct source_file *f) {
    file_bytes_rest(&f->bytes);
}

bool source_file_fetch(struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out) {
    return f->format->fetch(f, where, pixel, out);
}

uint64_t source_file_most(const struct source_file *f) {
    return f->bytes.size > f->info.header_bytes ? (f->bytes.size - f->info.header_bytes) / f->info.record_bytes : 0;
}

/* The last record's place is not where it should be: some record is torn. */
static int64_t walk_to_last(struct source_file *f, int64_t last_ns) {
    struct channel_record r;
    struct complaint ignored;
    while (source_file_next(f, 0, &r, NULL, &ignored) == SOURCE_RECORD)
        last_ns = r.time_ns > last_ns ? r.time_ns : last_ns;
    return last_ns;
}

bool source_file_span(struct source_file *f, int64_t *first_ns, int64_t *last_ns) {
    struct channel_record r;
    struct complaint ignored;
    bool good = source_file_next(f, 0, &r, NULL, &ignored) == SOURCE_RECORD;
    if (good) {
        int64_t last;
        *first_ns = *last_ns = r.time_ns;
        if (!f->format->last_time(f, &last))
            *last_ns = walk_to_last(f, r.time_ns);
        else if (last > *last_ns)
            *last_ns = last;
    }
    source_file_rewind(f);
    return good;
}

void source_file_close(struct source_file *f) {
    if (f == NULL)
        return;
    file_bytes_close(&f->bytes);
    free(f->walk);
    free(f);
}
