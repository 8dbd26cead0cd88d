#include "daemon/sink/dastard_off.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *matrix(uint32_t rows, uint32_t columns) {
    return json_pack("{s:i,s:i,s:s}", "Rows", (int)rows, "Cols", (int)columns, "SavedAs", "float64 binary data after header and before records. projectors first then basis, nbytes = rows*cols*8 for each");
}

static json_t *creation(const struct dastard_array *a, int64_t start_ns) {
    char text[32];
    struct tm t;
    const time_t at = (time_t)(start_ns / 1000000000);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &t));
    return json_pack("{s:s,s:s,s:s,s:s}", "DastardVersion", "0.3.10", "GitHash", "simulated by tesd", "SourceName", a->source_name, "CreationTime", text);
}

static json_t *header(const struct dastard_array *a, const struct dastard_channel *c, const struct off_projection *p, int64_t start_ns) {
    return json_pack("{s:i,s:s,s:i,s:i,s:i,s:f,s:s,s:s,s:i,s:{s:o,s:o,s:s},s:o,s:{s:i,s:i,s:i,s:i,s:i,s:i,s:i}}", "ChannelIndex", (int)c->index, "ChannelName", c->name,
                     "ChannelNumberMatchingName", (int)c->number, "MaxPresamples", (int)a->n_presamples, "MaxSamples", (int)a->n_samples, "FramePeriodSeconds", a->period_s,
                     "FileFormat", "OFF", "FileFormatVersion", "0.3.0", "NumberOfBases", (int)p->n_bases, "ModelInfo", "Projectors", matrix(p->n_bases, p->n_samples), "Basis",
                     matrix(p->n_samples, p->n_bases), "Description", "mean, derivative, pulse and its bend with energy, by least squares", "CreationInfo", creation(a, start_ns), "ReadoutInfo",
                     "NumberOfRows", 1, "NumberOfColumns", (int)a->n_channels, "NumberOfChans", (int)a->n_channels, "SubframeDivisions", (int)a->subframe_divisions, "ColumnNum",
                     (int)c->index, "RowNum", 0, "SubframeOffset", (int)c->subframe_offset);
}

uint8_t *dastard_off_header(const struct dastard_array *a, const struct dastard_channel *c, const struct off_projection *p, int64_t start_ns, size_t *n) {
    const size_t matrix_bytes = sizeof(double) * p->n_samples * p->n_bases;
    json_t *root = header(a, c, p, start_ns);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(4)) : NULL;
    const size_t length = text != NULL ? strlen(text) : 0;
    uint8_t *bytes = text != NULL ? malloc(length + 1 + 2 * matrix_bytes) : NULL;
    if (bytes != NULL) {
        memcpy(bytes, text, length);
        bytes[length] = '\n';
        memcpy(bytes + length + 1, p->projectors, matrix_bytes);
        memcpy(bytes + length + 1 + matrix_bytes, p->basis, matrix_bytes);
        *n = length + 1 + 2 * matrix_bytes;
    }
    free(text);
    json_decref(root);
    return bytes;
}
