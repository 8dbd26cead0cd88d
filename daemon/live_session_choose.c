/* What the session does with a calibration that a client chose: in force at once, and the running scan counted anew when ingest uses it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/live_choices.h"
#include "daemon/live_model.h"
#include "daemon/live_session_parts.h"
#include "daemon/log.h"

enum { PULSE_BYTES = 64 };   /* of one that is kept, or somewhat more */
static const char silent[] = "the disk does not answer, and the scan that runs is counted anew from there; choose it when it does";
static const char taking_over[] = "another calibration is being taken over; ask again in a moment";

static bool scan_runs(const struct live_session_work *s) {
    const struct live_scan *scan = live_book_scan(s->book);
    return scan != NULL && scan->products != NULL && !scan->ended;
}

/* Why the model cannot follow the one in force now; NULL: it can. */
static const char *hindrance(const struct live_session_work *s, const struct array_model *m) {
    struct pulse_bounds bounds;
    struct pulse_store *pulses = live_runs_pulses(s->runs, &bounds);
    if (s->handing_over || strcmp(live_learning_stage(s->links.learning), "taking over") == 0)
        return taking_over;
    if ((scan_runs(s) || live_runs_running(s->runs)) && !live_recount_same_filters(m, s->set->model))
        return "its filters are others than those that measured this run's records; choose it between two runs, or replay the run with it";
    if (!scan_runs(s))
        return NULL;
    if (pulses == NULL)
        return "nothing is kept of the records (output.folder, or no run), so the scan that runs cannot be counted anew; choose before or after it";
    if (!pulse_store_answers(pulses))
        return silent;
    if (pulse_store_heights_begin(pulses) > live_book_scan(s->book)->scan.start_ns)
        return "the scan that runs began with other filters; choose after it";
    if (pulse_store_mark(pulses) > ((uint64_t)s->options.control.recount_MiB << 20) / PULSE_BYTES)
        return "the run has more records than control.recount_MiB has room for, so the scan that runs cannot be counted anew; choose before or after it";
    return NULL;
}

static enum scan_answer refuse(char why[SCAN_ERROR], const char *text) {
    snprintf(why, SCAN_ERROR, "%s", text);
    return SCAN_REFUSED;
}

/* Of what was read, which is consumed. */
static enum scan_answer begin(struct live_session_work *s, struct stored_model stored, const char *missing, char why[SCAN_ERROR]) {
    static const char unreadable[] = "it cannot be read as a calibration of this array; the one in force stays. The log says more";
    struct array_model *m;
    if (stored.error != 0)
        log_warning("%s: cannot be read: %s", stored.path, strerror(stored.error));
    if (stored.error == ENOENT)
        return refuse(why, missing);
    if (stored.model == NULL || !live_model_make(stored.model, stored.path, s->options.analysis.kernel, s->set->array, &m))
        return refuse(why, unreadable);
    const char *no = hindrance(s, m);
    if (no != NULL) {
        array_model_free(m);
        return refuse(why, no);
    }
    const uint64_t version = s->model_version;
    const bool again = scan_runs(s);
    char before[OPTIONS_TEXT];
    memcpy(before, s->options.calibration.file, sizeof before);
    memcpy(s->options.calibration.file, stored.path, sizeof stored.path);
    live_session_swap_model(s, m);
    if (s->model_version == version) {
        memcpy(s->options.calibration.file, before, sizeof before);
        return refuse(why, unreadable);
    }
    live_session_want_nothing(s);
    s->chosen = true;
    s->chosen_ms = clock_ms();
    live_session_keep_calibration(s, INT64_MIN);
    s->choosing = again;
    return again ? SCAN_LATER : SCAN_DONE;
}

static bool in_force(const struct live_session_work *s, const char *const *paths, size_t n) {
    for (size_t k = 0; k < n && k < CHOICE_FOLDERS; k++)
        if (strcmp(paths[k], s->options.calibration.file) == 0)
            return true;
    return false;
}

/* n places where it may be. */
static enum scan_answer choose(struct live_session_work *s, const char *const *paths, size_t n, const char *missing, int64_t waited_ms, char why[SCAN_ERROR]) {
    struct stored_model stored;
    if (s->choosing)
        return waited_ms > 0 ? SCAN_LATER : refuse(why, taking_over);
    if (s->chosen && s->chosen_ms >= clock_ms() - waited_ms && in_force(s, paths, n))
        return SCAN_DONE;
    if (live_runs_ending(s->runs))   /* the run's file has what was in force at its end */
        return SCAN_LATER;
    if (s->set == NULL || s->book == NULL)
        return refuse(why, "the acquisition's channels are not known yet");
    if (scan_runs(s) && !live_runs_answers(s->runs))
        return (double)waited_ms > 1e3 * s->options.disk.patience_s ? refuse(why, silent) : SCAN_LATER;
    enum scan_answer a = live_session_read_choice(s, paths, n, waited_ms, &stored, why);
    return a == SCAN_DONE ? begin(s, stored, missing, why) : a;
}

enum scan_answer live_session_choose(struct live_session_work *s, const char *path, const char *missing, int64_t waited_ms, char why[SCAN_ERROR]) {
    return choose(s, &path, 1, missing, waited_ms, why);
}

enum scan_answer live_session_choose_name(struct live_session_work *s, const char *name, int64_t waited_ms, char why[SCAN_ERROR]) {
    char places[CHOICE_FOLDERS][OPTIONS_TEXT], missing[200];
    const char *paths[CHOICE_FOLDERS] = { places[0], places[1] };
    snprintf(missing, sizeof missing, "'%.100s' is none of the choices of calibration_list", name);
    const size_t n = live_choices_paths(&s->options, name, places);
    return n > 0 ? choose(s, paths, n, missing, waited_ms, why) : refuse(why, missing);
}

static void recount(struct live_session_work *s) {
    struct recount_from from = { .sample_period_s = s->status.sample_period_s, .book = s->book, .watermark_ns = live_session_watermark_ns(s) };
    struct live_book *again;
    const char *why;
    from.pulses = live_runs_pulses(s->runs, &from.bounds);
    live_disk_anew(s->links.disk, true);
    bool good = from.pulses != NULL && live_recount_begin(&from, s->set->model, &again, &s->recounted, &why);
    live_disk_anew(s->links.disk, false);
    s->ended_published = false;
    if (!good) {
        log_warning("the scan that runs keeps what was counted before %s: %s", s->options.calibration.file, from.pulses == NULL ? "its run has ended" : why);
        return;
    }
    live_book_free(s->replaced);
    s->replaced = s->book;
    s->book = again;
    live_session_keep_scans(s, false, false);
    log_note("scan %d is counted anew with %s", live_book_scan(again)->scan.number, s->options.calibration.file);
}

/* What ingest made with the model before lies in the ring by now at the latest. */
void live_session_take_chosen(struct live_session_work *s) {
    if (!s->choosing || atomic_load_explicit(&s->links.exchange->adopted, memory_order_acquire) < s->set->plan.serial)
        return;
    for (size_t k = ring_size(s->links.rows); k > 0 && live_session_take_rows(s); k--)
        continue;
    s->choosing = false;
    if (s->book != NULL && live_book_scan(s->book) != NULL)
        recount(s);
}

void live_session_forget_choice(struct live_session_work *s) {
    live_recount_free(s->recounted);
    s->recounted = NULL;
    s->choosing = s->chosen = false;
}
