/* daemon/source/file_ljh.c - LJH files behind source.h. `where` is the file offset of the record's samples. */
#include "daemon/source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/record_ljh.h"

static const char magic[] = "#LJH Memorial File Format";

static bool recognises(const uint8_t *bytes, size_t n) {
    return n >= sizeof magic - 1 && memcmp(bytes, magic, sizeof magic - 1) == 0;
}

static enum status open_ljh(struct source_file *f, struct complaint *why) {
    enum status s = file_bytes_read(&f->bytes, LJH_HEADER_LIMIT, why);
    if (s != STATUS_OK)
        return s;
    struct ljh_header h;
    s = ljh_header_parse(f->bytes.data, f->bytes.n, &h, why);
    if (s != STATUS_OK)
        return s;
    struct ljh_header *kept = malloc(sizeof *kept);
    if (kept == NULL)
        return STATUS_NO_MEMORY;
    *kept = h;
    f->header = kept;
    f->info.channel = h.channel;
    f->info.shape.n_samples = h.n_samples;
    f->info.shape.n_presamples = h.n_presamples;
    f->info.shape.sample_period_s = h.sample_period_s;
    snprintf(f->info.version, sizeof f->info.version, "%s", h.version_text);
    snprintf(f->info.channel_name, sizeof f->info.channel_name, "%s", h.channel_name);
    return STATUS_OK;
}

static enum status index_ljh(struct source_file *f, struct record_index *into, struct complaint *why) {
    (void)why;
    struct ljh_cursor c;
    struct pulse_record r;
    ljh_cursor_init(&c, f->header);
    while (ljh_cursor_next(&c, f->bytes.data, f->bytes.n, true, 0, &r) == LJH_RECORD) {
        uint64_t where = (uint64_t)((const uint8_t *)r.samples - f->bytes.data);
        if (!record_index_add(into, (struct record_place){ .time_ns = r.trigger_time_ns, .frame = r.trigger_frame, .where = where }))
            return STATUS_NO_MEMORY;
    }
    f->info.records = c.records;
    f->info.torn = c.torn;
    f->info.torn_bytes = c.torn_bytes;
    f->info.first_torn_offset = c.first_torn_offset;
    f->info.tail_bytes = f->bytes.n - c.offset;
    return STATUS_OK;
}

static void fetch_ljh(const struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out) {
    out->samples = (struct pulse_record){
        .samples = (const sample_u16 *)(f->bytes.data + where),
        .n_samples = f->info.shape.n_samples,
        .n_presamples = f->info.shape.n_presamples,
        .pixel = pixel,
        .sample_period_s = (float)f->info.shape.sample_period_s,
    };
}

/* The last record if no record is torn: believed only when it parses as the successor of the first. */
static bool last_time_ljh(const struct source_file *f, int64_t *time_ns) {
    const struct ljh_header *h = f->header;
    size_t whole = (f->bytes.size - h->header_bytes) / h->record_bytes;
    uint8_t *one = malloc(h->header_bytes + h->record_bytes);
    bool good = false;
    if (one != NULL && whole > 0) {
        memcpy(one, f->bytes.data, h->header_bytes);
        struct ljh_cursor c;
        struct pulse_record r;
        ljh_cursor_init(&c, h);
        good = file_bytes_peek(&f->bytes, h->header_bytes + (whole - 1) * h->record_bytes, one + h->header_bytes, h->record_bytes) &&
               ljh_cursor_next(&c, one, h->header_bytes + h->record_bytes, true, 0, &r) == LJH_RECORD;
        if (good)
            *time_ns = r.trigger_time_ns;
    }
    free(one);
    return good;
}

const struct source_format source_format_ljh = {
    .name = "ljh", .recognises = recognises, .open = open_ljh, .index = index_ljh, .fetch = fetch_ljh, .last_time = last_time_ljh,
};
