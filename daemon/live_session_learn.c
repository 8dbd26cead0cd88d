/* What the session does with a calibration that was learnt: in force at once, and the running scan counted anew when ingest uses it. */
#include <stdio.h>

#include "daemon/live_session_parts.h"

struct keeper { struct live_session_work *session; int64_t now_ms; };

static void keep_anew(void *keeper, const struct row_block *rows) {
    const struct keeper *k = keeper;
    live_runs_rows(k->session->runs, rows, k->now_ms);
}

static void recount(struct live_session_work *s, int64_t now_ms) {
    struct keeper keeper = { s, now_ms };
    live_disk_anew(s->links.disk, true);
    struct recounted r = live_learning_recount(s->links.learning, s->set->model, s->set->plan.model_version, live_session_watermark_ns(s), s->book, keep_anew, &keeper);
    live_disk_anew(s->links.disk, false);
    live_runs_filters(s->runs, r.filters_from_ns);
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
