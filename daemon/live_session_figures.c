#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/live_losses.h"
#include "daemon/live_session_parts.h"

enum { FIGURES_MS = 500 };

const double live_latency_s[N_LATENCY] = { 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.225, 0.25, 0.3, 0.4, 0.5, 0.7, 1, 2, 5, 10 };

static void fill_scan(const struct live_session_work *s, struct live_figures *f) {
    const struct live_scan *scan = s->book != NULL ? live_book_scan(s->book) : NULL;
    f->scan = f->point = -1;
    if (scan == NULL)
        return;
    f->scanning = !scan->ended;
    f->scan = scan->scan.number;
    f->point = (int32_t)scan->scan.n_points - 1;
    f->final_points = scan->n_final;
}

void live_session_update_figures(struct live_session_work *s, int64_t now) {
    if (now - s->figures_ms < FIGURES_MS)
        return;
    const struct status_counts *c = status_link_counts(s->status_link);
    struct live_figures f = { .alive = status_link_alive(s->status_link, now), .running = s->status.running, .writing = s->status.writing, .status_refused = c->refused,
                              .status_messages = c->messages, .files_making = live_runs_making(s->runs), .kept_lost = live_runs_lost(s->runs), .photons = s->photons,
                              .clock_steps = s->stamps != NULL ? stamp_watch_steps(s->stamps) : (struct stamp_steps){ 0 } };
    snprintf(f.calibration, sizeof f.calibration, "%s", s->options.calibration.file);
    snprintf(f.run, sizeof f.run, "%s", live_runs_running(s->runs) ? live_runs_base_name(s->runs) : "");
    fill_scan(s, &f);
    live_disk_health(s->links.disk, f.disk);
    if (s->book != NULL && s->set != NULL) {
        const struct book_counts *b = live_book_counts(s->book);
        f.n_channels = s->set->array->n_channels;
        f.n_pixels = s->set->array->n_pixels;
        f.rows = b->rows;
        f.settled = b->settled;
        f.late = b->late;
        f.hurried = b->hurried;
        f.scan_events = b->events;
        f.refused_events = b->refused_events;
        live_losses_sum(s->set->array, s->set->tally, s->loss, &f.losses);
        for (uint32_t p = 0; p < f.n_pixels; p++)
            f.good_pixels += s->set->used[p];
    }
    f.rate_per_s = s->figures_ms > 0 && f.rows >= s->rows_at_figures ? (double)(f.rows - s->rows_at_figures) * 1e3 / (double)(now - s->figures_ms) : 0;
    s->rows_at_figures = f.rows;
    s->figures_ms = now;
    memcpy(f.latency, s->latency, sizeof f.latency);
    s->lost = (struct publish_lost){ .upstream = f.losses.lost_upstream, .queue = f.losses.overload, .rejected = ingest_figures_of(s->links.ingest).refused, .records = f.rows };
    char *losses = s->set != NULL && s->loss != NULL ? live_losses_text(s->set->array, s->set->tally, s->loss) : NULL;
    pthread_mutex_lock(&s->lock);
    s->figures = f;
    free(s->losses);
    s->losses = losses;
    pthread_mutex_unlock(&s->lock);
    live_session_tell_alarms(s, now);
}

void live_session_figures(struct live_session_work *s, struct live_figures *out) {
    pthread_mutex_lock(&s->lock);
    *out = s->figures;
    pthread_mutex_unlock(&s->lock);
}

char *live_session_losses(struct live_session_work *s) {
    pthread_mutex_lock(&s->lock);
    char *copy = s->losses != NULL ? strdup(s->losses) : strdup("");
    pthread_mutex_unlock(&s->lock);
    return copy;
}
