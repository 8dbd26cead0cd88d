#include "pulse/record_ljh.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pulse/text_piece.h"

enum key {
    KEY_VERSION, KEY_SOFTWARE, KEY_SAMPLES, KEY_PRESAMPLES, KEY_TIMEBASE, KEY_WORD_BYTES, KEY_CHANNEL, KEY_CHANNEL_INDEX,
    KEY_CHANNEL_NAME, KEY_DIVISIONS, KEY_OFFSET, KEY_ROWS, KEY_ROW, KEY_TIMESTAMP_OFFSET, N_KEYS
};

/* A key is compared without case. Numbers outside [lo, hi] are refused; an optional one that is missing or empty is `absent`. */
static const struct key_rule {
    const char *name;
    bool prefix;   /* the key's text goes on behind the name, differently from writer to writer */
    bool needed;
    bool text;
    bool whole;    /* an integer, though it may be written 1.0 */
    double lo, hi, absent;
} key_rules[N_KEYS] = {
    [KEY_VERSION] = { .name = "Save File Format Version", .needed = true, .text = true },
    [KEY_SOFTWARE] = { .name = "Software Version", .text = true },
    [KEY_SAMPLES] = { .name = "Total Samples", .needed = true, .whole = true, .lo = 1, .hi = 65536 },
    [KEY_PRESAMPLES] = { .name = "Presamples", .needed = true, .whole = true, .lo = 0, .hi = 65535 },
    [KEY_TIMEBASE] = { .name = "Timebase", .needed = true, .lo = 1e-9, .hi = 1 },
    [KEY_WORD_BYTES] = { .name = "Digitized Word Size In Bytes", .whole = true, .lo = 2, .hi = 2, .absent = 2 },
    [KEY_CHANNEL] = { .name = "Channel", .whole = true, .lo = 0, .hi = INT32_MAX, .absent = -1 },
    [KEY_CHANNEL_INDEX] = { .name = "ChannelIndex", .prefix = true, .whole = true, .lo = 0, .hi = INT32_MAX, .absent = -1 },
    [KEY_CHANNEL_NAME] = { .name = "Channel name", .text = true },
    [KEY_DIVISIONS] = { .name = "Subframe divisions", .whole = true, .lo = 1, .hi = 1e6, .absent = 0 },
    [KEY_OFFSET] = { .name = "Subframe offset", .whole = true, .lo = 0, .hi = 1e6, .absent = -1 },
    [KEY_ROWS] = { .name = "Number of rows", .prefix = true, .whole = true, .lo = 0, .hi = 1e6, .absent = 0 },
    [KEY_ROW] = { .name = "Row number", .prefix = true, .whole = true, .lo = 0, .hi = 1e6, .absent = 0 },
    [KEY_TIMESTAMP_OFFSET] = { .name = "Timestamp offset", .prefix = true, .lo = 0, .hi = 7e9, .absent = 0 },
};

/* A key's value and where it stands; text.at is NULL when the key was not seen. */
struct value {
    struct text_piece text;
    uint32_t line;
};

struct header_text {
    const char *start;
    size_t n;         /* bytes that may belong to the header */
    size_t at;        /* start of the next line */
    char line_end;
    uint32_t line;    /* number of the last line given out, from 1 */
    struct value values[N_KEYS];  /* the last of repeated keys */
};

static bool begins_with(struct text_piece p, const char *text) {
    size_t n = strlen(text);
    return p.n >= n && strncasecmp(p.at, text, n) == 0;
}

/* CR alone ends lines only in a header without any LF: behind CRLF or LF the data may begin with either byte. */
static char find_line_end(const char *text, size_t n) {
    const char *mark = memmem(text, n, "#End of Header", 14);
    size_t header = mark != NULL ? (size_t)(mark - text) : n;
    return memchr(text, '\n', header) == NULL && memchr(text, '\r', header) != NULL ? '\r' : '\n';
}

static bool next_line(struct header_text *t, struct text_piece *line) {
    const char *start = t->start + t->at;
    const char *end = memchr(start, t->line_end, t->n - t->at);
    if (end == NULL)
        return false;
    *line = (struct text_piece){ .at = start, .n = (size_t)(end - start) };
    t->line++;
    t->at += line->n + 1;
    return true;
}

static bool same_key(struct text_piece key, const struct key_rule *rule) {
    return key.n > 0 && ((key.at[0] ^ rule->name[0]) & ~0x20) == 0 && begins_with(key, rule->name) && (rule->prefix || key.n == strlen(rule->name));
}

/* Returns true when the line opens a free text, which lasts to "#End of Description". */
static bool note_line(struct header_text *t, struct text_piece line) {
    const char *colon = memchr(line.at, ':', line.n);
    if (colon == NULL || line.at[0] == '#')
        return false;
    size_t before = (size_t)(colon - line.at);
    struct text_piece key = text_piece_trimmed((struct text_piece){ .at = line.at, .n = before });
    struct text_piece value = text_piece_trimmed((struct text_piece){ .at = colon + 1, .n = line.n - before - 1 });
    for (size_t k = 0; k < N_KEYS; k++)
        if (same_key(key, &key_rules[k]))
            t->values[k] = (struct value){ .text = value, .line = t->line };
    return begins_with(key, "System description of") || begins_with(key, "User description of");
}

/* Reads lines to the end of the header; afterwards t->at is the offset of the first record. */
static bool read_lines(struct header_text *t) {
    struct text_piece line;
    bool free_text = false;
    while (next_line(t, &line)) {
        if (begins_with(line, "#End of Header"))
            return true;
        if (begins_with(line, "#End of Description"))
            free_text = false;
        else if (!free_text)
            free_text = note_line(t, line);
    }
    return false;
}

static enum status refuse_missing(const struct header_text *t, enum key k, struct complaint *why) {
    complaint_set(why, t->at, t->line, "the header has no '%s'", key_rules[k].name);
    return STATUS_BAD_VALUE;
}

static enum status refuse(const struct header_text *t, enum key k, const char *problem, struct complaint *why) {
    const struct value *v = &t->values[k];
    char value[48];
    text_piece_copy(v->text, value, sizeof value);
    complaint_set(why, (uint64_t)(v->text.at - t->start), v->line, "%s is '%s', not %s", key_rules[k].name, value, problem);
    return STATUS_BAD_VALUE;
}

static bool read_number(const struct header_text *t, enum key k, double *out) {
    char text[48];
    if (t->values[k].text.n >= sizeof text)
        return false;
    text_piece_copy(t->values[k].text, text, sizeof text);
    char *end;
    double x = strtod(text, &end);
    const struct key_rule *rule = &key_rules[k];
    if (*end != '\0' || !(x >= rule->lo && x <= rule->hi) || (rule->whole && x != floor(x)))
        return false;
    *out = x;
    return true;
}

static enum status read_numbers(const struct header_text *t, double numbers[N_KEYS], struct complaint *why) {
    for (enum key k = 0; k < N_KEYS; k++) {
        bool absent = t->values[k].text.at == NULL || t->values[k].text.n == 0;
        if (absent && key_rules[k].needed)
            return refuse_missing(t, k, why);
        numbers[k] = key_rules[k].absent;
        if (absent || key_rules[k].text || read_number(t, k, &numbers[k]))
            continue;
        char problem[64];
        snprintf(problem, sizeof problem, "%s from %g to %g", key_rules[k].whole ? "a whole number" : "a number", key_rules[k].lo,
                 key_rules[k].hi);
        return refuse(t, k, problem, why);
    }
    return STATUS_OK;
}

static int version_of(struct text_piece text) {
    return begins_with(text, "2.2.") ? 22 : begins_with(text, "2.1.") ? 21 : begins_with(text, "2.0.") ? 20 : 0;
}

/* Writers before DASTARD count 3 presamples too few (doc/methods.md, Records). */
static uint32_t true_presamples(double written, bool dastard) {
    return (uint32_t)written + (dastard ? 0 : 3);
}

static enum status interpret(const struct header_text *t, struct ljh_header *out, struct complaint *why) {
    double x[N_KEYS];
    enum status s = read_numbers(t, x, why);
    if (s != STATUS_OK)
        return s;
    struct ljh_header h = {
        .version = version_of(t->values[KEY_VERSION].text),
        .n_samples = (uint32_t)x[KEY_SAMPLES],
        .sample_period_s = x[KEY_TIMEBASE],
        .channel = (int32_t)x[KEY_CHANNEL],
        .channel_index = (int32_t)x[KEY_CHANNEL_INDEX],
        .timestamp_offset_s = x[KEY_TIMESTAMP_OFFSET],
        .header_bytes = t->at,
    };
    if (h.version == 0)
        return refuse(t, KEY_VERSION, "2.0, 2.1 or 2.2", why);
    text_piece_copy(t->values[KEY_VERSION].text, h.version_text, sizeof h.version_text);
    text_piece_copy(t->values[KEY_SOFTWARE].text, h.software, sizeof h.software);
    text_piece_copy(t->values[KEY_CHANNEL_NAME].text, h.channel_name, sizeof h.channel_name);
    h.dastard = strstr(h.software, "DASTARD") != NULL;
    h.n_presamples = true_presamples(x[KEY_PRESAMPLES], h.dastard);
    if (h.n_presamples >= h.n_samples)
        return refuse(t, KEY_PRESAMPLES, "less than Total Samples", why);
    double divisions = x[KEY_DIVISIONS] > 0 ? x[KEY_DIVISIONS] : x[KEY_ROWS] > 0 ? x[KEY_ROWS] : 1;
    h.subframe_divisions = (uint32_t)divisions;
    h.subframe_offset = (uint32_t)(x[KEY_OFFSET] >= 0 ? x[KEY_OFFSET] : x[KEY_ROW]);
    h.record_bytes = (h.version == 22 ? 16u : 6u) + 2 * (size_t)h.n_samples;
    *out = h;
    return STATUS_OK;
}

enum status ljh_header_parse(const uint8_t *bytes, size_t n, struct ljh_header *out, struct complaint *why) {
    static const char magic[] = "#LJH Memorial File Format";
    size_t known = n < sizeof magic - 1 ? n : sizeof magic - 1;
    if (known > 0 && memcmp(bytes, magic, known) != 0) {
        complaint_set(why, 0, 1, "does not begin with '%s'", magic);
        return STATUS_BAD_VALUE;
    }
    size_t limit = n < LJH_HEADER_LIMIT ? n : LJH_HEADER_LIMIT;
    struct header_text text = { .start = (const char *)bytes, .n = limit };
    if (limit > 0)
        text.line_end = find_line_end(text.start, limit);
    if (limit > 0 && read_lines(&text))
        return interpret(&text, out, why);
    complaint_set(why, text.at, text.line + 1, "the header has no '#End of Header' line within its first %zu bytes", limit);
    return n < LJH_HEADER_LIMIT ? STATUS_TRUNCATED : STATUS_BAD_VALUE;
}
