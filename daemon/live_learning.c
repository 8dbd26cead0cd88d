#include "daemon/live_learning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calib/calibration_form.h"
#include "daemon/log.h"
#include "daemon/named_lines.h"
#include "daemon/pipeline.h"
#include "daemon/stage/analyse.h"

static const int64_t SETTLE_BEHIND_NS = 1000000000;
static const double OUTLOOK_S = 10;
enum { RECALLED_MAX = 1 << 19, RING_BLOCKS = 32, BLOCK_ROWS = 256, BLOCK_SAMPLES = 1 << 19, EMIT_ROWS = 256, PRUNE_ROWS = 8192, PROGRESSES = 16, PATH = 600 };

struct recalled { struct measured_pulse pulse; uint16_t pixel; uint8_t flags; bool of_new; int64_t second_ns; };   /* second: the first pulse inside it; 0 none */

/* From a calibration that was accepted to the recount. */
enum hand_over { NOTHING_NEW, ACCEPTED, IN_FORCE, MEASURING, RECOUNT_DUE };


struct live_learning {
    const struct options *options;
    struct line_table *lines;
    struct learning_desk *desk;
    char kept[PATH];
    bool open, ending;              /* a state is recorded; its end is known and not yet told */
    enum learning_state kind;
    char label[32];
    int64_t end_ns;
    bool recalling, too_many;       /* rows since recall_ns are kept: the last calibration's end; while it goes on, the newest, for its end is told late */
    int64_t recall_ns, newest_ns;
    size_t pruned;                  /* rows that were left when old ones were dropped last */
    size_t n, capacity;
    struct recalled *rows;
    struct learnt_result result;    /* the accepted one, and what was measured for it, until the recount */
    char refusal[280];
    struct { char label[32]; bool refused; } last;     /* the calibration told last */
    _Atomic(struct calibration_progress *) progress;   /* of the present array; NULL: none. The learner's thread may have it in hand at any time, */
    struct pipeline_job_thread *looking;               /* the learner's; NULL: nobody looks */
    struct calibration_progress *progresses[PROGRESSES];   /* so that they live as long as this */
    uint32_t progress_pixels;
    unsigned n_progresses;
    enum hand_over hand_over;
    uint64_t new_version;           /* of the rows that the accepted one makes */
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
                                        .folder = o->output.folder, .kept = l->kept, .spool_bytes = (uint64_t)(o->learn.spool_MiB * 1048576), .ring_blocks = RING_BLOCKS,
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
    pipeline_background_join(l->looking);
    for (unsigned k = 0; k < l->n_progresses; k++)
        calibration_progress_free(l->progresses[k]);
    line_table_free(l->lines);
    learnt_result_done(&l->result);
    free(l->rows);
    free(l);
}

static void look(void *progress) { calibration_progress_step(progress); }

/* Looking at a calibration takes a second of CPU for a large array, and records come in meanwhile. */
static void look_in_background(struct live_learning *l) {
    struct calibration_progress *p = atomic_load_explicit(&l->progress, memory_order_acquire);
    if (l->looking != NULL && pipeline_background_over(l->looking)) {
        pipeline_background_join(l->looking);
        l->looking = NULL;
    }
    if (l->looking == NULL && p != NULL && calibration_progress_due(p) && !pipeline_background("tesd-outlook", look, p, &l->looking))
        calibration_progress_step(p);
}

bool live_learning_thread(void *learning) {
    struct live_learning *l = learning;
    look_in_background(l);
    return learning_desk_step(l->desk);
}
bool live_learning_busy(const struct live_learning *l) { return learning_desk_job_running(l->desk); }

struct ring *live_learning_ring(struct live_learning *l) { return l != NULL ? learning_desk_ring(l->desk) : NULL; }
const _Atomic bool *live_learning_wanted(const struct live_learning *l) { return l != NULL ? learning_desk_learning(l->desk) : NULL; }
const char *live_learning_kept(const struct live_learning *l) { return l->kept; }

/* ---- states ---- */

static void forget_rows(struct live_learning *l) {
    free(l->rows);
    l->rows = NULL;
    l->n = l->capacity = l->pruned = 0;
    l->newest_ns = INT64_MIN;
    l->recalling = l->too_many = false;
}

/* One for each number of pixels that there has been. */
static void follow_pixels(struct live_learning *l, uint32_t n_pixels) {
    struct calibration_progress *p = atomic_load_explicit(&l->progress, memory_order_relaxed);
    const struct calibration_progress_settings s = { .rules = { .tails = l->options->calibration.tails }, .lines = l->lines, .mono_eV = l->options->calibration.mono_eV, .interval_s = OUTLOOK_S };
    if (p != NULL)
        calibration_progress_end(p);
    if ((p != NULL && l->progress_pixels == n_pixels) || n_pixels == 0)
        return;
    if (l->n_progresses < PROGRESSES && calibration_progress_new(&s, n_pixels, &p))
        l->progresses[l->n_progresses++] = p;
    else
        p = NULL;
    l->progress_pixels = n_pixels;
    atomic_store_explicit(&l->progress, p, memory_order_release);
}

void live_learning_array(struct live_learning *l, const struct live_array *array, const struct array_model *in_force) {
    if (l == NULL)
        return;
    forget_rows(l);
    learnt_result_done(&l->result);
    l->hand_over = NOTHING_NEW;
    l->open = l->ending = false;
    follow_pixels(l, array != NULL ? array->n_pixels : 0);
    if (!learning_desk_array(l->desk, array, in_force))
        log_error("out of memory: nothing is learnt of this array");
}

static struct calibration_progress *progress(struct live_learning *l) { return atomic_load_explicit(&l->progress, memory_order_relaxed); }

/* What was kept for one calibration is no use to the next, whose end may be past already: then its recount is not possible. */
static void let_go(struct live_learning *l) {
    const bool another = l->ending || learning_desk_awaited(l->desk);
    forget_rows(l);
    l->recalling = l->too_many = another;
}

/* The end may be told twice, by the beamline and by the acquisition: the earlier one holds. */
static void end_state(struct live_learning *l, int64_t time_ns) {
    if (!l->open || (l->ending && time_ns >= l->end_ns))
        return;
    l->ending = true;
    l->end_ns = time_ns;
    if (progress(l) != NULL)
        calibration_progress_end(progress(l));
    if (l->kind != LEARN_CALIBRATION)
        return;
    l->recalling = true;
    l->recall_ns = time_ns;
}

/* What is told by the control port is told again by the acquisition's label. */
static void begin_state(struct live_learning *l, enum learning_state kind, const struct scan_event *e) {
    if (l->open && !l->ending && kind == l->kind && strcmp(e->label, l->label) == 0)
        return;
    if (l->ending)
        learning_desk_end(l->desk, l->end_ns);
    l->open = learning_desk_begin(l->desk, kind, e);
    l->ending = false;
    if (kind == LEARN_CALIBRATION && l->hand_over == NOTHING_NEW && !learning_desk_awaited(l->desk)) {
        forget_rows(l);
        l->recalling = l->open;
        l->recall_ns = INT64_MIN;
    }
    l->kind = kind;
    if (kind == LEARN_CALIBRATION) {
        memcpy(l->last.label, e->label, sizeof l->last.label);
        l->last.refused = false;
        l->refusal[0] = '\0';
    }
    if (progress(l) != NULL && kind == LEARN_CALIBRATION && l->open)
        calibration_progress_begin(progress(l), e);
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

/* A calibration goes on: no more than what its end may be told late. */
static void prune(struct live_learning *l) {
    size_t kept = 0;
    int64_t from_ns = l->newest_ns - (int64_t)(l->options->scan.late_photon_s * 1e9) - SETTLE_BEHIND_NS;
    for (size_t i = 0; i < l->n; i++)
        if (l->rows[i].pulse.time_ns >= from_ns)
            l->rows[kept++] = l->rows[i];
    l->n = l->pruned = kept;
}

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

void live_learning_rows(struct live_learning *l, const struct row_block *b, int64_t now_ns) {
    size_t k = 0;
    if (l != NULL && progress(l) != NULL)
        calibration_progress_rows(progress(l), b, now_ns);
    if (l == NULL || !l->recalling || l->too_many)
        return;
    for (size_t i = 0; i < b->n; i++) {
        while (k < b->n_seconds && b->seconds[k].row < i)
            k++;
        if (b->photons->time_ns[i] < l->recall_ns)
            continue;
        l->newest_ns = b->photons->time_ns[i] > l->newest_ns ? b->photons->time_ns[i] : l->newest_ns;
        if (l->recall_ns == INT64_MIN && l->n > 2 * l->pruned + PRUNE_ROWS)
            prune(l);
        if (!room(l)) {
            forget_rows(l);
            l->recalling = l->too_many = true;
            return;
        }
        l->rows[l->n++] = (struct recalled){ .pulse = b->pulses[i], .pixel = b->photons->pixel[i], .flags = b->flags[i], .of_new = l->hand_over >= IN_FORCE && b->model_version >= l->new_version,
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
static struct measured_pulse pulse_of(const struct live_learning *l, const struct recalled *row, uint64_t *without) {
    if (!l->result.filters_new || row->of_new)
        return row->pulse;
    const struct measured_pulse *m = l->result.behind != NULL ? anew(&l->result, row) : NULL;
    *without += m == NULL;
    return m != NULL ? *m : (struct measured_pulse){ .time_ns = row->pulse.time_ns, .frame = row->pulse.frame, .height = NAN, .arrival_samples = NAN,
                                                     .pretrigger_mean = NAN, .residual = NAN, .cuts = CUT_BIT(CUT_NO_MODEL) };
}

/* Where rows go once more, in order of time. */
struct recount { struct live_book *book; rows_anew *give; void *context; struct analyse_track *tracks; struct row_block *all, *old; uint64_t without; };

static void add_row(struct live_learning *l, const struct array_model *m, struct recount *c, const struct recalled *from) {
    const struct analyse_settings s = { .pixel = from->pixel, .model = m->channels[from->pixel].model, .n_tables = m->n_tables, .tables = m->tables, .causal = true };
    struct row_block *to = c->all;
    size_t i = to->n;
    to->pulses[i] = pulse_of(l, from, &c->without);
    struct measured_pulse p = to->pulses[i];
    analyse_next(&s, &c->tracks[from->pixel], &p, 1, to->photons);
    to->flags[i] = from->flags;
    if (from->second_ns != 0 && to->n_seconds < to->second_capacity)
        to->seconds[to->n_seconds++] = (struct inner_event){ .row = i, .time_ns = from->second_ns };
    to->n++;
    if (!from->of_new)
        row_block_copy(c->old, to, i);
}

static void hand_on(struct recount *c, int64_t newest_ns, uint64_t version) {
    c->all->model_version = c->old->model_version = version;
    if (c->give != NULL && c->old->n > 0)
        c->give(c->context, c->old);
    if (c->book != NULL) {
        live_book_rows(c->book, c->all);
        live_book_settle(c->book, newest_ns - SETTLE_BEHIND_NS, false);
    }
    row_block_clear(c->all);
    row_block_clear(c->old);
}

/* Rows with their new energies: to the book (NULL: none), settled as far as those behind allow, and to who keeps pulses. */
static bool give_rows(struct live_learning *l, const struct array_model *m, uint64_t version, struct recount *c) {
    c->tracks = calloc(m->n_channels + 1, sizeof *c->tracks);
    bool good = c->tracks != NULL && row_block_new(EMIT_ROWS, &c->all) && row_block_new(EMIT_ROWS, &c->old);
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)   /* the end came to be known after rows behind it had come */
        if (l->rows[i].pulse.time_ns >= l->recall_ns)
            l->rows[kept++] = l->rows[i];
    l->n = kept;
    if (l->n > 0)
        qsort(l->rows, l->n, sizeof *l->rows, by_time);
    for (size_t i = 0; good && i < l->n; i++) {
        add_row(l, m, c, &l->rows[i]);
        if (c->all->n == c->all->capacity || i + 1 == l->n)
            hand_on(c, l->rows[i].pulse.time_ns, version);
    }
    row_block_free(c->all);
    row_block_free(c->old);
    free(c->tracks);
    return good;
}

static void tell_recount(const struct live_learning *l, const struct live_scan *scan, const struct recounted *r) {
    if (r->book != NULL)
        log_note("scan %d: %llu records since calibration %s are counted anew with it", scan->scan.number, (unsigned long long)r->rows, l->result.label);
    else if (scan != NULL && !scan->ended)
        log_warning("scan %d keeps what was counted before calibration %s: %s", scan->scan.number, l->result.label,
                    l->too_many ? "the records since its end are too many, or it followed the one before too fast" : "it began before its end, or memory ran out");
    if (r->without > 0)
        log_warning("%llu of %llu records since calibration %s could not be measured with its filters, and have no energy", (unsigned long long)r->without,
                    (unsigned long long)r->rows, l->result.label);
}

struct recounted live_learning_recount(struct live_learning *l, const struct array_model *m, uint64_t version, int64_t watermark_ns, const struct live_book *book, rows_anew *give,
                                       void *context) {
    const struct live_scan *scan = live_book_scan(book);
    struct recount c = { .give = l->result.filters_new ? give : NULL, .context = context };
    bool possible = !l->too_many && scan != NULL && scan->scan.start_ns >= l->recall_ns && live_book_again(book, &c.book);
    struct recounted r = { .filters_from_ns = l->result.filters_new ? l->recall_ns : INT64_MIN };
    if (give_rows(l, m, version, &c) && possible) {
        live_book_settle(c.book, watermark_ns, false);
        r.book = c.book;
    } else {
        live_book_free(c.book);
    }
    r.rows = l->n;
    r.without = c.without;
    tell_recount(l, scan, &r);
    learnt_result_done(&l->result);
    l->hand_over = NOTHING_NEW;
    let_go(l);
    return r;
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

/* Measured for the accepted one, or given up: the recount is due either way. */
static void take_measured(struct live_learning *l, struct learnt_result *r) {
    if (l->hand_over != MEASURING) {
        learnt_result_done(r);
        return;
    }
    if (r->why[0] != '\0')
        log_warning("records since calibration %s are not measured anew: %s", r->label, r->why);
    l->result.behind = r->behind;
    l->result.first = r->first;
    l->hand_over = RECOUNT_DUE;
}

static bool take_model(struct live_learning *l, struct learnt_result *r, struct array_model **model) {
    tell(r);
    if (r->label[0] != '\0' && r->model == NULL && strcmp(r->label, l->last.label) == 0) {
        l->last.refused = true;
        snprintf(l->refusal, sizeof l->refusal, "%s: %s", r->label, r->why);
    }
    if (r->model == NULL) {
        learnt_result_done(r);
        if (!learning_desk_awaited(l->desk) && !l->ending)
            let_go(l);
        return false;
    }
    if (!r->kept)
        log_warning("%s: the calibration is in force, but not kept for the next start", l->kept);
    *model = r->model;
    r->model = NULL;
    learnt_result_done(&l->result);
    l->result = *r;
    l->hand_over = ACCEPTED;
    return true;
}

bool live_learning_step(struct live_learning *l, int64_t watermark_ns, struct array_model **model) {
    struct learnt_result r;
    if (l == NULL)
        return false;
    if (l->ending && watermark_ns > l->end_ns && learning_desk_end(l->desk, l->end_ns))
        l->open = l->ending = false;
    if (!learning_desk_result(l->desk, &r))
        return false;
    if (!r.measured)
        return take_model(l, &r, model);
    take_measured(l, &r);
    return false;
}

void live_learning_in_force(struct live_learning *l, uint64_t version) {
    l->new_version = version;
    l->hand_over = IN_FORCE;
}

void live_learning_old_rows_over(struct live_learning *l) {
    if (l->hand_over == IN_FORCE)
        l->hand_over = l->result.filters_new && learning_desk_measure(l->desk) ? MEASURING : RECOUNT_DUE;
}

bool live_learning_recount_due(const struct live_learning *l) { return l != NULL && l->hand_over == RECOUNT_DUE; }

const char *live_learning_stage(const struct live_learning *l) {
    if (l == NULL)
        return "";
    if (l->hand_over != NOTHING_NEW)
        return "taking over";
    if (learning_desk_awaited(l->desk))
        return "learning";
    return !l->open ? "" : l->kind == LEARN_NOISE ? "noise" : "calibration";
}

bool live_learning_outlook(struct live_learning *l, struct calibration_outlook *out, char label[32]) {
    return l != NULL && progress(l) != NULL && calibration_progress_take(progress(l), out, label);
}

const char *live_learning_refusal(const struct live_learning *l) { return l != NULL ? l->refusal : ""; }

enum learnt_state live_learning_of(const struct live_learning *l, int32_t number, char *why) {
    char label[32];
    snprintf(label, sizeof label, "CAL%d", number);
    if (strcmp(label, l->last.label) != 0)
        return LEARNT_UNKNOWN;
    if (l->last.refused)
        snprintf(why, 300, "%s", l->refusal);
    if (l->last.refused)
        return LEARNT_REFUSED;
    return l->open || learning_desk_awaited(l->desk) || l->hand_over != NOTHING_NEW ? LEARNT_UNDER_WAY : LEARNT_ACCEPTED;
}
