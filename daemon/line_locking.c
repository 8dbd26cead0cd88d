#include "daemon/line_locking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/progress.h"
#include "daemon/source/channel_reader.h"
#include "daemon/stage/analyse.h"
#include "pulse/cut.h"

/* A photon that may count. */
struct candidate { int64_t time_ns; float energy_eV, incident_eV; };

struct candidates { struct candidate *list; size_t n, room; bool failed; };

struct line_locking {
    const struct beamtime *beamtime;
    const struct array_model *model;
    struct line_lock *lock;
    struct candidates *found;   /* one per channel; its job fills it, taking it frees it */
    struct progress progress;
};

static void keep(struct candidates *c, struct candidate one) {
    if (c->n == c->room) {
        size_t more = c->room ? 2 * c->room : 1024;
        struct candidate *bigger = realloc(c->list, more * sizeof *bigger);
        if (bigger == NULL) {
            c->failed = true;
            return;
        }
        c->list = bigger;
        c->room = more;
    }
    c->list[c->n++] = one;
}

static void pick(const struct line_locking *w, const struct photon_block *b, struct candidates *c) {
    const struct scan_timeline *t = w->beamtime->timeline;
    struct scan_place place = { 0 };
    for (size_t i = 0; i < b->n && !c->failed; i++) {
        if (b->cuts[i] != 0 || fabs((double)b->energy_eV[i] - w->lock->line.energy_eV) > 2 * w->lock->reach_eV)
            continue;
        scan_timeline_move(t, b->time_ns[i], &place);
        if (place.index >= 0 && place.point >= 0)
            keep(c, (struct candidate){ b->time_ns[i], b->energy_eV[i], (float)scan_timeline_at(t, (size_t)place.index)->points[place.point].incident_eV });
    }
}

static void look(struct line_locking *w, const struct analyse_settings *settings, struct channel_reader *reader, struct candidates *out) {
    size_t most = channel_reader_most(reader) + 1, n = 0;
    struct measured_pulse *pulses = calloc(most, sizeof *pulses);
    struct photon_block *block = NULL;
    struct channel_record record;
    out->failed = pulses == NULL || photon_block_new(most, &block) != STATUS_OK;
    while (!out->failed && n < most && channel_reader_next(reader, &record))
        analyse_measure(settings, &record, &pulses[n++]);
    if (!out->failed) {
        analyse_rows(settings, pulses, n, block);
        pick(w, block, out);
    }
    photon_block_free(block);
    free(pulses);
}

static void look_job(void *context, size_t pixel) {
    struct line_locking *w = context;
    const struct array_model *m = w->model;
    struct analyse_settings settings = { .pixel = (uint32_t)pixel, .model = m->channels[pixel].model, .n_tables = m->n_tables, .tables = m->tables };
    struct channel_reader *reader;
    w->found[pixel].failed = true;
    if (!channel_reader_open(&w->beamtime->pulses.channels[pixel], (uint32_t)pixel, &reader))
        return;
    if (channel_reader_sort(reader))
        look(w, &settings, reader, &w->found[pixel]);
    channel_reader_close(reader);
}

static bool take(void *context, size_t pixel) {
    struct line_locking *w = context;
    struct candidates *c = &w->found[pixel];
    bool good = !c->failed;
    for (size_t i = 0; i < c->n && good; i++)
        good = line_lock_add(w->lock, (uint32_t)pixel, c->list[i].time_ns, (double)c->list[i].energy_eV, (double)c->list[i].incident_eV) == STATUS_OK;
    free(c->list);
    *c = (struct candidates){ 0 };
    progress_add(&w->progress, 1);
    return good;
}

/* Middles of the calibrations next to a stretch. */
static void set_calibrations(const struct array_model *m, struct lock_stretch *s) {
    s->before_ns = INT64_MIN;
    s->after_ns = INT64_MAX;
    for (size_t k = 0; k < m->n_tables; k++) {
        int64_t middle = m->tables[k]->start_ns + (m->tables[k]->end_ns - m->tables[k]->start_ns) / 2;
        if (middle <= s->start_ns)
            s->before_ns = middle;
        else if (middle >= s->end_ns && s->after_ns == INT64_MAX)
            s->after_ns = middle;
    }
}

/* Rows of scans of one sample; a calibration ends one. */
static size_t make_stretches(const struct scan_timeline *t, const struct array_model *m, struct lock_stretch *out) {
    size_t n = 0;
    const struct scan *last = NULL;
    for (size_t i = 0; i < scan_timeline_count(t); i++) {
        const struct scan *s = scan_timeline_at(t, i);
        if (s->calibration || s->n_points == 0) {
            last = s->calibration ? NULL : last;
            continue;
        }
        if (last == NULL || strcmp(last->sample, s->sample) != 0)
            out[n++] = (struct lock_stretch){ .start_ns = s->start_ns };
        out[n - 1].end_ns = s->end_ns;
        out[n - 1].n_scans++;
        last = s;
    }
    for (size_t k = 0; k < n; k++)
        set_calibrations(m, &out[k]);
    return n;
}

/* The line in the last calibration's table; false: not there. */
static bool find_line(const struct array_model *m, const char *name, struct reference_line *out) {
    struct line_table *lines;
    const char *text = m->n_tables ? m->tables[m->n_tables - 1]->line_table_text : NULL;
    bool found = false;
    if (text == NULL || line_table_parse("", (const uint8_t *)text, strlen(text), &lines, NULL) != STATUS_OK)
        return false;
    for (size_t i = 0; i < lines->n && !found; i++) {
        found = strcmp(lines->lines[i].name, name) == 0;
        if (found)
            *out = lines->lines[i];
    }
    line_table_free(lines);
    return found;
}

static void say(const struct line_lock *l) {
    for (size_t i = 0; i < l->n_stretches; i++)
        if (!l->stretches[i].locked)
            log_warning("line lock on %s: scans %zu of %zu groups are left as they are: %s", l->line.name, i + 1, l->n_stretches, l->stretches[i].reason);
    if (l->pixels_refused > 0)
        log_warning("line lock on %s: %u pixels would have to be moved by more than 3 eV and are left as they are", l->line.name, l->pixels_refused);
}

static bool work(struct line_locking *w, const struct reference_line *line, unsigned workers) {
    const struct array_model *m = w->model;
    size_t n = m->n_channels;
    struct lock_stretch *stretches = calloc(scan_timeline_count(w->beamtime->timeline) + 1, sizeof *stretches);
    w->found = calloc(n + 1, sizeof *w->found);
    double resolution_eV = m->tables[m->n_tables - 1]->resolution_eV;
    bool good = stretches != NULL && w->found != NULL &&
                line_lock_new(line, resolution_eV > 0 ? resolution_eV : 3, stretches, make_stretches(w->beamtime->timeline, m, stretches), (uint32_t)n, &w->lock) == STATUS_OK;
    if (good) {
        progress_begin(&w->progress, "locking to a line", n);
        good = pipeline_run_ordered(n, workers, look_job, take, w) && line_lock_find(w->lock) == STATUS_OK;
        progress_end(&w->progress);
    }
    for (size_t i = 0; w->found != NULL && i < n; i++)
        free(w->found[i].list);
    free(w->found);
    free(stretches);
    return good;
}

bool line_locking_run(const struct beamtime *b, const struct array_model *m, const char *line, unsigned workers, struct line_lock **out) {
    struct line_locking w = { .beamtime = b, .model = m };
    struct reference_line reference;
    *out = NULL;
    if (!find_line(m, line, &reference)) {
        log_warning("calibration.line_lock: there is no line %s in the table of the calibrations, so nothing is locked", line);
        return true;
    }
    if (!work(&w, &reference, workers)) {
        log_error("out of memory while locking to %s", line);
        line_lock_free(w.lock);
        return false;
    }
    say(w.lock);
    *out = w.lock;
    return true;
}
