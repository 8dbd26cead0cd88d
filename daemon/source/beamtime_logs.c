#include "daemon/source/beamtime_logs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/experiment_state.h"
#include "daemon/log.h"
#include "daemon/source/file_bytes.h"
#include "daemon/source/scan_log.h"

enum { STATE_LIMIT = 64 << 20 };

struct collection {
    const struct log_search *search;
    struct log_counts *counts;
    int64_t first_ns, last_ns;   /* span of records and states */
    size_t n;                    /* what was found, until it goes to the timeline */
    struct scan *scans;
    bool memory;
};

static bool ends_with(const char *s, const char *ending) {
    size_t n = strlen(s), m = strlen(ending);
    return n >= m && strcmp(s + n - m, ending) == 0;
}

static void refuse(struct collection *c, const char *path, const struct complaint *why, enum status s) {
    const char *text = why->text[0] ? why->text : status_text(s);
    if (why->line > 0)
        log_warning("%s:%u: %s; this log is left out, its scan will be missing", path, why->line, text);
    else
        log_warning("%s: byte %llu: %s; this log is left out, its scan will be missing", path, (unsigned long long)why->offset, text);
    c->counts->refused++;
}

static bool same_log(const struct scan *a, const struct scan *b) {
    return a->calibration == b->calibration && a->log_number == b->log_number && a->start_ns == b->start_ns && a->n_points == b->n_points &&
           strcmp(a->log_name, b->log_name) == 0 && strcmp(a->label, b->label) == 0;
}

/* Takes the scan over; one that was found before (the same log in two folders) is dropped. */
static void keep(struct collection *c, struct scan *s) {
    for (size_t i = 0; i < c->n; i++)
        if (same_log(&c->scans[i], s)) {
            scan_done(s);
            return;
        }
    struct scan *grown = realloc(c->scans, (c->n + 1) * sizeof *grown);
    if (grown == NULL) {
        scan_done(s);
        c->memory = false;
        return;
    }
    c->scans = grown;
    c->scans[c->n++] = *s;
    *s = (struct scan){ 0 };
}

static bool wants_all(const struct collection *c) {
    return c->search->calibration != NULL && strcmp(c->search->calibration, "all") == 0;
}

static void keep_all_records(struct collection *c) {
    struct scan s = { .calibration = true, .number = -1, .log_number = -1, .start_ns = c->search->first_ns, .end_ns = c->search->last_ns + 1,
                      .mono_eV = (double)__builtin_nanf(""), .label = "all" };
    keep(c, &s);
}

static void keep_state(struct collection *c, const struct state_label *label) {
    int32_t number;
    char kind = state_label_kind(label->label, &number);
    const char *wanted = c->search->calibration;
    if (wanted != NULL && kind != 'C' && strcmp(label->label, wanted) == 0) {
        kind = 'C';
        number = -1;
    }
    if (kind == 0 || (kind == 'C' && wants_all(c)))
        return;
    struct scan s = {
        .calibration = kind == 'C', .number = -1, .log_number = number,
        .start_ns = label->start_ns, .end_ns = label->end_ns, .mono_eV = (double)__builtin_nanf(""),
    };
    snprintf(s.label, sizeof s.label, "%.31s", label->label);
    c->counts->states++;
    keep(c, &s);
}

/* Its labels, up to STOP or for ever after a crash, overlap the records. */
static bool of_these_runs(const struct collection *c, const struct experiment_state *s) {
    if (s->n == 0)
        return true;
    const struct state_label *last = &s->labels[s->n - 1];
    int64_t end_ns = strcmp(last->label, "STOP") == 0 ? last->start_ns : INT64_MAX;
    return s->labels[0].start_ns <= c->search->last_ns && end_ns >= c->search->first_ns;
}

static void read_states(struct collection *c, const char *path) {
    uint8_t *text;
    size_t n;
    struct complaint why = { 0 };
    struct experiment_state states;
    enum status s = file_bytes_text(path, STATE_LIMIT, &text, &n, &why);
    if (s == STATUS_OK) {
        s = experiment_state_parse(text, n, &states, &why);
        free(text);
    }
    if (s != STATUS_OK) {
        refuse(c, path, &why, s);
        return;
    }
    if (!of_these_runs(c, &states)) {
        c->counts->other_runs++;
        experiment_state_done(&states);
        return;
    }
    if (states.skipped_lines > 0)
        log_warning("%s:%u: not \"<ns>, <label>\"; %llu such lines are skipped", path, states.first_skipped_line, (unsigned long long)states.skipped_lines);
    for (size_t i = 0; i < states.n; i++) {
        const struct state_label *l = &states.labels[i];
        c->first_ns = l->start_ns < c->first_ns ? l->start_ns : c->first_ns;
        c->last_ns = l->start_ns > c->last_ns ? l->start_ns : c->last_ns;
        keep_state(c, l);
    }
    experiment_state_done(&states);
}

static void read_log(struct collection *c, const char *path, const char *name) {
    uint8_t *text;
    size_t n;
    struct complaint why = { 0 };
    struct scan_log log;
    enum status s = file_bytes_text(path, SCAN_LOG_LIMIT, &text, &n, &why);
    if (s == STATUS_OK) {
        s = scan_log_parse(name, text, n, c->search->i0_key, &log, &why);
        free(text);
    }
    if (s != STATUS_OK) {
        refuse(c, path, &why, s);
        return;
    }
    if (log.note.text[0] != 0)
        log_warning("%s: %s", path, log.note.text);
    for (size_t i = 0; i < log.n; i++) {
        struct scan *scan = &log.scans[i];
        if (scan->end_ns < c->first_ns || scan->start_ns > c->last_ns) {
            c->counts->other_runs++;
        } else if (!scan->calibration || !wants_all(c)) {
            c->counts->logs++;
            keep(c, scan);
        }
    }
    scan_log_done(&log);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum wanted { WANT_STATES, WANT_LOGS };

static bool is_log_name(const char *name) {
    return ends_with(name, ".json") ? strncmp(name, "scan", 4) == 0 || strncmp(name, "calibration", 11) == 0 : ends_with(name, "_log");
}

static bool search_folder(struct collection *c, const char *folder, enum wanted wanted) {
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, by_name);
    if (n < 0)
        return false;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char *path = NULL;
        if (asprintf(&path, "%s/%s", folder, name) < 0)
            path = NULL;
        if (path != NULL && wanted == WANT_STATES && ends_with(name, "_experiment_state.txt"))
            read_states(c, path);
        else if (path != NULL && wanted == WANT_LOGS && is_log_name(name))
            read_log(c, path, name);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return true;
}

static void search_logs_below(struct collection *c, const char *folder) {
    search_folder(c, folder, WANT_LOGS);
    char *below = NULL;
    if (asprintf(&below, "%s/logs", folder) >= 0)
        search_folder(c, below, WANT_LOGS);
    free(below);
}

/* States first: they widen the span that decides which logs belong to the runs. */
static void search_all(struct collection *c) {
    const struct log_search *s = c->search;
    for (size_t i = 0; i < s->n_run_folders; i++)
        search_folder(c, s->run_folders[i], WANT_STATES);
    for (size_t i = 0; i < s->n_run_folders; i++)
        search_logs_below(c, s->run_folders[i]);
    for (size_t i = 0; i < s->n_log_folders; i++) {
        if (!search_folder(c, s->log_folders[i], WANT_STATES)) {
            log_warning("%s: cannot be read as a folder of logs; name the folder that holds scanNNNN.json or *_log", s->log_folders[i]);
            c->counts->refused++;
            continue;
        }
        search_logs_below(c, s->log_folders[i]);
    }
}

static bool fill_timeline(struct collection *c, struct scan_timeline *t) {
    struct complaint why;
    for (size_t i = 0; i < c->n; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s", c->scans[i].log_name[0] ? c->scans[i].log_name : c->scans[i].label);
        why = (struct complaint){ 0 };
        enum status s = scan_timeline_add(t, &c->scans[i], &why);
        if (s == STATUS_NO_MEMORY)
            return false;
        if (why.text[0] != 0)
            log_warning("%s: %s", name, why.text);
        if (s != STATUS_OK)
            c->counts->refused++;
    }
    why = (struct complaint){ 0 };
    enum status s = scan_timeline_finish(t, &why);
    if (why.text[0] != 0)
        log_warning("logs: %s", why.text);
    return s == STATUS_OK;
}

bool beamtime_logs_collect(const struct log_search *search, struct scan_timeline **out, struct log_counts *counts) {
    *counts = (struct log_counts){ 0 };
    struct collection c = { .search = search, .counts = counts, .first_ns = search->first_ns, .last_ns = search->last_ns, .memory = true };
    struct scan_timeline *t = NULL;
    for (size_t i = 0; i < search->n_own; i++)
        keep(&c, &search->own[i]);
    search_all(&c);
    if (wants_all(&c))
        keep_all_records(&c);
    bool good = c.memory && scan_timeline_new(&t) == STATUS_OK && fill_timeline(&c, t);
    for (size_t i = 0; i < c.n; i++)
        scan_done(&c.scans[i]);
    free(c.scans);
    if (counts->other_runs > 0)
        log_note("%zu logs lie outside the time of these records and are not used", counts->other_runs);
    if (good)
        *out = t;
    else
        scan_timeline_free(t);
    return good;
}
