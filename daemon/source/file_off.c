/* daemon/source/file_off.c - OFF files behind source.h. `where` is the record's number. */
#include "daemon/source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/source/off_header.h"

enum { FIRST_LOOK = 1 << 17, HEADER_MOST = 1 << 28 };

struct off_kept {
    struct off_header header;
    double basis[];
};

static bool recognises(const uint8_t *bytes, size_t n) {
    size_t i = 0;
    while (i < n && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r' || bytes[i] == '\n'))
        i++;
    return i < n && bytes[i] == '{';
}

/* Matrices make headers of any length: look at more until it ends or the file does. */
static enum status parse_growing(struct source_file *f, struct off_header *h, double **basis, struct complaint *why) {
    enum status s = STATUS_TRUNCATED;
    for (size_t look = FIRST_LOOK; s == STATUS_TRUNCATED; look *= 4) {
        s = file_bytes_read(&f->bytes, look, why);
        if (s != STATUS_OK)
            return s;
        s = off_header_parse(f->bytes.data, f->bytes.n, h, NULL, basis, why);
        if (f->bytes.n == f->bytes.size || look >= HEADER_MOST)
            break;
    }
    return s;
}

static enum status open_off(struct source_file *f, struct complaint *why) {
    struct off_header h;
    double *basis = NULL;
    enum status s = parse_growing(f, &h, &basis, why);
    if (s != STATUS_OK)
        return s;
    size_t n_basis = (size_t)h.n_samples * h.n_bases;
    struct off_kept *kept = malloc(sizeof *kept + n_basis * sizeof *basis);
    if (kept == NULL) {
        free(basis);
        return STATUS_NO_MEMORY;
    }
    kept->header = h;
    memcpy(kept->basis, basis, n_basis * sizeof *basis);
    free(basis);
    f->header = kept;
    f->info.shape.coefficients = true;
    f->info.channel = h.channel;
    f->info.shape.n_samples = h.n_samples;
    f->info.shape.n_presamples = h.n_presamples;
    f->info.shape.sample_period_s = h.frame_period_s;
    f->info.shape.basis = kept->basis;
    f->info.shape.n_bases = h.n_bases;
    snprintf(f->info.version, sizeof f->info.version, "%s", h.version_text);
    snprintf(f->info.channel_name, sizeof f->info.channel_name, "%s", h.channel_name);
    return STATUS_OK;
}

static int64_t floor_to_us(int64_t ns) {
    int64_t rest = ns % 1000;
    return ns - (rest < 0 ? rest + 1000 : rest);
}

static void decode(const struct source_file *f, uint64_t i, struct off_record *r) {
    const struct off_kept *kept = f->header;
    off_record_decode(&kept->header, f->bytes.data, i, r);
}

static enum status index_off(struct source_file *f, struct record_index *into, struct complaint *why) {
    (void)why;
    const struct off_kept *kept = f->header;
    uint64_t n = off_record_count(&kept->header, f->bytes.n);
    for (uint64_t i = 0; i < n; i++) {
        struct off_record r;
        decode(f, i, &r);
        if (i == 0 && f->info.shape.n_presamples == 0 && r.n_presamples < f->info.shape.n_samples)
            f->info.shape.n_presamples = r.n_presamples;
        if (!record_index_add(into, (struct record_place){ .time_ns = floor_to_us(r.time_ns), .frame = r.frame, .where = i }))
            return STATUS_NO_MEMORY;
    }
    f->info.records = n;
    f->info.tail_bytes = off_tail_bytes(&kept->header, f->bytes.n);
    return STATUS_OK;
}

static void fetch_off(const struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out) {
    (void)pixel;
    decode(f, where, &out->off);
}

static bool last_time_off(const struct source_file *f, int64_t *time_ns) {
    const struct off_kept *kept = f->header;
    uint64_t n = off_record_count(&kept->header, f->bytes.size);
    struct off_header bare = kept->header;
    uint8_t one[36 + 4 * OFF_MAX_BASES];
    if (n == 0 || bare.record_bytes > sizeof one ||
        !file_bytes_peek(&f->bytes, bare.header_bytes + (n - 1) * bare.record_bytes, one, bare.record_bytes))
        return false;
    struct off_record r;
    bare.header_bytes = 0;
    off_record_decode(&bare, one, 0, &r);
    *time_ns = floor_to_us(r.time_ns);
    return true;
}

const struct source_format source_format_off = {
    .name = "off", .recognises = recognises, .open = open_off, .index = index_off, .fetch = fetch_off, .last_time = last_time_off,
};
