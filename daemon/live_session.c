#include "daemon/live_session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/clock.h"
#include "daemon/live_session_parts.h"
#include "daemon/log.h"
#include "daemon/row_block.h"

enum { BLOCKS_PER_ROUND = 64, SETTLE_MS = 10, PUBLISH_MS = 100 };

static struct publish_lost lost_of(const struct live_session_work *s) { return s->lost; }

/* ended: no more will come for it. */
void live_session_publish_scan(struct live_session_work *s, bool force) {
    const struct live_scan *scan = s->book != NULL ? live_book_scan(s->book) : NULL;
    if (scan == NULL || scan->products == NULL || s->ended_published)
        return;
    bool over = scan->ended && (force || scan->n_final == scan->scan.n_points);
    publisher_live(s->publisher, live_scan_seen(scan), scan->scan.n_points, over ? scan->scan.n_points : scan->n_final, over, lost_of(s));
    s->ended_published = over;
    s->published_final = scan->n_final;
}

/* What is kept of scans on disk: as far as they are final. */
void live_session_keep_scans(struct live_session_work *s, bool closing, bool all) {
    const struct live_scan *scans[8];
    live_disk_scans(s->links.disk, scans, live_book_scans(s->book, scans, 8), closing, all);
}

/* ---- what the acquisition says ---- */

void live_session_begin_run(struct live_session_work *s, bool joined) {
    live_session_run_ends(s);
    live_session_run_over(s);
    live_repeats_forget(s->repeats);
    live_runs_begin(s->runs, &s->status, s->newest_ns, joined);
    if (s->set != NULL)
        live_disk_begin(s->links.disk, s->set->array, &s->status, live_runs_folder(s->runs), live_runs_base_name(s->runs));
    live_session_keep_calibration(s, INT64_MIN);
    if (s->links.follower != NULL && s->options.follow.folder[0] == '\0' && s->status.folder[0] != '\0')
        follower_folder(s->links.follower, s->status.folder);
}

static void end_run(struct live_session_work *s) {
    live_session_run_ends(s);
    if (s->links.follower != NULL && s->options.follow.folder[0] == '\0')
        follower_end(s->links.follower);
}

/* A label without a time began with the newest data, and before any data with the first. */
static void told_label(struct live_session_work *s) {
    s->label_waits = s->status.label_ns == 0 && s->newest_ns == 0;
    if (s->label_waits)
        return;
    live_status_label_time(&s->status, s->newest_ns);
    live_runs_label(s->runs, s->status.label, s->status.label_ns);
    live_disk_label(s->links.disk, s->status.label, s->status.label_ns);
    live_learning_label(s->links.learning, s->status.label, s->status.label_ns);
}

static void told_status(void *context, const char *topic, const json_t *body) {
    struct live_session_work *s = context;
    unsigned change = live_status_take(&s->status, topic, body);
    if ((change & STATUS_ARRAY) != 0 && (s->set == NULL || !live_array_same(s->set->array, body)) && !s->names_new) {
        s->names_new = true;
        s->names_ms = clock_ms();
    }
    if ((change & STATUS_LABEL) != 0)
        told_label(s);
    if ((change & STATUS_WRITING) != 0 && s->status.writing)
        live_session_begin_run(s, false);
    else if ((change & STATUS_WRITING) != 0)
        end_run(s);
    if (s->loss != NULL && (change & STATUS_RUNNING) != 0)
        upstream_loss_running(s->loss, s->status.running);
    if (s->loss != NULL && (change & STATUS_RATE) != 0) {
        upstream_loss_message(s->loss, body);
        upstream_loss_running(s->loss, s->status.running);   /* the last window may come after the word that the source has stopped */
    }
    if (strcmp(topic, "STATUS") == 0)
        s->seen_stopped = s->seen_stopped || !s->status.running;
    s->triggers_new = s->triggers_new || (change & STATUS_TRIGGERS) != 0;
}

/* ---- scan points ---- */

bool live_session_told_scan(void *context, const struct scan_event *e, const char **why) {
    struct live_session_work *s = context;
    if (s->book == NULL) {
        *why = "the acquisition's channels are not known yet";
        return false;
    }
    if (s->calibrating && (e->kind == SCAN_EVENT_POINT_START || e->kind == SCAN_EVENT_POINT_END)) {
        point_tally_event(s->tally, e);   /* else they stand in their log alone: all records of a calibration count, between points too */
        return true;
    }
    if (e->kind == SCAN_EVENT_SCAN_START) {
        live_session_publish_scan(s, true);
        live_session_keep_scans(s, true, false);
    }
    if (!live_book_event(s->book, e, why))
        return false;
    if (e->kind == SCAN_EVENT_SCAN_START)
        s->ended_published = false;
    s->calibrating = e->kind == SCAN_EVENT_CALIBRATION_START || (s->calibrating && e->kind != SCAN_EVENT_CALIBRATION_END && e->kind != SCAN_EVENT_SCAN_START);
    point_tally_event(s->tally, e);
    live_runs_event(s->runs, e);
    live_learning_event(s->links.learning, e);
    live_disk_event(s->links.disk, e);
    return true;
}

/* ---- rows ---- */

static void account(struct live_session_work *s, const struct row_block *rows) {
    const struct live_array *array = s->set->array;
    const struct photon_block *p = rows->photons;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t index = array->index_of_pixel[p->pixel[i]];
        if ((rows->flags[i] & ROW_NEW_EPOCH) != 0)
            upstream_loss_epoch(s->loss, index, p->time_ns[i], p->frame[i], s->status.sample_period_s);
        if ((rows->flags[i] & ROW_OLD_EPOCH) == 0)   /* their frames are those of another counter */
            stamp_watch_row(s->stamps, p->pixel[i], p->time_ns[i], p->frame[i], s->status.sample_period_s, (rows->flags[i] & ROW_NEW_EPOCH) != 0);
        upstream_loss_record(s->loss, index, p->time_ns[i], (rows->flags[i] & ROW_FROM_FILE) == 0);
        s->photons += p->cuts[i] == 0;
    }
    s->newest_ns = rows->through_ns > s->newest_ns ? rows->through_ns : s->newest_ns;
}

bool live_session_take_rows(struct live_session_work *s) {
    struct row_block *rows = ring_take_full(s->links.rows);
    if (rows == NULL)
        return false;
    if (s->book != NULL && rows->n > 0 && rows->model_version >= s->array_version) {
        if (s->recounted != NULL)
            live_recount_rows(s->recounted, rows);
        s->newest_mono_ns = clock_ns(CLOCK_MONOTONIC);
        account(s, rows);
        if (s->label_waits)
            told_label(s);
        live_runs_rows(s->runs, rows, s->newest_mono_ns / 1000000);
        live_disk_rows(s->links.disk, rows);
        live_book_rows(s->book, rows);
        point_tally_rows(s->tally, rows->photons, rows->n, s->set->used);
        live_learning_rows(s->links.learning, rows, s->newest_mono_ns);
        live_session_tell_rows(s, rows);
        if (s->unpublished == 0)
            s->oldest_unpublished_ns = rows->arrived_ns;
        s->unpublished += rows->n;
    }
    row_block_clear(rows);
    ring_mark_empty(s->links.rows);
    return true;
}

/* Newest stamp less one block and one record; when nothing comes, as much later as the clock went on (doc/live.md). */
int64_t live_session_watermark_ns(const struct live_session_work *s) {
    double margin_s = s->options.ingest.block_s + (double)s->status.n_samples * s->status.sample_period_s;
    int64_t mark = s->newest_ns - llround(margin_s * 1e9);
    int64_t quiet_ns = clock_ns(CLOCK_MONOTONIC) - s->newest_mono_ns - llround((margin_s + 0.2) * 1e9);
    return s->newest_mono_ns > 0 && quiet_ns > 0 ? mark + quiet_ns : mark;
}

static void note_latency(struct live_session_work *s) {
    int64_t late_ns = clock_ns(CLOCK_MONOTONIC) - s->oldest_unpublished_ns;
    unsigned k = 0;
    while (k + 1 < N_LATENCY && (double)late_ns > 1e9 * live_latency_s[k])
        k++;
    s->latency[k] += s->unpublished;
    s->unpublished = 0;
}

static void settle_and_publish(struct live_session_work *s, int64_t now) {
    if (s->book == NULL)
        return;
    if (now - s->settle_ms >= SETTLE_MS) {
        s->settle_ms = now;
        live_book_settle(s->book, live_session_watermark_ns(s), false);
        live_session_keep_scans(s, false, false);
        live_session_tell_repeats(s);
    }
    const struct live_scan *scan = live_book_scan(s->book);
    bool urgent = scan != NULL && (scan->n_final > s->published_final || (scan->ended && !s->ended_published));
    if (now - s->publish_ms < PUBLISH_MS && !urgent)
        return;
    if (live_book_changed(s->book) || urgent) {
        s->publish_ms = now;
        live_session_publish_scan(s, false);
        if (scan != NULL && s->unpublished > 0)
            note_latency(s);
    }
    if (scan == NULL || s->ended_published)
        s->unpublished = 0;
}

/* ---- reload ---- */

void live_session_reload(struct live_session_work *s, const struct options *o) {
    struct options *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return;
    *copy = *o;
    copy->text = NULL;
    pthread_mutex_lock(&s->lock);
    free(s->reload);
    s->reload = copy;
    pthread_mutex_unlock(&s->lock);
}

static void take_reload(struct live_session_work *s) {
    pthread_mutex_lock(&s->lock);
    struct options *o = s->reload;
    s->reload = NULL;
    pthread_mutex_unlock(&s->lock);
    if (o == NULL)
        return;
    bool other = strcmp(o->calibration.file, s->options.calibration.file) != 0 && (s->links.learning == NULL || o->calibration.file[0] != '\0');
    if (other && s->set == NULL)
        memcpy(s->options.calibration.file, o->calibration.file, sizeof o->calibration.file);
    else if (other)
        live_session_want(s, o->calibration.file);
    s->options.scan.late_photon_s = o->scan.late_photon_s;
    live_learning_late(s->links.learning, o);
    s->options.n_roi = s->n_configured = o->n_roi;
    memcpy(s->options.roi, o->roi, sizeof o->roi);
    memcpy(s->configured, o->roi, sizeof o->roi);
    const struct product_settings products = live_session_products(s);
    if (s->book != NULL)
        live_book_products(s->book, &products);
    free(o);
}

/* ---- the thread's round ---- */

bool live_session_step(void *context) {
    struct live_session_work *s = context;
    int64_t now = clock_ms();
    status_link_step(s->status_link, now, told_status, s);
    live_session_look_for_array(s, now);
    if (s->scan_link != NULL)
        scan_link_step(s->scan_link);
    curve_gate_step(s->gate);
    live_beamline_step(s->beamline, now);
    int taken = 0;
    while (taken < BLOCKS_PER_ROUND && live_session_take_rows(s))
        taken++;
    settle_and_publish(s, now);
    publisher_step(s->publisher, lost_of(s));
    photon_feed_step(s->photon_feed);
    if (live_runs_step(s->runs, &s->status, now, s->links.follower != NULL && follower_is_behind(s->links.follower), false)) {
        live_session_run_over(s);
        live_disk_end(s->links.disk);
    }
    live_disk_step(s->links.disk);
    take_reload(s);
    live_session_take_read(s);
    live_session_take_triggers(s);
    live_session_take_learnt(s, now);
    live_session_take_chosen(s);
    live_session_free_retired(s);
    live_session_update_figures(s, now);
    live_session_tell(s, now);
    return taken == BLOCKS_PER_ROUND;   /* else what comes meanwhile has a tick to gather: a round costs as much as the rows of a block */
}

static bool open_feed(struct live_session_work *s) {
    const struct feed_settings feed = { .endpoint = s->options.stream.photons, .boot = publisher_boot(s->publisher), .zmq = s->zmq, .gate = s->gate };
    if (!photon_feed_new(&feed, &s->photon_feed))
        return false;
    photon_feed_calibration(s->photon_feed, s->calibration_id);
    return true;
}

bool live_session_new(struct options *options, const struct session_links *links, struct live_session_work **out) {
    struct live_session_work *s = calloc(1, sizeof *s);
    if (s == NULL)
        return false;
    s->options = *options;
    s->links = *links;
    s->over_ns = INT64_MAX;
    memcpy(s->configured, options->roi, sizeof s->configured);
    s->n_configured = options->n_roi;
    pthread_mutex_init(&s->lock, NULL);
    live_session_read_ahead(s);   /* before anything is asked for that would wait in memory meanwhile */
    s->zmq = zmq_ctx_new();
    bool good = s->zmq != NULL && (options->keys.folder[0] == '\0' || curve_gate_new(s->zmq, options->keys.folder, &s->gate));
    const struct publish_settings publish = { .endpoint = options->stream.endpoint, .zmq = s->zmq, .gate = s->gate, .state = "live", .calibration_id = "" };
    good = good && live_status_init(&s->status) && live_repeats_new(&s->repeats) && point_tally_new(&s->tally) && live_runs_new(&s->options, links->boot, &s->runs) && publisher_new(&publish, &s->publisher) &&
                status_link_new(options->ingest.host, (int)options->ingest.port, &s->status_link) &&
                (options->control.port == 0 || scan_link_open(options->control.host, (int)options->control.port, live_session_told_scan, s, &s->scan_link));
    good = good && (options->stream.photons[0] == '\0' || open_feed(s));
    const struct beamline_session beamline = live_session_beamline(s);
    good = good && live_beamline_new(options, &beamline, &s->beamline);
    if (!good) {
        live_session_free(s);
        return false;
    }
    *out = s;
    return true;
}

void live_session_finish(struct live_session_work *s) {
    while (live_session_take_rows(s))
        continue;
    live_session_run_ends(s);
    live_runs_session(s->runs, NULL, &s->status);   /* while its losses are known */
    live_session_close_book(s);
    live_disk_end(s->links.disk);
    s->figures_ms = 0;
    live_session_update_figures(s, clock_ms());
}

void live_session_free(struct live_session_work *s) {
    if (s == NULL)
        return;
    live_session_close_book(s);
    live_session_forget_choice(s);
    live_session_read_done(s);
    live_book_free(s->replaced);
    live_runs_free(s->runs);
    scan_link_close(s->scan_link);
    live_beamline_free(s->beamline);
    status_link_free(s->status_link);
    publisher_free(s->publisher);
    photon_feed_free(s->photon_feed);
    curve_gate_free(s->gate);
    if (s->zmq != NULL)
        zmq_ctx_term(s->zmq);
    live_status_done(&s->status);
    live_session_set_free(s->set);
    for (unsigned k = 0; k < s->n_retired; k++)
        live_session_set_free(s->retired[k]);
    free(s->reload);
    free(s->losses);
    pixel_watch_free(s->watch);
    live_repeats_free(s->repeats);
    point_tally_free(s->tally);
    json_decref(s->outlook);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
