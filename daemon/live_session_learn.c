/* What the session does with a calibration that was learnt: in force at once, and the running scan counted anew when ingest uses it. */
#include <stdio.h>
#include <string.h>

#include "daemon/live_session_parts.h"
#include "daemon/log.h"

struct keeper { struct live_session_work *session; int64_t now_ms; };

static void keep_anew(void *keeper, const struct row_block *rows) {
    const struct keeper *k = keeper;
    live_runs_rows(k->session->runs, rows, k->now_ms);
    live_disk_rows(k->session->links.disk, rows);   /* of two rows of one record the later holds */
}

/* What a learnt run is recovered with after a crash. */
void live_session_keep_calibration(struct live_session_work *s, int64_t filters_from_ns) {
    const bool learnt = s->chosen || (s->links.learning != NULL && strcmp(s->options.calibration.file, live_learning_kept(s->links.learning)) == 0);
    const char *file = learnt ? live_runs_calibration(s->runs, s->options.calibration.file) : "";
    if (file[0] != '\0')
        live_disk_calibration(s->links.disk, file, filters_from_ns);
}

static void recount(struct live_session_work *s, int64_t now_ms) {
    struct keeper keeper = { s, now_ms };
    live_disk_anew(s->links.disk, true);
    struct recounted r = live_learning_recount(s->links.learning, s->set->model, s->set->plan.model_version, live_session_watermark_ns(s), s->book, keep_anew, &keeper);
    live_disk_anew(s->links.disk, false);
    live_runs_filters(s->runs, r.filters_from_ns);
    live_session_keep_calibration(s, r.filters_from_ns);
    live_recount_free(s->recounted);
    s->recounted = r.follow;
    if (r.book != NULL) {
        live_book_free(s->replaced);
        s->replaced = s->book;
        s->book = r.book;
        live_session_keep_scans(s, false, false);
    }
    s->ended_published = false;
}

/* What ingest made with the model before lies in the ring by now at the latest. */
static void take_old_rows(struct live_session_work *s) {
    for (size_t k = ring_size(s->links.rows); k > 0 && live_session_take_rows(s); k--)
        continue;
    live_learning_old_rows_over(s->links.learning);
    s->handing_over = false;
}

void live_session_take_learnt(struct live_session_work *s, int64_t now_ms) {
    struct array_model *learnt;
    if (s->book == NULL)
        return;
    if (live_learning_step(s->links.learning, live_session_watermark_ns(s), &learnt)) {
        live_session_want_nothing(s);
        snprintf(s->options.calibration.file, sizeof s->options.calibration.file, "%s", live_learning_kept(s->links.learning));
        live_session_swap_model(s, learnt);
        live_learning_in_force(s->links.learning, s->set->plan.model_version);
        s->handing_over = true;
    }
    if (s->handing_over && atomic_load_explicit(&s->links.exchange->adopted, memory_order_acquire) >= s->set->plan.serial)
        take_old_rows(s);
    if (live_learning_recount_due(s->links.learning))
        recount(s, now_ms);
}

/* ---- what the scan server asks ---- */

enum scan_answer live_session_learn(void *session, int32_t number, json_t **result, char why[SCAN_ERROR]) {
    struct live_session_work *s = session;
    char text[300] = "";
    if (s->links.learning == NULL) {
        snprintf(why, SCAN_ERROR, "%s", s->options.calibration.file[0] != '\0' ? "calibration.file freezes the calibration: leave it empty to learn, or use 'tesd calibrate'"
                                                                               : "learn.live is off, or output.folder is not set: there is nowhere to learn");
        return SCAN_REFUSED;
    }
    switch (live_learning_of(s->links.learning, number, text)) {
    case LEARNT_UNDER_WAY: return SCAN_LATER;
    case LEARNT_ACCEPTED: *result = json_string(s->calibration_id); return SCAN_DONE;
    case LEARNT_REFUSED: snprintf(why, SCAN_ERROR, "%s; the one before stays in force", text); break;
    case LEARNT_UNKNOWN: snprintf(why, SCAN_ERROR, "calibration %d was not heard of while the acquisition's channels were known, or another one has been told since", number); break;
    }
    return SCAN_REFUSED;
}

/* What was kept last, or what the config names, from its file. */
enum scan_answer live_session_load(void *session, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    static const char none_kept[] = "no calibration has been kept: calibration_learn_from_last_data first, or set calibration.file";
    struct live_session_work *s = session;
    const char *file = s->links.learning != NULL ? live_learning_kept(s->links.learning) : s->options.calibration.file;
    if (s->set == NULL || s->book == NULL) {
        snprintf(why, SCAN_ERROR, "the acquisition's channels are not known yet");
        return SCAN_REFUSED;
    }
    if (file[0] == '\0') {
        snprintf(why, SCAN_ERROR, "%s", none_kept);
        return SCAN_REFUSED;
    }
    if (waited_ms > 0 || strcmp(file, s->options.calibration.file) != 0 || s->calibration_id[0] == '\0') {
        enum scan_answer a = live_session_choose(s, file, none_kept, waited_ms, why);
        if (a != SCAN_DONE)
            return a;
        live_learning_array(s->links.learning, s->set->array, s->set->model);
    }
    *result = json_string(s->calibration_id);
    return SCAN_DONE;
}
