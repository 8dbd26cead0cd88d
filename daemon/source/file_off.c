/* daemon/source/file_off.c - OFF files behind source.h. `where` is the record's number. */
#include "daemon/source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/source/off_header.h"

enum { FIRST_LOOK = 1 << 17, HEADER_MOST = 1 << 28 };

struct off_walk {
    struct off_header header;
    uint64_t next;
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
        s = file_bytes_view(&f->bytes, 0, look, why);
        if (s != STATUS_OK)
            return s;
        s = off_header_parse(f->bytes.data, f->bytes.n, h, NULL, basis, why);
        if (file_bytes_at_end(&f->bytes) || look >= HEADER_MOST)
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
    struct off_walk *kept = malloc(sizeof *kept + n_basis * sizeof *basis);
    if (kept == NULL) {
        free(basis);
        return STATUS_NO_MEMORY;
    }
    kept->header = h;
    kept->next = 0;
    memcpy(kept->basis, basis, n_basis * sizeof *basis);
    free(basis);
    f->walk = kept;
    f->info.header_bytes = h.header_bytes;
    f->info.record_bytes = h.record_bytes;
    f->info.shape.coefficients = true;
    f->info.channel = h.channel;
    f->info.shape.n_samples = h.n_samples;
    f->info.shape.n_presamples = h.n_presamples;
    f->info.shape.sample_period_s = h.frame_period_s;
    f->info.shape.basis = kept->basis;
    f->info.shape.n_bases = h.n_bases;
    f->info.shape.misfit = h.misfit;
    snprintf(f->info.version, sizeof f->info.version, "%s", h.version_text);
    snprintf(f->info.channel_name, sizeof f->info.channel_name, "%s", h.channel_name);
    return STATUS_OK;
}

static void rewind_off(struct source_file *f) {
    ((struct off_walk *)f->walk)->next = 0;
}

/* Record i, which the window is made to hold; false when the file has no such record any more. */
static bool decode(struct source_file *f, uint64_t i, struct off_record *r, struct complaint *why, enum status *s) {
    const struct off_walk *w = f->walk;
    size_t at = w->header.header_bytes + i * w->header.record_bytes;
    *s = file_bytes_view(&f->bytes, at, w->header.record_bytes, why);
    if (*s != STATUS_OK || at + w->header.record_bytes > f->bytes.first + f->bytes.n)
        return false;
    off_record_decode_at(&w->header, f->bytes.data + (at - f->bytes.first), r);
    return true;
}

static enum source_step next_off(struct source_file *f, uint32_t pixel, struct channel_record *out, uint64_t *where, struct complaint *why) {
    struct off_walk *w = f->walk;
    enum status s = STATUS_OK;
    (void)pixel;
    f->info.records = w->next;
    f->info.tail_bytes = off_tail_bytes(&w->header, f->bytes.size);
    if (w->next >= off_record_count(&w->header, f->bytes.size) || !decode(f, w->next, &out->off, why, &s))
        return s == STATUS_OK ? SOURCE_END : SOURCE_FAILED;
    if (w->next == 0 && f->info.shape.n_presamples == 0 && out->off.n_presamples < f->info.shape.n_samples)
        f->info.shape.n_presamples = out->off.n_presamples;
    *where = w->next++;
    f->info.records = w->next;
    out->coefficients = true;
    out->time_ns = channel_record_time(out->off.time_ns);
    out->frame = out->off.frame;
    return SOURCE_RECORD;
}

static bool fetch_off(struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out) {
    enum status s;
    struct complaint ignored;
    (void)pixel;
    out->coefficients = true;
    return decode(f, where, &out->off, &ignored, &s);
}

static bool last_time_off(struct source_file *f, int64_t *time_ns) {
    const struct off_walk *w = f->walk;
    uint64_t n = off_record_count(&w->header, f->bytes.size);
    uint8_t one[36 + 4 * OFF_MAX_BASES];
    if (n == 0 || w->header.record_bytes > sizeof one ||
        !file_bytes_peek(&f->bytes, w->header.header_bytes + (n - 1) * w->header.record_bytes, one, w->header.record_bytes))
        return false;
    struct off_record r;
    off_record_decode_at(&w->header, one, &r);
    *time_ns = channel_record_time(r.time_ns);
    return true;
}

const struct source_format source_format_off = {
    .name = "off", .recognises = recognises, .open = open_off, .rewind = rewind_off, .next = next_off, .fetch = fetch_off, .last_time = last_time_off,
};
