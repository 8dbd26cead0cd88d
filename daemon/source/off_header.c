#include "daemon/source/off_header.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/base64.h"
#include "pulse/off_projection.h"
#include "pulse/text_piece.h"

enum { MAX_SAMPLES = 65536 };

/* What of the file the steps below work on. Refusals are about a key, not a byte: their offset is the end of the JSON. */
struct reading {
    const uint8_t *bytes;
    size_t n;
    size_t json_bytes;       /* JSON with its last line end */
    const json_t *root;
    struct complaint *why;
};

/* ---- the JSON object's place ---- */

/* Nested objects are indented, so the first line that is exactly "}" ends it. 0: not within n. */
static size_t json_length(const uint8_t *bytes, size_t n) {
    const uint8_t *end = memmem(bytes, n, "\n}\n", 3);
    return end == NULL ? 0 : (size_t)(end - bytes) + 3;
}

static enum status load_json(struct reading *r, json_t **root) {
    if (r->n > 0 && r->bytes[0] != '{') {
        complaint_set(r->why, 0, 1, "does not begin with the '{' of an OFF header");
        return STATUS_BAD_VALUE;
    }
    size_t known = r->n < OFF_JSON_LIMIT ? r->n : OFF_JSON_LIMIT;
    r->json_bytes = known == 0 ? 0 : json_length(r->bytes, known);
    if (r->json_bytes == 0) {
        complaint_set(r->why, known, 0, "no line '}' ends the JSON header within the first %zu bytes", known);
        return r->n < OFF_JSON_LIMIT ? STATUS_TRUNCATED : STATUS_BAD_VALUE;
    }
    json_error_t error;
    json_t *loaded = json_loadb((const char *)r->bytes, r->json_bytes, 0, &error);
    if (loaded == NULL) {
        complaint_set(r->why, (uint64_t)error.position, (uint32_t)error.line, "the header is not JSON: %s", error.text);
        return STATUS_BAD_VALUE;
    }
    *root = loaded;
    return STATUS_OK;
}

/* ---- numbers and texts ---- */

static enum status refuse(const struct reading *r, const char *key, const char *want) {
    complaint_set(r->why, r->json_bytes, 0, "header key '%s' is missing or not %s", key, want);
    return STATUS_BAD_VALUE;
}

/* A whole number in [lo, hi] under `key`, else `otherwise`. */
static int64_t whole(const json_t *object, const char *key, int64_t lo, int64_t hi, int64_t otherwise) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        return otherwise;
    double x = json_number_value(value);
    return x >= (double)lo && x <= (double)hi && x == floor(x) ? (int64_t)x : otherwise;
}

static void copy_name(const char *name, char *out, size_t size) {
    text_piece_copy((struct text_piece){ .at = name, .n = name != NULL ? strlen(name) : 0 }, out, size);
}

static int version_of(const char *text) {
    static const struct { const char *begin; int version; } versions[] = { { "0.1.", 10 }, { "0.2.", 20 }, { "0.3.", 30 } };
    for (size_t i = 0; text != NULL && i < sizeof versions / sizeof versions[0]; i++)
        if (strncmp(text, versions[i].begin, strlen(versions[i].begin)) == 0)
            return versions[i].version;
    return 0;
}

static enum status read_needed(const struct reading *r, struct off_header *h) {
    const char *version = json_string_value(json_object_get(r->root, "FileFormatVersion"));
    h->version = version_of(version);
    if (h->version == 0)
        return refuse(r, "FileFormatVersion", "0.1, 0.2 or 0.3");
    copy_name(version, h->version_text, sizeof h->version_text);
    h->n_bases = (uint32_t)whole(r->root, "NumberOfBases", 1, OFF_MAX_BASES, 0);
    if (h->n_bases == 0)
        return refuse(r, "NumberOfBases", "a whole number from 1 to 32");
    const json_t *period = json_object_get(r->root, "FramePeriodSeconds");
    h->frame_period_s = json_is_number(period) ? json_number_value(period) : 0;
    if (!(h->frame_period_s >= 1e-9 && h->frame_period_s <= 1))
        return refuse(r, "FramePeriodSeconds", "a number from 1e-9 to 1");
    h->record_bytes = (h->version >= 30 ? 36 : 32) + 4 * (size_t)h->n_bases;
    return STATUS_OK;
}

static void read_optional(const struct reading *r, struct off_header *h) {
    h->n_presamples = (uint32_t)whole(r->root, "MaxPresamples", 0, MAX_SAMPLES, 0);
    h->channel = (int32_t)whole(r->root, "ChannelNumberMatchingName", 0, INT32_MAX, -1);
    h->channel_index = (int32_t)whole(r->root, "ChannelIndex", 0, INT32_MAX, -1);
    copy_name(json_string_value(json_object_get(r->root, "ChannelName")), h->channel_name, sizeof h->channel_name);
    h->subframe_divisions = (uint32_t)whole(json_object_get(r->root, "ReadoutInfo"), "SubframeDivisions", 1, 1000000, 1);
}

/* ---- the two matrices ---- */

static const char base64_key[] = "RowMajorFloat64ValuesBase64";

static const json_t *matrix_of(const struct reading *r, const char *name) {
    return json_object_get(json_object_get(r->root, "ModelInfo"), name);
}

/* Projectors are B x N, the basis N x B; N is theirs to say. */
static enum status read_shapes(const struct reading *r, struct off_header *h) {
    const json_t *projectors = matrix_of(r, "Projectors"), *basis = matrix_of(r, "Basis");
    h->n_samples = (uint32_t)whole(projectors, "Cols", 1, MAX_SAMPLES, 0);
    if (h->n_samples == 0)
        return refuse(r, "ModelInfo.Projectors.Cols", "a whole number from 1 to 65536");
    if (whole(projectors, "Rows", 1, OFF_MAX_BASES, 0) != h->n_bases)
        return refuse(r, "ModelInfo.Projectors.Rows", "NumberOfBases");
    if (whole(basis, "Rows", 1, MAX_SAMPLES, 0) != h->n_samples || whole(basis, "Cols", 1, OFF_MAX_BASES, 0) != h->n_bases)
        return refuse(r, "ModelInfo.Basis", "of the projectors' shape, transposed");
    return STATUS_OK;
}

static size_t matrix_bytes(const struct off_header *h) {
    return sizeof(double) * h->n_samples * h->n_bases;
}

static enum status decode_text(const struct reading *r, const char *name, double *out, size_t bytes) {
    const json_t *text = json_object_get(matrix_of(r, name), base64_key);
    if (!json_is_string(text) || base64_decode(json_string_value(text), json_string_length(text), out, bytes) != STATUS_OK)
        return refuse(r, base64_key, "base64 of as many float64 as the matrix has");
    return STATUS_OK;
}

/* Both matrices, one after the other as they stand behind the JSON: projectors, then basis. */
static enum status read_matrices(const struct reading *r, struct off_header *h, double *both) {
    size_t bytes = matrix_bytes(h);
    if (json_object_get(matrix_of(r, "Projectors"), base64_key) != NULL || json_object_get(matrix_of(r, "Basis"), base64_key) != NULL) {
        h->header_bytes = r->json_bytes;
        enum status s = decode_text(r, "Projectors", both, bytes);
        return s != STATUS_OK ? s : decode_text(r, "Basis", both + bytes / sizeof(double), bytes);
    }
    h->header_bytes = r->json_bytes + 2 * bytes;
    if (r->n < h->header_bytes) {
        complaint_set(r->why, r->n, 0, "the matrices behind the header need %zu bytes, %zu are there", 2 * bytes, r->n - r->json_bytes);
        return STATUS_TRUNCATED;
    }
    memcpy(both, r->bytes + r->json_bytes, 2 * bytes);
    return STATUS_OK;
}

/* Of one behind the header the byte is told, of one in it the header's end. */
static enum status check_numbers(const struct reading *r, const struct off_header *h, const double *both) {
    const size_t n = (size_t)h->n_samples * h->n_bases;
    const bool behind = h->header_bytes > r->json_bytes;
    for (size_t k = 0; k < 2 * n; k++)
        if (!isfinite(both[k])) {
            const uint32_t columns = k < n ? h->n_samples : h->n_bases;
            complaint_set(r->why, r->json_bytes + (behind ? k * sizeof(double) : 0), 0, "row %zu, column %zu of its %s is not a number: load the acquisition's projectors anew; records made with these say nothing",
                          k % n / columns, k % n % columns, k < n ? "projectors" : "basis");
            return STATUS_BAD_VALUE;
        }
    return STATUS_OK;
}

/* Hands out copies of the wanted matrices, all or none. */
static enum status hand_out(const double *both, size_t bytes, double **projectors, double **basis) {
    double *p = projectors != NULL ? malloc(bytes) : NULL;
    double *b = basis != NULL ? malloc(bytes) : NULL;
    if ((projectors != NULL && p == NULL) || (basis != NULL && b == NULL)) {
        free(p);
        free(b);
        return STATUS_NO_MEMORY;
    }
    if (p != NULL)
        *projectors = memcpy(p, both, bytes);
    if (b != NULL)
        *basis = memcpy(b, both + bytes / sizeof(double), bytes);
    return STATUS_OK;
}

static enum status read_model(const struct reading *r, struct off_header *h, double **projectors, double **basis) {
    enum status s = read_shapes(r, h);
    if (s != STATUS_OK)
        return s;
    double *both = malloc(2 * matrix_bytes(h));
    if (both == NULL)
        return STATUS_NO_MEMORY;
    s = read_matrices(r, h, both);
    if (s == STATUS_OK)
        s = check_numbers(r, h, both);
    if (s == STATUS_OK) {
        h->misfit = off_projection_misfit(both, both + matrix_bytes(h) / sizeof(double), h->n_samples, h->n_bases);
        s = hand_out(both, matrix_bytes(h), projectors, basis);
    }
    free(both);
    return s;
}

enum status off_header_parse(const uint8_t *bytes, size_t n, struct off_header *out, double **projectors, double **basis, struct complaint *why) {
    struct reading r = { .bytes = bytes, .n = n, .why = why };
    json_t *root;
    enum status s = load_json(&r, &root);
    if (s != STATUS_OK)
        return s;
    r.root = root;
    struct off_header h = { 0 };
    s = read_needed(&r, &h);
    if (s == STATUS_OK) {
        read_optional(&r, &h);
        s = read_model(&r, &h, projectors, basis);
    }
    json_decref(root);
    if (s == STATUS_OK)
        *out = h;
    return s;
}
