/* daemon/source/file_ljh.c - LJH files behind source.h. `where` is the file offset of the record's samples. */
#include "daemon/source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/record_ljh.h"

enum { LJH_STAMP_BYTES = 16 };   /* before the samples, in 2.2 */

static const char magic[] = "#LJH Memorial File Format";

static bool recognises(const uint8_t *bytes, size_t n) {
    return n >= sizeof magic - 1 && memcmp(bytes, magic, sizeof magic - 1) == 0;
}

static enum status open_ljh(struct source_file *f, struct complaint *why) {
    enum status s = file_bytes_view(&f->bytes, 0, LJH_HEADER_LIMIT, why);
    if (s != STATUS_OK)
        return s;
    struct ljh_header h;
    s = ljh_header_parse(f->bytes.data, f->bytes.n, &h, why);
    if (s != STATUS_OK)
        return s;
    struct ljh_cursor *walk = malloc(sizeof *walk);
    if (walk == NULL)
        return STATUS_NO_MEMORY;
    ljh_cursor_init(walk, &h);
    f->walk = walk;
    f->info.header_bytes = h.header_bytes;
    f->info.record_bytes = h.record_bytes;
    f->info.channel = h.channel;
    f->info.shape.n_samples = h.n_samples;
    f->info.shape.n_presamples = h.n_presamples;
    f->info.shape.sample_period_s = h.sample_period_s;
    snprintf(f->info.version, sizeof f->info.version, "%s", h.version_text);
    snprintf(f->info.channel_name, sizeof f->info.channel_name, "%s", h.channel_name);
    return STATUS_OK;
}

static void rewind_ljh(struct source_file *f) {
    struct ljh_header h = ((struct ljh_cursor *)f->walk)->header;
    ljh_cursor_init(f->walk, &h);
}

static void note_progress(struct source_file *f, const struct ljh_cursor *c) {
    f->info.records = c->records;
    f->info.torn = c->torn;
    f->info.torn_bytes = c->torn_bytes;
    f->info.first_torn_offset = c->first_torn_offset;
    f->info.tail_bytes = f->bytes.size - c->offset;
}

static enum source_step next_ljh(struct source_file *f, uint32_t pixel, struct channel_record *out, uint64_t *where, struct complaint *why) {
    struct ljh_cursor *c = f->walk;
    struct file_bytes *b = &f->bytes;
    for (;;) {
        bool at_end = file_bytes_at_end(b);
        bool held = ljh_cursor_needs(c) >= b->first;
        if (held && ljh_cursor_window(c, b->data, b->first, b->first + b->n, at_end, pixel, &out->samples) == LJH_RECORD) {
            out->coefficients = false;
            out->time_ns = c->last_time_ns;   /* one from here and one from there: loaded as a pair they would wait for two stores */
            out->frame = out->samples.trigger_frame;
            *where = b->first + (uint64_t)((const uint8_t *)out->samples.samples - b->data);
            f->info.records = c->records;
            f->info.torn = c->torn;   /* now, and not when the window ends: it marks this record as one behind a gap */
            return SOURCE_RECORD;
        }
        note_progress(f, c);
        if (at_end && held)
            return SOURCE_END;
        size_t from = ljh_cursor_needs(c), known = held && from < b->first + b->n ? b->first + b->n - from : 0;
        if (file_bytes_view(b, from, known + 1, why) != STATUS_OK)
            return SOURCE_FAILED;
    }
}

static void run_ljh(struct source_file *f, struct source_run *out) {
    struct ljh_cursor *c = f->walk;
    const struct file_bytes *b = &f->bytes;
    out->where = c->offset + LJH_STAMP_BYTES;
    if (c->offset < b->first)
        return;
    out->samples = b->data + (out->where - b->first);
    out->n = ljh_cursor_run(c, b->data, b->first, b->first + b->n, out->stamps, SOURCE_RUN);
    f->info.records = c->records;
}

/* A little of what lies before stays in the window: neighbours may have changed places. */
static bool view_record(struct source_file *f, uint64_t where, size_t bytes) {
    size_t back = 4 * f->info.record_bytes, from = where > back ? where - back : 0;
    struct complaint ignored;
    return file_bytes_view(&f->bytes, from, where - from + bytes, &ignored) == STATUS_OK && where + bytes <= f->bytes.first + f->bytes.n;
}

static bool fetch_ljh(struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out) {
    size_t bytes = 2 * (size_t)f->info.shape.n_samples;
    bool held = where >= f->bytes.first && where + bytes <= f->bytes.first + f->bytes.n;
    if (!held && !view_record(f, where, bytes))
        return false;
    out->coefficients = false;
    out->samples = (struct pulse_record){
        .samples = (const sample_u16 *)(f->bytes.data + (where - f->bytes.first)),
        .n_samples = f->info.shape.n_samples,
        .n_presamples = f->info.shape.n_presamples,
        .pixel = pixel,
        .sample_period_s = (float)f->info.shape.sample_period_s,
    };
    return true;
}

/* The last record if no record is torn: believed only when it parses as a first one. */
static bool last_time_ljh(struct source_file *f, int64_t *time_ns) {
    const struct ljh_header *h = &((const struct ljh_cursor *)f->walk)->header;
    uint64_t whole = source_file_most(f);
    uint8_t *one = malloc(h->record_bytes);
    bool good = false;
    if (one != NULL && whole > 0) {
        struct ljh_cursor c;
        struct pulse_record r;
        ljh_cursor_init(&c, h);
        good = file_bytes_peek(&f->bytes, h->header_bytes + (whole - 1) * h->record_bytes, one, h->record_bytes) &&
               ljh_cursor_window(&c, one, h->header_bytes, h->header_bytes + h->record_bytes, true, 0, &r) == LJH_RECORD;
        if (good)
            *time_ns = r.trigger_time_ns;
    }
    free(one);
    return good;
}

const struct source_format source_format_ljh = {
    .name = "ljh", .recognises = recognises, .open = open_ljh, .rewind = rewind_ljh, .next = next_ljh, .run = run_ljh, .fetch = fetch_ljh, .last_time = last_time_ljh,
};
