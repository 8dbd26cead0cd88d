/* tests/daemon/made_beamtime.h - a simulated beamtime on disk, of four pixels, and its records in the order of time as a port brings them. */
#ifndef TESD_TESTS_DAEMON_MADE_BEAMTIME_H
#define TESD_TESTS_DAEMON_MADE_BEAMTIME_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/line_table.h"
#include "daemon/beamtime.h"
#include "daemon/live_array.h"
#include "daemon/record_block.h"
#include "daemon/source/channel_reader.h"

enum { MADE_PIXELS = 4, MADE_SAMPLES = 256, MADE_RECORDS = 60000 };

struct made_beamtime {
    char folder[64];
    struct beamtime b;             /* noise run 0000, pulse run 0001 */
    struct live_array *array;
    struct line_table *lines;
    const struct scan *cal;        /* its first calibration */
};

/* 0, or 1 when it cannot be made. more: further arguments of `tesd simulate`. */
static inline int made_beamtime_open(struct made_beamtime *m, const char *more) {
    char command[640], pulses[128], noise[128];
    static char text[65536];
    struct complaint why;
    const char *tesd = getenv("TESD");
    strcpy(m->folder, "/tmp/tesd_made_XXXXXX");
    if (tesd == NULL || mkdtemp(m->folder) == NULL)
        return 1;
    snprintf(command, sizeof command, "%s simulate -o %s/b --pixels 4 --bad-fraction 0 --samples 256 --presamples 64 --edges o --conditions a --feature 0.1 --scans 1 --dwell 1 "
             "--seed 3 %s >/dev/null 2>&1", tesd, m->folder, more);
    if (system(command) != 0)
        return 1;
    snprintf(noise, sizeof noise, "%s/b/20260302/0000", m->folder);
    snprintf(pulses, sizeof pulses, "%s/b/20260302/0001", m->folder);
    char *p[] = { pulses }, *n[] = { noise };
    if (!beamtime_open(&(struct beamtime_paths){ .pulses = p, .n_pulses = 1, .noise = n, .n_noise = 1 }, "i0", &m->b) || m->b.pulses.n_channels != MADE_PIXELS)
        return 1;
    json_t *names = json_array();
    for (size_t i = 0; i < MADE_PIXELS; i++)
        json_array_append_new(names, json_string(m->b.pulses.channels[i].name));
    bool good = live_array_make(names, &m->array);
    json_decref(names);
    FILE *f = fopen("config/lines/nslsii-mix.csv", "rb");
    size_t size = f != NULL ? fread(text, 1, sizeof text, f) : 0;
    if (f != NULL)
        fclose(f);
    if (!good || line_table_parse("nslsii-mix", (const uint8_t *)text, size, &m->lines, &why) != STATUS_OK)
        return 1;
    for (size_t i = 0; m->cal == NULL; i++)
        m->cal = scan_timeline_at(m->b.timeline, i)->calibration ? scan_timeline_at(m->b.timeline, i) : NULL;
    return 0;
}

static inline int made_beamtime_close(struct made_beamtime *m) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", m->folder);
    line_table_free(m->lines);
    live_array_free(m->array);
    beamtime_close(&m->b);
    return system(command);
}

/* ---- all records of a run ---- */

struct made_records { struct channel_record *records; uint16_t (*samples)[MADE_SAMPLES]; size_t n; };

static inline int made_by_time(const void *a, const void *b) {
    const struct channel_record *p = a, *q = b;
    if (p->time_ns != q->time_ns)
        return p->time_ns < q->time_ns ? -1 : 1;
    return (int)p->samples.pixel - (int)q->samples.pixel;
}

static inline struct made_records made_records_load(const struct run_input *in) {
    struct made_records a = { .records = calloc(MADE_RECORDS, sizeof *a.records), .samples = calloc(MADE_RECORDS, sizeof *a.samples) };
    if (a.records == NULL || a.samples == NULL)
        abort();
    for (size_t c = 0; c < in->n_channels; c++) {
        struct channel_reader *reader;
        if (!channel_reader_open(&in->channels[c], (uint32_t)c, &reader))
            abort();
        for (struct channel_record r; channel_reader_next(reader, &r);) {
            assert(a.n < MADE_RECORDS);
            memcpy(a.samples[a.n], r.samples.samples, sizeof a.samples[a.n]);
            r.samples.samples = a.samples[a.n];
            a.records[a.n++] = r;
        }
        channel_reader_close(reader);
    }
    if (a.n > 0)
        qsort(a.records, a.n, sizeof *a.records, made_by_time);
    return a;
}

static inline void made_records_done(struct made_records *a) {
    free(a->records);
    free(a->samples);
}

/* Record i alone, as ingest hands it on: into an empty block. */
static inline bool made_record_block(const struct made_records *a, size_t i, struct record_block *b) {
    const struct channel_record *r = &a->records[i];
    const struct block_record row = { .time_ns = r->time_ns, .frame = r->frame, .n_samples = r->samples.n_samples, .n_presamples = r->samples.n_presamples,
                                      .sample_period_s = r->samples.sample_period_s, .channel_index = (uint16_t)r->samples.pixel, .pixel = (uint16_t)r->samples.pixel };
    record_block_clear(b);
    return record_block_add(b, &row, r->samples.samples);
}

#endif
