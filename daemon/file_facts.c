#include "daemon/file_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/experiment_state.h"
#include "calib/line_table.h"
#include "daemon/h5_facts.h"
#include "daemon/log.h"
#include "daemon/source/file_bytes.h"
#include "daemon/source/scan_log.h"
#include "daemon/source/source.h"
#include "pulse/external_trigger.h"

enum { HEAD_BYTES = 4096, TEXT_LIMIT = 64 << 20 };

static void put(json_t *facts, const char *key, json_t *value) {
    json_object_set_new(facts, key, value);
}

static void put_ns(json_t *facts, const char *key, int64_t ns) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, ns);
    put(facts, key, json_string(text));
}

struct time_span { bool known; int64_t first_ns, last_ns; };

static void put_records(json_t *facts, const struct source_info *info, const struct time_span *span) {
    put(facts, "records", json_integer((json_int_t)info->records));
    put(facts, "torn", json_integer((json_int_t)info->torn));
    if (info->torn > 0)
        put(facts, "first_torn_offset", json_integer((json_int_t)info->first_torn_offset));
    put(facts, "tail_bytes", json_integer((json_int_t)info->tail_bytes));
    put(facts, "samples", json_integer(info->shape.n_samples));
    put(facts, "presamples", json_integer(info->shape.n_presamples));
    put(facts, "sample_period_s", json_real(info->shape.sample_period_s));
    if (info->shape.coefficients)
        put(facts, "coefficients", json_integer(info->shape.n_bases));
    if (span->known) {
        put_ns(facts, "first_time_ns", span->first_ns);
        put_ns(facts, "last_time_ns", span->last_ns);
    }
}

static enum status walk(struct source_file *f, struct time_span *span, struct complaint *why) {
    struct channel_record r;
    enum source_step step;
    while ((step = source_file_next(f, 0, &r, NULL, why)) == SOURCE_RECORD) {
        span->first_ns = !span->known || r.time_ns < span->first_ns ? r.time_ns : span->first_ns;
        span->last_ns = !span->known || r.time_ns > span->last_ns ? r.time_ns : span->last_ns;
        span->known = true;
    }
    return step == SOURCE_END ? STATUS_OK : STATUS_IO;
}

static enum status pulses(const char *path, json_t *facts, struct complaint *why) {
    struct source_file *f;
    struct time_span span = { .known = false };
    enum status s = source_file_open(path, &f, why);
    if (s != STATUS_OK)
        return s;
    s = walk(f, &span, why);
    const struct source_info *info = source_file_info(f);
    put(facts, "format", json_string(info->format));
    put(facts, "version", json_string(info->version));
    put(facts, "channel", json_integer(info->channel));
    if (info->channel_name[0] != 0)
        put(facts, "name", json_string(info->channel_name));
    put_records(facts, info, &span);
    source_file_close(f);
    return s;
}

static enum status states(const uint8_t *text, size_t n, const char *name, json_t *facts, struct complaint *why) {
    struct experiment_state e;
    (void)name;
    enum status s = experiment_state_parse(text, n, &e, why);
    if (s != STATUS_OK)
        return s;
    json_t *list = json_array();
    for (size_t i = 0; i < e.n; i++) {
        json_t *one = json_object();
        put_ns(one, "start_ns", e.labels[i].start_ns);
        put(one, "label", json_string(e.labels[i].label));
        json_array_append_new(list, one);
    }
    put(facts, "format", json_string("experiment_state"));
    put(facts, "states", list);
    put(facts, "skipped_lines", json_integer((json_int_t)e.skipped_lines));
    experiment_state_done(&e);
    return STATUS_OK;
}

static enum status triggers(const uint8_t *text, size_t n, const char *name, json_t *facts, struct complaint *why) {
    struct external_trigger t;
    int64_t count, first = 0, last = 0;
    (void)name;
    enum status s = external_trigger_init(&t, text, n, why);
    if (s != STATUS_OK)
        return s;
    while (external_trigger_next(&t, text, n, &count)) {
        first = t.counts == 1 ? count : first;
        last = count;
    }
    put(facts, "format", json_string("external_trigger"));
    put(facts, "triggers", json_integer((json_int_t)t.counts));
    put(facts, "zeros", json_integer((json_int_t)t.zeros));
    put(facts, "tail_bytes", json_integer((json_int_t)(n - t.offset)));
    put(facts, "subframe_divisions", json_integer(t.divisions));
    if (t.counts > 0) {
        put_ns(facts, "first_subframe", first);
        put_ns(facts, "last_subframe", last);
    }
    return STATUS_OK;
}

static json_t *scan_facts(const struct scan *scan) {
    json_t *one = json_object();
    put(one, "kind", json_string(scan->calibration ? "calibration" : "scan"));
    put(one, "number", json_integer(scan->log_number));
    put(one, "sample", json_string(scan->sample));
    put(one, "points", json_integer(scan->n_points));
    put_ns(one, "start_ns", scan->start_ns);
    put_ns(one, "end_ns", scan->end_ns);
    if (scan->n_points > 0 && scan->points[0].incident_eV > 0) {
        put(one, "first_incident_eV", json_real(scan->points[0].incident_eV));
        put(one, "last_incident_eV", json_real(scan->points[scan->n_points - 1].incident_eV));
    }
    return one;
}

static enum status logs(const uint8_t *text, size_t n, const char *name, json_t *facts, struct complaint *why) {
    struct scan_log log;
    enum status s = scan_log_parse(name, text, n, "i0", &log, why);
    if (s != STATUS_OK)
        return s;
    json_t *list = json_array();
    for (size_t i = 0; i < log.n; i++)
        json_array_append_new(list, scan_facts(&log.scans[i]));
    put(facts, "format", json_string("scan_log"));
    put(facts, "scans", list);
    if (log.note.text[0] != 0)
        put(facts, "note", json_string(log.note.text));
    scan_log_done(&log);
    return STATUS_OK;
}

static enum status lines(const uint8_t *text, size_t n, const char *name, json_t *facts, struct complaint *why) {
    struct line_table *t;
    enum status s = line_table_parse(name, text, n, &t, why);
    if (s != STATUS_OK)
        return s;
    json_t *anchors = json_object();
    for (size_t i = 0; i < t->n; i++)
        if (t->lines[i].use == LINE_ANCHOR)
            put(anchors, t->lines[i].name, json_real(t->lines[i].energy_eV));
    put(facts, "format", json_string("line_table"));
    put(facts, "lines", json_integer((json_int_t)t->n));
    put(facts, "anchors_eV", anchors);
    line_table_free(t);
    return STATUS_OK;
}

static bool ends_with(const char *s, const char *ending) {
    size_t n = strlen(s), m = strlen(ending);
    return n >= m && strcmp(s + n - m, ending) == 0;
}

typedef enum status describe_text(const uint8_t *text, size_t n, const char *name, json_t *facts, struct complaint *why);

/* Text kinds by what they are called, since their contents overlap; the first that fits. */
static describe_text *text_kind(const char *name, const uint8_t *head, size_t n) {
    if (ends_with(name, "experiment_state.txt"))
        return states;
    if (ends_with(name, "external_trigger.bin"))
        return triggers;
    if (ends_with(name, ".csv"))
        return lines;
    if (n >= 3 && memcmp(head, "---", 3) == 0)
        return logs;
    return ends_with(name, ".json") ? logs : NULL;
}

static enum status describe(const char *path, json_t *facts, struct complaint *why) {
    struct file_bytes f;
    uint8_t head[HEAD_BYTES] = { 0 }, *text;
    enum status s = file_bytes_open(path, &f, why);
    if (s != STATUS_OK)
        return s;
    size_t n = f.size < sizeof head ? f.size : sizeof head;
    bool got = file_bytes_peek(&f, 0, head, n);
    file_bytes_close(&f);
    if (got && n >= 8 && memcmp(head, "\211HDF\r\n\032\n", 8) == 0)
        return h5_facts(path, facts, why);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    describe_text *kind = got ? text_kind(name, head, n) : NULL;
    if (kind == NULL)
        return pulses(path, facts, why);
    s = file_bytes_text(path, TEXT_LIMIT, &text, &n, why);
    if (s != STATUS_OK)
        return s;
    s = kind(text, n, name, facts, why);
    free(text);
    return s;
}

json_t *file_facts(const char *path) {
    json_t *facts = json_object();
    struct complaint why = { 0 };
    put(facts, "path", json_string(path));
    enum status s = describe(path, facts, &why);
    if (s == STATUS_OK)
        return facts;
    const char *text = why.text[0] ? why.text : status_text(s);
    if (why.line > 0)
        log_error("%s:%u: %s", path, why.line, text);
    else
        log_error("%s: byte %llu: %s", path, (unsigned long long)why.offset, text);
    json_decref(facts);
    return NULL;
}
