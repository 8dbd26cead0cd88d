/* Scan logs as YAML, SSRL 10-1 in 2020. Document 1 says what the file is, each further one is a scan or a calibration:
 *   --- {dtype: data, motor: mono, sample: ad1, ...}
 *   --- {header: {htxs: 247, pass: 0, start: S, stop: S}, mono: {768.001: [t0, t1], 768.401: [t0, t1, t0', t1'], ...}}
 *   --- {dtype: cal, mono: 1000, sample: mixv4b, ...}
 *   --- {header: {htxs: 245, mono: 1000.0, start: S, stop: S}, loop: {0: [t0, t1], ...}}
 * A scan's points are all pairs of its motor's map; a calibration is header start..stop and its pairs are only checked for form.
 * Read event by event: nothing is expanded, an alias is refused, and depth is bounded. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "daemon/source/scan_log.h"
#include "daemon/source/scan_log_field.h"
#include "pulse/growing_list.h"

enum { MAX_DEPTH = 16, MAX_PASSES = 10000 };

struct reader {
    yaml_parser_t parser;
    size_t n_bytes;
    struct complaint *why;
};

/* One document. The first has the texts, the others the times. */
struct document {
    char dtype[16], sample[64], motor[32];
    double mono_eV;              /* NaN: not given */
    double start_s, stop_s;      /* NaN: not given */
    bool has_loop;
    struct scan_point *points;   /* of the map named `points_of` */
    size_t n_points, capacity;
    char points_of[32];
};

/* ---- events ---- */

static enum status refuse(struct reader *r, const yaml_mark_t *at, const char *what) {
    complaint_set(r->why, at->index, (uint32_t)at->line + 1, "%s", what);
    return STATUS_BAD_VALUE;
}

static enum status next(struct reader *r, yaml_event_t *e) {
    if (!yaml_parser_parse(&r->parser, e)) {
        if (r->parser.error == YAML_MEMORY_ERROR)
            return STATUS_NO_MEMORY;
        yaml_mark_t at = r->parser.problem_mark;
        bool torn = at.index >= r->n_bytes && r->parser.error != YAML_READER_ERROR;
        const char *problem = r->parser.problem ? r->parser.problem : "cannot be read";
        complaint_set(r->why, at.index, (uint32_t)at.line + 1, torn ? "ends before its YAML does: %s" : "not YAML: %s", problem);
        return torn ? STATUS_TRUNCATED : STATUS_BAD_VALUE;
    }
    if (e->type != YAML_ALIAS_EVENT)
        return STATUS_OK;
    enum status s = refuse(r, &e->start_mark, "an alias (*name) has no place in a scan log");
    yaml_event_delete(e);
    return s;
}

static int depth_change(yaml_event_type_t type) {
    if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
        return 1;
    return type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT ? -1 : 0;
}

/* Reads to the end of the value that began with `first`. */
static enum status skip(struct reader *r, const yaml_event_t *first) {
    int depth = depth_change(first->type);
    while (depth > 0) {
        yaml_event_t e;
        enum status s = next(r, &e);
        if (s != STATUS_OK)
            return s;
        depth += depth_change(e.type);
        if (depth > MAX_DEPTH)
            s = refuse(r, &e.start_mark, "nested too deeply for a scan log");
        yaml_event_delete(&e);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

/* Takes one value whose first event is given, to its end. */
typedef enum status value_fn(struct reader *r, const char *key, const yaml_event_t *value, void *context);

static enum status read_entry(struct reader *r, const yaml_event_t *key, value_fn *take, void *context) {
    if (key->type != YAML_SCALAR_EVENT)
        return refuse(r, &key->start_mark, "a key must be a plain text or number");
    yaml_event_t value;
    enum status s = next(r, &value);
    if (s != STATUS_OK)
        return s;
    s = take(r, (const char *)key->data.scalar.value, &value, context);
    yaml_event_delete(&value);
    return s;
}

/* Entries of a mapping whose start event has been read. */
static enum status read_mapping(struct reader *r, value_fn *take, void *context) {
    for (;;) {
        yaml_event_t key;
        enum status s = next(r, &key);
        if (s != STATUS_OK)
            return s;
        bool end = key.type == YAML_MAPPING_END_EVENT;
        if (!end)
            s = read_entry(r, &key, take, context);
        yaml_event_delete(&key);
        if (end || s != STATUS_OK)
            return s;
    }
}

/* ---- values ---- */

static bool scalar_number(const yaml_event_t *e, double *out) {
    return e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && scan_log_number_of((const char *)e->data.scalar.value, out);
}

static enum status take_number(struct reader *r, const yaml_event_t *value, double *out) {
    if (!isnan(*out))
        return refuse(r, &value->start_mark, "the key stands twice");
    return scalar_number(value, out) ? STATUS_OK : refuse(r, &value->start_mark, "a number is wanted here");
}

static enum status take_text(struct reader *r, const yaml_event_t *value, char *out, size_t size) {
    if (value->type != YAML_SCALAR_EVENT)
        return refuse(r, &value->start_mark, "a text is wanted here");
    if (out[0] != '\0')
        return refuse(r, &value->start_mark, "the key stands twice");
    const char *text = (const char *)value->data.scalar.value;
    bool null = value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (strcmp(text, "null") == 0 || strcmp(text, "~") == 0);
    scan_log_copy(out, size, null ? "" : text);
    return STATUS_OK;
}

static enum status add_pair(struct reader *r, struct document *d, double energy_eV, const int64_t *pair_ns) {
    struct scan_point *points = growing_list_room(d->points, d->n_points, &d->capacity, sizeof *points, 64);
    if (points == NULL)
        return STATUS_NO_MEMORY;
    d->points = points;
    if (d->n_points >= INT32_MAX) {
        complaint_set(r->why, 0, 0, "too many points");
        return STATUS_BAD_VALUE;
    }
    d->points[d->n_points++] = (struct scan_point){ .start_ns = pair_ns[0], .end_ns = pair_ns[1], .incident_eV = energy_eV, .i0 = NAN, .i0_sigma = NAN };
    return STATUS_OK;
}

static enum status take_time(struct reader *r, const yaml_event_t *e, int64_t *out) {
    double seconds;
    return scalar_number(e, &seconds) && scan_log_ns_of(seconds, out) ? STATUS_OK : refuse(r, &e->start_mark, "a time in seconds is wanted here");
}

/* [start, end, start, end, ...], seconds. */
static enum status read_pairs(struct reader *r, struct document *d, double energy_eV) {
    int64_t pair_ns[2];
    for (unsigned k = 0;; k++) {
        yaml_event_t e;
        enum status s = next(r, &e);
        if (s != STATUS_OK)
            return s;
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        if (end && k % 2 == 1)
            s = refuse(r, &e.start_mark, "a start without an end: times come in pairs");
        else if (!end)
            s = take_time(r, &e, &pair_ns[k % 2]);
        yaml_event_delete(&e);
        if (s == STATUS_OK && !end && k % 2 == 1)
            s = add_pair(r, d, energy_eV, pair_ns);
        if (end || s != STATUS_OK)
            return s;
    }
}

static enum status take_point(struct reader *r, const char *key, const yaml_event_t *value, void *context) {
    double set_point;
    if (!scan_log_number_of(key, &set_point))
        return refuse(r, &value->start_mark, "the key before this must be a number: the motor's set point");
    if (value->type != YAML_SEQUENCE_START_EVENT)
        return refuse(r, &value->start_mark, "a list [start, end] is wanted here");
    return read_pairs(r, context, set_point);
}

static enum status take_header(struct reader *r, const char *key, const yaml_event_t *value, void *context) {
    struct document *d = context;
    if (strcmp(key, "start") == 0)
        return take_number(r, value, &d->start_s);
    if (strcmp(key, "stop") == 0)
        return take_number(r, value, &d->stop_s);
    if (strcmp(key, "mono") == 0)
        return take_number(r, value, &d->mono_eV);
    return skip(r, value);
}

static enum status take_map(struct reader *r, const char *key, const yaml_event_t *value, struct document *d) {
    if (strcmp(key, "header") == 0)
        return read_mapping(r, take_header, d);
    if (strcmp(key, "loop") == 0) {
        d->has_loop = true;
        return skip(r, value);
    }
    if (d->points_of[0] != '\0')
        return refuse(r, &value->start_mark, "a second map of set points in one document");
    scan_log_copy(d->points_of, sizeof d->points_of, key);
    return read_mapping(r, take_point, d);
}

static enum status take_field(struct reader *r, const char *key, const yaml_event_t *value, void *context) {
    struct document *d = context;
    if (value->type == YAML_MAPPING_START_EVENT)
        return take_map(r, key, value, d);
    if (strcmp(key, "dtype") == 0)
        return take_text(r, value, d->dtype, sizeof d->dtype);
    if (strcmp(key, "sample") == 0)
        return take_text(r, value, d->sample, sizeof d->sample);
    if (strcmp(key, "motor") == 0)
        return take_text(r, value, d->motor, sizeof d->motor);
    if (strcmp(key, "mono") == 0)
        return take_number(r, value, &d->mono_eV);
    return skip(r, value);
}

/* ---- documents ---- */

static enum status read_root(struct reader *r, struct document *d) {
    yaml_event_t e;
    enum status s = next(r, &e);
    if (s != STATUS_OK)
        return s;
    s = e.type == YAML_MAPPING_START_EVENT ? read_mapping(r, take_field, d) : refuse(r, &e.start_mark, "not a scan log: a document is no map");
    yaml_event_delete(&e);
    if (s != STATUS_OK)
        return s;
    s = next(r, &e);
    if (s == STATUS_OK)
        yaml_event_delete(&e);  /* the document's end */
    return s;
}

static void fill_scan(const char *name, const struct document *head, const struct document *d, struct scan *s) {
    *s = (struct scan){ .number = -1, .log_number = scan_log_number_in_name(name), .mono_eV = NAN };
    scan_log_copy(s->log_name, sizeof s->log_name, name);
    memcpy(s->sample, head->sample, sizeof s->sample);
    if (strcmp(head->dtype, "cal") != 0) {
        memcpy(s->var_name, d->points_of, sizeof s->var_name);
        scan_log_copy(s->var_unit, sizeof s->var_unit, scan_log_is_energy(s->var_name, "") ? "eV" : "");
        return;
    }
    s->calibration = true;
    s->mono_eV = isnan(d->mono_eV) ? head->mono_eV : d->mono_eV;
    scan_log_copy(s->var_name, sizeof s->var_name, "time");
    scan_log_copy(s->var_unit, sizeof s->var_unit, "s");
}

/* Points go over to the scan. Set points of a motor that is no energy are not incident energies. */
static enum status fill_points(struct reader *r, const yaml_mark_t *at, struct document *d, struct scan *s) {
    if (d->n_points == 0)
        return refuse(r, at, "a pass without points: no map of the motor's set points, or an empty one");
    s->points = d->points;
    s->n_points = (uint32_t)d->n_points;
    d->points = NULL;
    s->start_ns = INT64_MAX;
    s->end_ns = INT64_MIN;
    for (uint32_t i = 0; i < s->n_points; i++) {
        struct scan_point *p = &s->points[i];
        p->incident_eV = s->var_unit[0] != '\0' ? p->incident_eV : NAN;
        s->start_ns = p->start_ns < s->start_ns ? p->start_ns : s->start_ns;
        s->end_ns = p->end_ns > s->end_ns ? p->end_ns : s->end_ns;
    }
    return STATUS_OK;
}

static enum status fill_interval(struct reader *r, const yaml_mark_t *at, const struct document *d, struct scan *s) {
    if (!scan_log_ns_of(d->start_s, &s->start_ns) || !scan_log_ns_of(d->stop_s, &s->end_ns) || s->start_ns >= s->end_ns)
        return refuse(r, at, "a calibration needs a header with start before stop, in seconds");
    return STATUS_OK;
}

static enum status add_scan(struct scan_log *log, struct scan *s) {
    struct scan *scans = realloc(log->scans, (log->n + 1) * sizeof *scans);
    if (scans == NULL) {
        scan_done(s);
        return STATUS_NO_MEMORY;
    }
    log->scans = scans;
    log->scans[log->n++] = *s;
    return STATUS_OK;
}

static enum status take_document(struct reader *r, const char *name, const yaml_mark_t *at, const struct document *head, struct document *d, struct scan_log *log) {
    if (log->n == MAX_PASSES)
        return refuse(r, at, "too many documents for a scan log");
    struct scan s;
    fill_scan(name, head, d, &s);
    enum status status = s.calibration ? fill_interval(r, at, d, &s) : fill_points(r, at, d, &s);
    return status == STATUS_OK ? add_scan(log, &s) : status;
}

static const struct document empty_document = { .mono_eV = NAN, .start_s = NAN, .stop_s = NAN };

static enum status read_head(struct reader *r, const yaml_mark_t *at, struct document *head) {
    enum status s = read_root(r, head);
    if (s != STATUS_OK || strcmp(head->dtype, "cal") == 0 || strcmp(head->dtype, "data") == 0)
        return s;
    refuse(r, at, "not a scan log: its first document has no dtype data or cal");
    return STATUS_NOT_FOUND;
}

static enum status read_documents(struct reader *r, const char *name, struct document *head, struct scan_log *log) {
    bool has_head = false;
    for (;;) {
        yaml_event_t e;
        enum status s = next(r, &e);
        if (s != STATUS_OK)
            return s;
        yaml_event_type_t type = e.type;
        yaml_mark_t at = e.start_mark;
        yaml_event_delete(&e);
        if (type == YAML_STREAM_END_EVENT)
            return STATUS_OK;
        if (type == YAML_STREAM_START_EVENT)
            continue;
        if (!has_head) {
            s = read_head(r, &at, head);
            has_head = true;
        } else {
            struct document d = empty_document;
            s = read_root(r, &d);
            if (s == STATUS_OK)
                s = take_document(r, name, &at, head, &d, log);
            free(d.points);
        }
        if (s != STATUS_OK)
            return s;
    }
}

enum status scan_log_parse_yaml(const char *name, const uint8_t *bytes, size_t n, struct scan_log *out, struct complaint *why) {
    if (n > SCAN_LOG_LIMIT) {
        complaint_set(why, SCAN_LOG_LIMIT, 0, "longer than the %d MiB a scan log may have", SCAN_LOG_LIMIT >> 20);
        return STATUS_BAD_VALUE;
    }
    struct reader r = { .n_bytes = n, .why = why };
    if (!yaml_parser_initialize(&r.parser))
        return STATUS_NO_MEMORY;
    yaml_parser_set_input_string(&r.parser, bytes, n);
    struct document head = empty_document;
    struct scan_log log = { .n = 0 };
    enum status s = read_documents(&r, name, &head, &log);
    yaml_parser_delete(&r.parser);
    free(head.points);
    if (s == STATUS_OK && log.n == 0) {
        complaint_set(why, n, 0, "the log holds no scan: only its first document is there");
        s = STATUS_TOO_FEW;
    }
    if (s == STATUS_OK)
        *out = log;
    else
        scan_log_done(&log);
    return s;
}
