#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/record_ljh.h"

struct number_text { char text[32]; };

/* As DASTARD prints it where that reads back to the same value, else with all digits. */
static struct number_text exact(bool scientific, double x) {
    struct number_text t;
    snprintf(t.text, sizeof t.text, scientific ? "%.6e" : "%.6f", x);
    if (strtod(t.text, NULL) != x)
        snprintf(t.text, sizeof t.text, "%.17g", x);
    return t;
}

struct channel_text { char text[160]; };

static struct channel_text channel_lines(const struct ljh_header *h) {
    struct channel_text t;
    int n = snprintf(t.text, sizeof t.text, "Channel name: %s\n", h->channel_name);
    if (h->channel >= 0)
        n += snprintf(t.text + n, sizeof t.text - (size_t)n, "Channel: %d\n", h->channel);
    if (h->channel_index >= 0)
        snprintf(t.text + n, sizeof t.text - (size_t)n, "ChannelIndex (in dastard): %d\n", h->channel_index);
    return t;
}

size_t ljh_header_format(const struct ljh_header *header, uint8_t *out, size_t size) {
    bool named = strstr(header->software, "DASTARD") != NULL;
    assert(header->dastard || (!named && header->n_presamples >= 3));
    char text[1536];  /* the fixed lines take 700 bytes, software and channel lines 240, numbers 200 */
    int n = snprintf(text, sizeof text,
        "#LJH Memorial File Format\n"
        "Save File Format Version: 2.2.1\n"
        "Software Version: %s%s\n"
        "Number of rows: %u\n"
        "Number of columns: 1\n"
        "Row number (from 0-%u inclusive): %u\n"
        "Column number (from 0-0 inclusive): 0\n"
        "Number of channels: 1\n"
        "%s"
        "Subframe divisions: %u\n"
        "Subframe offset: %u\n"
        "Digitized Word Size In Bytes: 2\n"
        "Presamples: %u\n"
        "Total Samples: %u\n"
        "Number of samples per point: 1\n"
        "Timestamp offset (s): %s\n"
        "Timebase: %s\n"
        "#End of Header\n",
        header->dastard && !named ? "DASTARD format, " : "", header->software,
        header->subframe_divisions, header->subframe_divisions - 1, header->subframe_offset,
        channel_lines(header).text, header->subframe_divisions, header->subframe_offset,
        header->n_presamples - (header->dastard ? 0 : 3), header->n_samples,
        exact(false, header->timestamp_offset_s).text, exact(true, header->sample_period_s).text);
    assert(n > 0 && (size_t)n < sizeof text);
    if (size > 0)
        memcpy(out, text, size < (size_t)n ? size : (size_t)n);
    return (size_t)n;
}

void ljh_record_format(const struct ljh_header *header, const struct pulse_record *record, uint8_t *out) {
    int64_t count = record->trigger_frame * header->subframe_divisions + header->subframe_offset;
    int64_t time_us = record->trigger_time_ns / 1000 - (record->trigger_time_ns % 1000 < 0);
    memcpy(out, &count, 8);
    memcpy(out + 8, &time_us, 8);
    memcpy(out + 16, record->samples, 2 * (size_t)record->n_samples);
}
