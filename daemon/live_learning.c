#include "daemon/live_learning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "calib/calibration_form.h"
#include "daemon/log.h"
#include "daemon/model_store.h"
#include "daemon/named_lines.h"
#include "daemon/stage/analyse.h"

static const int64_t SETTLE_BEHIND_NS = 1000000000;
enum { RECALLED_MAX = 1 << 19, RING_BLOCKS = 32, BLOCK_ROWS = 256, BLOCK_SAMPLES = 1 << 19, EMIT_ROWS = 256, NICE = 10, PATH = 600 };

struct recalled { struct measured_pulse pulse; uint16_t pixel; uint8_t flags; int64_t second_ns; };   /* second: the first pulse inside it; 0 none */

struct live_learning {
    const struct options *options;
    struct line_table *lines;
    struct learning_desk *desk;
    char kept[PATH];
    bool open, ending;              /* a state is recorded; its end is known and not yet told */
    enum learning_state kind;
    char label[32];
    int64_t end_ns;
    bool recalling, too_many;       /* rows since end_ns are kept */
    size_t n, capacity;
    struct recalled *rows;
    struct learnt_result result;    /* the accepted one, until the next */
    bool nice;
};

static bool wanted(const struct options *o) { return o->learn.live && o->output.folder[0] != '\0' && o->calibration.file[0] == '\0'; }

bool live_learning_new(struct options *o, struct live_learning **out) {
    *out = NULL;
    if (!wanted(o))
        return true;
    struct live_learning *l = calloc(1, sizeof *l);
    if (l == NULL)
        return false;
    l->options = o;
    l->lines = named_lines(o->calibration.lines);
    snprintf(l->kept, sizeof l->kept, "%s/last_calibration.h5", o->output.folder);
    struct learning_desk_settings s = { .learning = { .workers = 1, .lines = l->lines, .mono_eV = o->calibration.mono_eV, .form = CURVE_SPLINE, .rules = { .tails = o->calibration.tails } },
                                        .folder = o->output.folder, .spool_bytes = (uint64_t)(o->learn.spool_MiB * 1048576), .ring_blocks = RING_BLOCKS,
                                        .block_rows = BLOCK_ROWS, .block_samples = BLOCK_SAMPLES };
    calibration_form_named(o->calibration.curve, &s.learning.form);
    if (l->lines == NULL || !learning_desk_new(&s, &l->desk)) {
        live_learning_free(l);
        return false;
    }
    if (access(l->kept, R_OK) == 0) {
        snprintf(o->calibration.file, sizeof o->calibration.file, "%.255s", l->kept);
        log_note("%s: the last calibration that was learnt is in force", l->kept);
    }
    *out = l;
    return true;
}

void live_learning_free(struct live_learning *l) {
    if (l == NULL)
        return;
    learning_desk_free(l->desk);
    line_table_free(l->lines);
    learnt_result_done(&l->result);
    free(l->rows);
    free(l);
}

/* What is measured now goes first. */
bool live_learning_thread(void *learning) {
    struct live_learning *l = learning;
    if (!l->nice)
        setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    l->nice = true;
    return learning_desk_step(l->desk);
}

struct ring *live_learning_ring(struct live_learning *l) { return l != NULL ? learning_desk_ring(l->desk) : NULL; }
const _Atomic bool *live_learning_wanted(const struct live_learning *l) { return l != NULL ? learning_desk_learning(l->desk) : NULL; }
const char *live_learning_kept(const struct live_learning *l) { return l->kept; }

/* ---- states ---- */

static void forget_rows(struct live_learning *l) {
    free(l->rows);
    l->rows = NULL;
    l->n = l->capacity = 0;
    l->recalling = l->too_many = false;
}

void live_learning_array(struct live_learning *l, const struct live_array *array, const struct array_model *in_force) {
    if (l == NULL)
        return;
    forget_rows(l);
    l->open = l->ending = false;
    if (!learning_desk_array(l->desk, array, in_force))
        log_error("out of memory: nothing is learnt of this array");
}

static void end_state(struct live_learning *l, int64_t time_ns) {
    if (!l->open || l->ending)
        return;
    l->ending = true;
    l->end_ns = time_ns;
    forget_rows(l);
    l->recalling = true;
}

/* What is told by the control port is told again by the acquisition's label. */
static void begin_state(struct live_learning *l, enum learning_state kind, const struct scan_event *e) {
    if (l->open && !l->ending && kind == l->kind && strcmp(e->label, l->label) == 0)
        return;
    if (l->ending)
        learning_desk_end(l->desk, l->end_ns);
    forget_rows(l);
    l->open = learning_desk_begin(l->desk, kind, e);
    l->ending = false;
    l->kind = kind;
    memcpy(l->label, e->label, sizeof l->label);
}

void live_learning_label(struct live_learning *l, const char *label, int64_t time_ns) {
    enum learning_state kind;
    if (l == NULL)
        return;
    if (!learning_state_of_label(label, &kind)) {
        end_state(l, time_ns);
        return;
    }
    struct scan_event e = { .kind = SCAN_EVENT_CALIBRATION_START, .time_ns = time_ns, .number = -1, .incident_eV = NAN };
    snprintf(e.label, sizeof e.label, "%.31s", label);
    sscanf(label, "CAL%d", &e.number);
    begin_state(l, kind, &e);
}

void live_learning_event(struct live_learning *l, const struct scan_event *e) {
    if (l == NULL)
        return;
    if (e->kind == SCAN_EVENT_CALIBRATION_START) {
        struct scan_event named = *e;
        if (named.label[0] == '\0')
            snprintf(named.label, sizeof named.label, "CAL%d", e->number);
        begin_state(l, LEARN_CALIBRATION, &named);
    } else if (e->kind == SCAN_EVENT_CALIBRATION_END || e->kind == SCAN_EVENT_SCAN_START) {
        end_state(l, e->time_ns);
    }
}

/* ---- rows since the end of a calibration ---- */

static bool room(struct live_learning *l) {
    if (l->n < l->capacity)
        return true;
    size_t capacity = l->capacity ? 2 * l->capacity : 4096;
    struct recalled *grown = capacity <= RECALLED_MAX ? realloc(l->rows, capacity * sizeof *grown) : NULL;
    if (grown == NULL)
        return false;
    l->rows = grown;
    l->capacity = capacity;
    return true;
}

void live_learning_rows(struct live_learning *l, const struct row_block *b) {
    size_t k = 0;
    if (l == NULL || !l->recalling || l->too_many)
        return;
    for (size_t i = 0; i < b->n; i++) {
        while (k < b->n_seconds && b->seconds[k].row < i)
            k++;
        if (b->photons->time_ns[i] < l->end_ns)
            continue;
        if (!room(l)) {
            forget_rows(l);
            l->recalling = l->too_many = true;
            return;
        }
        l->rows[l->n++] = (struct recalled){ .pulse = b->pulses[i], .pixel = b->photons->pixel[i], .flags = b->flags[i],
                                             .second_ns = k < b->n_seconds && b->seconds[k].row == i ? b->seconds[k].time_ns : 0 };
    }
}

static int by_time(const void *va, const void *vb) {
    const struct recalled *a = va, *b = vb;
    if (a->pulse.time_ns != b->pulse.time_ns)
        return a->pulse.time_ns < b->pulse.time_ns ? -1 : 1;
    return a->pixel != b->pixel ? (int)a->pixel - (int)b->pixel : (a->pulse.frame > b->pulse.frame) - (a->pulse.frame < b->pulse.frame);
}

/* The pulse of this pixel, frame and time, measured with new filters; NULL: it is not there. */
static const struct measured_pulse *anew(const struct learnt_result *r, const struct recalled *row) {
    for (size_t lo = r->first[row->pixel], hi = r->first[row->pixel + 1]; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        const struct measured_pulse *m = &r->behind[mid];
        if (m->frame == row->pulse.frame && m->time_ns == row->pulse.time_ns)
            return m;
        if (m->time_ns < row->pulse.time_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* With new filters a height of the old ones means nothing: what could not be measured anew has none. */
static struct measured_pulse pulse_of(const struct live_learning *l, const struct recalled *row) {
    if (!l->result.filters_new)
        return row->pulse;
    const struct measured_pulse *m = l->result.behind != NULL ? anew(&l->result, row) : NULL;
    return m != NULL ? *m : (struct measured_pulse){ .time_ns = row->pulse.time_ns, .frame = row->pulse.frame, .height = NAN, .arrival_samples = NAN,
                                                     .pretrigger_mean = NAN, .residual = NAN, .cuts = CUT_BIT(CUT_NO_MODEL) };
}

static void add_row(struct live_learning *l, const struct array_model *m, struct analyse_track *tracks, const struct recalled *from, struct row_block *to) {
    const struct analyse_settings s = { .pixel = from->pixel, .model = m->channels[from->pixel].model, .n_tables = m->n_tables, .tables = m->tables, .causal = true };
    size_t i = to->n;
    to->pulses[i] = pulse_of(l, from);
    struct measured_pulse p = to->pulses[i];
    analyse_next(&s, &tracks[from->pixel], &p, to->photons);
    to->flags[i] = from->flags;
    if (from->second_ns != 0 && to->n_seconds < to->second_capacity)
        to->seconds[to->n_seconds++] = (struct inner_event){ .row = i, .time_ns = from->second_ns };
    to->n++;
}

/* Rows in order of time with their new energies: to the book (NULL: none), settled as far as those behind allow, and to who keeps pulses. */
static bool give_rows(struct live_learning *l, const struct array_model *m, uint64_t version, struct live_book *book, rows_anew *give, void *context) {
    struct row_block *b = NULL;
    struct analyse_track *tracks = calloc(m->n_channels + 1, sizeof *tracks);
    bool good = tracks != NULL && row_block_new(EMIT_ROWS, &b);
    if (l->n > 0)
        qsort(l->rows, l->n, sizeof *l->rows, by_time);
    for (size_t i = 0; good && i < l->n; i++) {
        add_row(l, m, tracks, &l->rows[i], b);
        if (b->n < b->capacity && i + 1 < l->n)
            continue;
        b->model_version = version;
        if (give != NULL)
            give(context, b);
        if (book != NULL) {
            live_book_rows(book, b);
            live_book_settle(book, l->rows[i].pulse.time_ns - SETTLE_BEHIND_NS, false);
        }
        row_block_clear(b);
    }
    row_block_free(b);
    free(tracks);
    return good;
}

static void tell_recount(const struct live_learning *l, const struct live_scan *scan, bool good) {
    if (good)
        log_note("scan %d: %zu records since calibration %s are counted anew with it", scan->scan.number, l->n, l->result.label);
    else if (scan != NULL && !scan->ended)
        log_warning("scan %d keeps what was counted before calibration %s: %s", scan->scan.number, l->result.label,
                    l->too_many ? "too many records came since its end" : "it began before its end, or memory ran out");
}

void live_learning_recount(struct live_learning *l, const struct array_model *m, uint64_t version, int64_t watermark_ns, struct live_book **book, rows_anew *give,
                           void *context, int64_t *filters_from_ns) {
    const struct live_scan *scan = live_book_scan(*book);
    struct live_book *again = NULL;
    bool possible = !l->too_many && scan != NULL && scan->scan.start_ns >= l->end_ns && live_book_again(*book, &again);
    *filters_from_ns = l->result.filters_new ? l->end_ns : INT64_MIN;
    bool good = give_rows(l, m, version, again, l->result.filters_new ? give : NULL, context) && possible;
    if (good) {
        live_book_settle(again, watermark_ns, false);
        *book = again;
    } else {
        live_book_free(again);
    }
    tell_recount(l, live_book_scan(*book), good);
    learnt_result_done(&l->result);
    forget_rows(l);
}

/* ---- results ---- */

static void tell(const struct learnt_result *r) {
    if (r->label[0] == '\0' || r->nothing)
        log_note("%s%s", r->label[0] != '\0' ? "a calibration is passed over: " : "", r->why);
    else if (r->model == NULL)
        log_warning("calibration %s is not accepted: %s; the one before stays in force", r->label, r->why);
    else
        log_note("calibration %s is accepted: %u good pixels, %u before%s", r->label, r->n_good, r->n_good_before, r->filters_new ? "; filters are new" : "");
}

bool live_learning_step(struct live_learning *l, int64_t watermark_ns, struct array_model **model) {
    struct learnt_result r;
    if (l == NULL)
        return false;
    if (l->ending && watermark_ns > l->end_ns && learning_desk_end(l->desk, l->end_ns))
        l->open = l->ending = false;
    if (!learning_desk_result(l->desk, &r))
        return false;
    tell(&r);
    if (r.model == NULL) {
        learnt_result_done(&r);
        if (!learning_desk_busy(l->desk) && !l->ending)
            forget_rows(l);
        return false;
    }
    if (!model_store_save(l->kept, r.model))
        log_warning("%s: the calibration is in force, but not kept for the next start", l->kept);
    *model = r.model;
    r.model = NULL;
    learnt_result_done(&l->result);
    l->result = r;
    return true;
}
