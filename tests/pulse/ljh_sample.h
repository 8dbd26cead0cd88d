/* tests/pulse/ljh_sample.h - synthetic LJH 2.2 files with tears where one wants them, and what a reader makes of bytes. */
#ifndef TESD_TESTS_LJH_SAMPLE_H
#define TESD_TESTS_LJH_SAMPLE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/record_ljh.h"
#include "tests/seeded.h"

/* Pieces of a record that reach the file; DASTARD may drop any of them. */
enum piece { PIECE_COUNT = 1, PIECE_TIME = 2, PIECE_SAMPLES = 4, PIECES_ALL = 7 };

struct ljh_sample {
    struct ljh_header header;
    uint8_t *bytes;
    size_t n, room;
    int64_t frame, time_ns;     /* of the last record written */
    uint32_t baseline;
};

static inline struct ljh_header sample_header(uint32_t n_samples, uint32_t divisions, uint32_t offset) {
    return (struct ljh_header){
        .version = 22, .version_text = "2.2.1", .n_samples = n_samples, .n_presamples = n_samples / 4, .sample_period_s = 4.096e-6,
        .channel = 4102, .channel_index = 6, .channel_name = "chan4102", .subframe_divisions = divisions, .subframe_offset = offset,
        .timestamp_offset_s = 1700000000.25, .dastard = true, .software = "DASTARD version 0.3.10",
    };
}

static inline void sample_put(struct ljh_sample *f, const void *bytes, size_t n) {
    if (f->n + n > f->room) {
        f->room = 2 * (f->n + n);
        f->bytes = realloc(f->bytes, f->room);
        if (f->bytes == NULL)
            abort();
    }
    if (f->bytes != NULL)   /* without room nothing is put */
        memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

static inline struct ljh_sample sample_new(struct ljh_header header, uint32_t baseline) {
    struct ljh_sample f = { .header = header, .frame = 1000, .time_ns = INT64_C(1700000100000000000), .baseline = baseline };
    uint8_t text[2048];
    sample_put(&f, text, ljh_header_format(&header, text, sizeof text));
    f.header.header_bytes = f.n;
    f.header.record_bytes = 16 + 2 * (size_t)header.n_samples;
    return f;
}

/* Moves on by `frames` frames and writes those pieces of the record there. */
static inline void sample_record(struct ljh_sample *f, struct seeded *r, int64_t frames, unsigned pieces) {
    uint16_t samples[1024];
    uint8_t record[16 + sizeof samples];
    for (uint32_t i = 0; i < f->header.n_samples; i++)
        samples[i] = (uint16_t)(f->baseline + seeded_below(r, 20));
    f->frame += frames;
    f->time_ns += (int64_t)(1e9 * f->header.sample_period_s) * frames;
    struct pulse_record p = { .samples = samples, .n_samples = f->header.n_samples, .trigger_frame = f->frame, .trigger_time_ns = f->time_ns };
    ljh_record_format(&f->header, &p, record);
    if (pieces & PIECE_COUNT)
        sample_put(f, record, 8);
    if (pieces & PIECE_TIME)
        sample_put(f, record + 8, 8);
    if (pieces & PIECE_SAMPLES)
        sample_put(f, record + 16, 2 * (size_t)f->header.n_samples);
}

/* What a reader found. */
struct ljh_walk {
    struct ljh_cursor cursor;
    size_t n;
    int64_t frames[5000];
    int64_t times_ns[5000];
};

static inline void walk_on(struct ljh_walk *w, const uint8_t *bytes, size_t n, bool complete) {
    struct pulse_record record;
    while (ljh_cursor_next(&w->cursor, bytes, n, complete, 0, &record) == LJH_RECORD && w->n < 5000) {
        w->frames[w->n] = record.trigger_frame;
        w->times_ns[w->n++] = record.trigger_time_ns;
    }
}

static inline bool walk_start(struct ljh_walk *w, const uint8_t *bytes, size_t n) {
    struct ljh_header h;
    w->n = 0;
    if (ljh_header_parse(bytes, n, &h, NULL) != STATUS_OK)
        return false;
    ljh_cursor_init(&w->cursor, &h);
    return true;
}

static inline bool walk_all(struct ljh_walk *w, const uint8_t *bytes, size_t n) {
    bool good = walk_start(w, bytes, n);
    if (good)
        walk_on(w, bytes, n, true);
    return good;
}

#endif
