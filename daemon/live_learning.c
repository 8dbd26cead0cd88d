#include "daemon/live_learning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calib/calibration_form.h"
#include "daemon/live_learning_parts.h"
#include "daemon/log.h"
#include "daemon/named_lines.h"

static const double OUTLOOK_S = 10;
enum { RING_BLOCKS = 32, BLOCK_ROWS = 256, BLOCK_SAMPLES = 1 << 19 };

static bool wanted(const struct options *o) { return o->learn.live && o->output.folder[0] != '\0' && o->calibration.file[0] == '\0'; }

static int64_t late_ns(const struct options *o) { return (int64_t)(o->scan.late_photon_s * 1e9); }

static bool parts_new(struct live_learning *l, const struct options *o, struct off_bases *bases) {
    struct learning_desk_settings desk = { .learning = { .workers = 1, .lines = l->lines, .mono_eV = o->calibration.mono_eV, .form = CURVE_SPLINE, .rules = { .tails = o->calibration.tails } },
                                           .folder = o->output.folder, .kept = l->kept, .spool_bytes = (uint64_t)(o->learn.spool_MiB * 1048576), .ring_blocks = RING_BLOCKS,
                                           .block_rows = BLOCK_ROWS, .block_samples = BLOCK_SAMPLES, .bases = bases };
    const struct calibration_progress_settings outlook = { .rules = { .tails = o->calibration.tails }, .lines = l->lines, .mono_eV = o->calibration.mono_eV, .interval_s = OUTLOOK_S };
    calibration_form_named(o->calibration.curve, &desk.learning.form);
    return l->lines != NULL && recalled_rows_new(late_ns(o), &l->rows) && live_outlook_new(&outlook, &l->outlook) && learning_desk_new(&desk, &l->desk);
}

bool live_learning_new(struct options *o, struct off_bases *bases, struct live_learning **out) {
    *out = NULL;
    if (!wanted(o))
        return true;
    struct live_learning *l = calloc(1, sizeof *l);
    if (l == NULL)
        return false;
    l->lines = named_lines(o->calibration.lines);
    snprintf(l->kept, sizeof l->kept, "%s/last_calibration.h5", o->output.folder);
    if (!parts_new(l, o, bases)) {
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
    live_outlook_free(l->outlook);
    recalled_rows_free(l->rows);
    line_table_free(l->lines);
    learnt_result_done(&l->result);
    free(l);
}

bool live_learning_thread(void *learning) {
    struct live_learning *l = learning;
    live_outlook_step(l->outlook);
    return learning_desk_step(l->desk);
}
bool live_learning_busy(const struct live_learning *l) { return learning_desk_job_running(l->desk); }

struct ring *live_learning_ring(struct live_learning *l) { return l != NULL ? learning_desk_ring(l->desk) : NULL; }
const _Atomic bool *live_learning_wanted(const struct live_learning *l) { return l != NULL ? learning_desk_learning(l->desk) : NULL; }
const char *live_learning_kept(const struct live_learning *l) { return l->kept; }

/* ---- what is learnt of ---- */

void live_learning_late(struct live_learning *l, const struct options *o) {
    if (l != NULL)
        recalled_rows_late(l->rows, late_ns(o));
}

void live_learning_array(struct live_learning *l, const struct live_array *array, const struct array_model *in_force) {
    if (l == NULL)
        return;
    recalled_rows_forget(l->rows);
    learnt_result_done(&l->result);
    l->hand_over = NOTHING_NEW;
    l->open = l->ending = false;
    live_outlook_array(l->outlook, array != NULL ? array->n_pixels : 0);
    if (!learning_desk_array(l->desk, array, in_force))
        log_error("out of memory: nothing is learnt of this array");
}

/* What was kept for one calibration is no use to the next, whose end may be past already: then its recount is not possible. Of one that goes on the rows
 * from here on may be needed: its end is told late. */
static void let_go(struct live_learning *l) {
    if (l->ending || learning_desk_awaited(l->desk))
        recalled_rows_miss(l->rows);
    else if (l->open && l->kind == LEARN_CALIBRATION)
        recalled_rows_await(l->rows);
    else
        recalled_rows_forget(l->rows);
}

/* ---- rows since the end of a calibration ---- */

void live_learning_rows(struct live_learning *l, const struct row_block *b, int64_t now_ns) {
    if (l == NULL)
        return;
    live_outlook_rows(l->outlook, b, now_ns);
    recalled_rows_add(l->rows, b, l->hand_over >= IN_FORCE ? l->new_version : UINT64_MAX);
}

static void tell_recount(const struct live_learning *l, const struct live_scan *scan, const struct recounted *r) {
    const char *label = l->result.label;
    if (scan != NULL && r->book != NULL)
        log_note("scan %d: %llu records since calibration %s are counted anew with it", scan->scan.number, (unsigned long long)r->rows, label);
    else if (scan != NULL && !scan->ended)
        log_warning("scan %d keeps what was counted before calibration %s: %s", scan->scan.number, label,
                    recalled_rows_missed(l->rows) ? "the records since its end are too many, or it followed the one before too fast" : "it began before its end, or memory ran out");
    if (r->without > 0)
        log_warning("%llu of %llu records since calibration %s could not be measured with its filters, and have no energy", (unsigned long long)r->without, (unsigned long long)r->rows, label);
}

struct recounted live_learning_recount(struct live_learning *l, const struct array_model *m, uint64_t version, int64_t watermark_ns, const struct live_book *book, rows_anew *give,
                                       void *context) {
    const struct live_scan *scan = live_book_scan(book);
    struct recall to = { .version = version, .learnt = &l->result, .give = l->result.filters_new ? give : NULL, .context = context };
    const int64_t since_ns = recalled_rows_since_ns(l->rows);
    struct recounted r = { .filters_from_ns = l->result.filters_new ? since_ns : INT64_MIN };
    const bool memory = live_recount_new(m, &to.follow), wanted_all = !recalled_rows_missed(l->rows);
    const bool possible = memory && wanted_all && scan != NULL && scan->scan.start_ns >= since_ns && live_book_again(book, &to.book);
    const bool given = memory && recalled_rows_give(l->rows, &to, &r.without);
    if (given && possible) {
        live_book_settle(to.book, watermark_ns, false);
        r.book = to.book;
    } else {
        live_book_free(to.book);
    }
    if (given && wanted_all)
        r.follow = to.follow;
    else
        live_recount_free(to.follow);
    r.rows = recalled_rows_count(l->rows);
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
    if (r->model == NULL) {
        live_learning_refused(l, r);
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

bool live_learning_outlook(struct live_learning *l, struct calibration_outlook *out, char label[32]) {
    return l != NULL && live_outlook_take(l->outlook, out, label);
}
