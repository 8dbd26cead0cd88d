#include "daemon/live_session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/live_model.h"
#include "daemon/live_session_parts.h"
#include "daemon/log.h"
#include "daemon/row_block.h"

enum { BLOCKS_PER_ROUND = 64, SETTLE_MS = 10, PUBLISH_MS = 100, PATIENCE_MS = 1000, HISTORY_ROWS = 1 << 18 };

static int64_t clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static int64_t now_ms(void) { return clock_ns(CLOCK_MONOTONIC) / 1000000; }

/* ---- sets ---- */

static void set_free(struct live_set *s) {
    if (s == NULL)
        return;
    live_array_free(s->array);
    array_model_free(s->model);
    free(s->pixels);
    free(s->look);
    free(s->tally);
    free(s->used);
    free(s);
}

/* learnt: taken over; NULL: the calibration is loaded. */
static struct live_set *set_new(struct live_session_work *s, const json_t *names, struct array_model *learnt) {
    struct live_set *set = calloc(1, sizeof *set);
    if (set != NULL)
        set->model = learnt;
    else
        array_model_free(learnt);
    if (set == NULL || !live_array_make(names, &set->array) || (learnt == NULL && !live_model_load(s->options.calibration.file, s->options.analysis.kernel, set->array, &set->model))) {
        set_free(set);
        return NULL;
    }
    size_t n = set->array->n_pixels + (size_t)1;
    set->pixels = calloc(n, sizeof *set->pixels);
    set->look = calloc(n, sizeof *set->look);
    set->used = calloc(n, 1);
    set->tally = calloc(set->array->n_channels, sizeof *set->tally);
    if (set->pixels == NULL || set->look == NULL || set->used == NULL || set->tally == NULL) {
        set_free(set);
        return NULL;
    }
    return set;
}

static void find_triggers(struct live_session_work *s, struct live_set *set) {
    struct acquisition_status triggers;
    if (!live_status_triggers(&s->status, &triggers))
        return;
    live_model_pixels(set->model, &s->options, &triggers, set->pixels, set->look);
    acquisition_status_done(&triggers);
}

static void show_plan(struct live_session_work *s, const struct live_plan *p) { atomic_store_explicit(&s->links.exchange->plan, p, memory_order_release); }

/* Its successor has the serial given; it is freed once ingest uses that one and no file needs it. */
static void retire(struct live_session_work *s, struct live_set *set, uint64_t successor) {
    if (set == NULL)
        return;
    set->retired = successor;
    if (s->n_retired < MAX_RETIRED)
        s->retired[s->n_retired++] = set;
    else
        log_error("too many changes of the array at once; %zu pixels' models stay in memory", (size_t)set->array->n_pixels);
}

static void free_retired(struct live_session_work *s) {
    uint64_t adopted = atomic_load_explicit(&s->links.exchange->adopted, memory_order_acquire);
    uint64_t followed = atomic_load_explicit(&s->links.exchange->followed, memory_order_acquire);
    if (s->links.exchange->is_followed && followed < adopted)
        adopted = followed;
    unsigned kept = 0;
    for (unsigned k = 0; k < s->n_retired; k++)
        if (s->retired[k]->references == 0 && adopted >= s->retired[k]->retired)
            set_free(s->retired[k]);
        else
            s->retired[kept++] = s->retired[k];
    s->n_retired = kept;
}

static void make_plan(struct live_session_work *s, struct live_set *set) {
    set->plan = (struct live_plan){ .serial = ++s->serial, .array = set->array, .model = set->model, .model_version = ++s->model_version, .look = set->look, .tally = set->tally };
}

/* ---- the book of a set ---- */

static const uint8_t *pixels_used(void *context, int64_t time_ns) {
    struct live_session_work *s = context;
    return live_model_used(s->set->model, &s->options, time_ns, s->set->used) ? s->set->used : NULL;
}

static void graded(void *context, const struct photon_block *rows) { live_disk_graded(((struct live_session_work *)context)->links.disk, rows); }

static bool open_book(struct live_session_work *s) {
    const struct book_settings settings = {
        .n_pixels = s->set->array->n_pixels, .pixels = s->set->pixels, .late_ns = llround(s->options.scan.late_photon_s * 1e9), .history = HISTORY_ROWS,
        .products = { .emission = s->options.rixs.emission, .loss = s->options.rixs.loss, .n_regions = s->options.n_roi, .regions = s->options.roi,
                      .wide_grades = array_model_wide_grades(s->set->model, true) },
        .pixels_used = pixels_used, .graded = graded, .context = s,
    };
    return live_book_new(&settings, &s->book) && upstream_loss_new(s->set->array->n_channels, &s->loss);
}

static struct publish_lost lost_of(const struct live_session_work *s) { return s->lost; }

/* ended: no more will come for it. */
static void publish_scan(struct live_session_work *s, bool force) {
    const struct live_scan *scan = s->book != NULL ? live_book_scan(s->book) : NULL;
    if (scan == NULL || scan->products == NULL || s->ended_published)
        return;
    bool over = scan->ended && (force || scan->n_final == scan->scan.n_points);
    publisher_live(s->publisher, scan->products, scan->scan.n_points, over ? scan->scan.n_points : scan->n_final, over, lost_of(s));
    s->ended_published = over;
    s->published_final = scan->n_final;
}

/* What is kept of scans on disk: as far as they are final. */
static void keep_scans(struct live_session_work *s, bool closing, bool all) {
    const struct live_scan *scans[8];
    live_disk_scans(s->links.disk, scans, live_book_scans(s->book, scans, 8), closing, all);
}

static void close_book(struct live_session_work *s) {
    if (s->book != NULL) {
        live_book_settle(s->book, INT64_MAX, true);
        publish_scan(s, true);
        keep_scans(s, true, true);
    }
    live_book_free(s->book);
    upstream_loss_free(s->loss);
    s->book = NULL;
    s->loss = NULL;
}

/* ---- what the acquisition says ---- */

static void begin_run(struct live_session_work *s) {
    live_runs_begin(s->runs, &s->status, s->newest_ns);
    if (s->set != NULL)
        live_disk_begin(s->links.disk, s->set->array, &s->status, live_runs_folder(s->runs), live_runs_base_name(s->runs));
    if (s->links.follower != NULL && s->options.follow.folder[0] == '\0' && s->status.folder[0] != '\0')
        follower_folder(s->links.follower, s->status.folder);
}

static void end_run(struct live_session_work *s) {
    live_runs_end(s->runs, &s->status, s->newest_ns, now_ms());
    if (s->links.follower != NULL && s->options.follow.folder[0] == '\0')
        follower_end(s->links.follower);
}

static void told_label(struct live_session_work *s, int64_t time_ns) {
    live_runs_label(s->runs, s->status.label, time_ns);
    live_disk_label(s->links.disk, s->status.label, time_ns);
    live_learning_label(s->links.learning, s->status.label, time_ns);
}

static void told_status(void *context, const char *topic, const json_t *body) {
    struct live_session_work *s = context;
    unsigned change = live_status_take(&s->status, topic, body);
    if ((change & STATUS_ARRAY) != 0 && (s->set == NULL || !live_array_same(s->set->array, body)) && !s->names_new) {
        s->names_new = true;
        s->names_ms = now_ms();
    }
    if ((change & STATUS_LABEL) != 0)
        told_label(s, s->status.label_ns > 0 ? s->status.label_ns : s->newest_ns > 0 ? s->newest_ns : clock_ns(CLOCK_REALTIME));
    if ((change & STATUS_WRITING) != 0 && s->status.writing)
        begin_run(s);
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

static void couple(struct live_session_work *s) {
    const char *source;
    json_t *receivers;
    json_t *connections = json_object_get(live_status_body(&s->status, "GROUPTRIGGER"), "Connections");
    upstream_loss_uncouple(s->loss);
    json_object_foreach(connections, source, receivers)
        for (size_t k = 0; k < json_array_size(receivers); k++)
            upstream_loss_couple(s->loss, (uint32_t)strtoul(source, NULL, 10), (uint32_t)json_integer_value(json_array_get(receivers, k)));
}

/* Rows in the ring still speak of the old set. */
static bool take_rows(struct live_session_work *s);

static void end_set(struct live_session_work *s) {
    while (take_rows(s))
        continue;
    close_book(s);
    live_runs_session(s->runs, NULL, &s->status);
    live_disk_end(s->links.disk);
}

static void begin_set(struct live_session_work *s) {
    struct live_set *set = set_new(s, live_status_body(&s->status, "CHANNELNAMES"), NULL), *old = s->set;
    s->names_new = false;
    if (set == NULL) {
        log_error("the array that the acquisition names cannot be used; its records are refused");
        return;
    }
    if (old != NULL)
        end_set(s);
    s->set = set;
    s->triggers_new = false;
    find_triggers(s, set);
    make_plan(s, set);
    s->array_version = set->plan.model_version;
    live_model_used(set->model, &s->options, clock_ns(CLOCK_REALTIME), set->used);
    if (!open_book(s)) {
        log_error("out of memory for an array of %u channels", set->array->n_channels);
        close_book(s);
    } else {
        couple(s);
        if (s->seen_stopped)
            upstream_loss_running(s->loss, false);
        upstream_loss_running(s->loss, s->status.running);
    }
    live_learning_array(s->links.learning, set->array, set->model);
    if (s->status.label_ns > 0)
        live_learning_label(s->links.learning, s->status.label, s->status.label_ns);   /* it was told before the array was known */
    live_runs_session(s->runs, &(struct run_model){ set->array, set->model, &set->references }, &s->status);
    live_disk_model(s->links.disk, set->model, set->plan.model_version);
    if (s->status.writing)
        begin_run(s);
    show_plan(s, &set->plan);
    retire(s, old, set->plan.serial);
    log_note("array of %u channels, %u pixels, records of %u samples%s", set->array->n_channels, set->array->n_pixels, s->status.n_samples,
             s->status.writing ? ", being written" : "");
}

/* Names come with other topics in any order: a moment's patience for them. */
static void look_for_array(struct live_session_work *s, int64_t now) {
    bool complete = s->status.n_samples > 0 && live_status_body(&s->status, "TRIGGER") != NULL && live_status_body(&s->status, "WRITING") != NULL;
    if (s->names_new && (complete || now - s->names_ms > PATIENCE_MS))
        begin_set(s);
    if (s->set == NULL && !s->names_new)
        status_link_want_all(s->status_link);
}

/* ---- scan points ---- */

static bool told_scan(void *context, const struct scan_event *e, const char **why) {
    struct live_session_work *s = context;
    if (s->book == NULL) {
        *why = "the acquisition's channels are not known yet";
        return false;
    }
    if (e->kind == SCAN_EVENT_SCAN_START) {
        publish_scan(s, true);
        keep_scans(s, true, false);
    }
    if (!live_book_event(s->book, e, why))
        return false;
    if (e->kind == SCAN_EVENT_SCAN_START)
        s->ended_published = false;
    live_runs_event(s->runs, e);
    live_learning_event(s->links.learning, e);
    live_disk_event(s->links.disk, e);
    return true;
}

/* ---- what the scan server asks ---- */

static const char *first_channel(void *context) {
    const struct live_session_work *s = context;
    return s->set != NULL && s->set->array->n_pixels > 0 ? s->set->array->channels[s->set->array->index_of_pixel[0]].name : NULL;
}

static bool count_of_point(void *context, int32_t number, int32_t point, const char *region, uint32_t *counts, bool *final) {
    struct live_session_work *s = context;
    const struct live_scan *scan = s->book != NULL ? live_book_scan(s->book) : NULL;
    if (scan == NULL || scan->products == NULL || scan->scan.number != number || point < 0 || (uint32_t)point >= scan->scan.n_points)
        return false;
    for (uint32_t k = 0; k < scan->products->n_yields; k++)
        if (strcmp(scan->products->yields[k]->region.name, region) == 0) {
            *counts = scan->products->yields[k]->counts[point];
            *final = (uint32_t)point < scan->n_final;
            return true;
        }
    return false;
}

/* Those of the config, and those that the beamline set, which win where names are the same. The run's file is made with them too. */
static bool take_regions(void *context, const struct yield_region *regions, uint32_t n, const char **why) {
    struct live_session_work *s = context;
    struct yield_region all[OPTIONS_MAX_ROI];
    uint32_t n_all = s->n_configured;
    memcpy(all, s->configured, n_all * sizeof *all);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t at = 0;
        while (at < n_all && strcmp(all[at].name, regions[k].name) != 0)
            at++;
        *why = "more rois than fit beside those of the config";
        if (at == OPTIONS_MAX_ROI)
            return false;
        all[at] = regions[k];
        n_all += at == n_all;
    }
    memcpy(s->options.roi, all, n_all * sizeof *all);
    s->options.n_roi = n_all;
    if (s->book != NULL)
        live_book_regions(s->book, s->options.roi, n_all);
    return true;
}

/* ---- rows ---- */

static void account(struct live_session_work *s, const struct row_block *rows) {
    const struct live_array *array = s->set->array;
    const struct photon_block *p = rows->photons;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t index = array->index_of_pixel[p->pixel[i]];
        if ((rows->flags[i] & ROW_NEW_EPOCH) != 0)
            upstream_loss_epoch(s->loss, p->time_ns[i], p->frame[i], s->status.sample_period_s);
        upstream_loss_record(s->loss, index, p->time_ns[i], (rows->flags[i] & ROW_FROM_FILE) == 0);
        s->newest_ns = p->time_ns[i] > s->newest_ns ? p->time_ns[i] : s->newest_ns;
        s->photons += p->cuts[i] == 0;
    }
}

static bool take_rows(struct live_session_work *s) {
    struct row_block *rows = ring_take_full(s->links.rows);
    if (rows == NULL)
        return false;
    if (s->book != NULL && rows->n > 0 && rows->model_version >= s->array_version) {
        s->newest_mono_ns = clock_ns(CLOCK_MONOTONIC);
        account(s, rows);
        live_runs_rows(s->runs, rows, s->newest_mono_ns / 1000000);
        live_disk_rows(s->links.disk, rows);
        live_book_rows(s->book, rows);
        live_learning_rows(s->links.learning, rows);
        if (s->unpublished == 0)
            s->oldest_unpublished_ns = rows->arrived_ns;
        s->unpublished += rows->n;
    }
    row_block_clear(rows);
    ring_mark_empty(s->links.rows);
    return true;
}

/* Newest stamp less one block and one record; when nothing comes, as much later as the clock went on (design 8). */
static int64_t watermark(const struct live_session_work *s) {
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
        live_book_settle(s->book, watermark(s), false);
        keep_scans(s, false, false);
    }
    const struct live_scan *scan = live_book_scan(s->book);
    bool urgent = scan != NULL && (scan->n_final > s->published_final || (scan->ended && !s->ended_published));
    if (now - s->publish_ms < PUBLISH_MS && !urgent)
        return;
    if (live_book_changed(s->book) || urgent) {
        s->publish_ms = now;
        publish_scan(s, false);
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

/* Another model for the same array: ingest takes it between two blocks. The old one stays good when the new one cannot be read. */
static void swap_model(struct live_session_work *s, struct array_model *learnt) {
    struct live_set *set = set_new(s, live_status_body(&s->status, "CHANNELNAMES"), learnt), *old = s->set;
    if (set == NULL) {
        log_error("%s: the calibration in force stays", s->options.calibration.file);
        return;
    }
    free(set->tally);   /* the channels are the same: their counts go on */
    set->tally = old->tally;
    old->tally = NULL;
    find_triggers(s, set);
    make_plan(s, set);
    s->set = set;
    live_book_pixels(s->book, set->pixels);
    live_runs_model(s->runs, &(struct run_model){ set->array, set->model, &set->references });
    live_disk_model(s->links.disk, set->model, set->plan.model_version);
    publisher_calibration(s->publisher, s->options.calibration.file);
    show_plan(s, &set->plan);
    retire(s, old, set->plan.serial);
    log_note("calibration and triggers in force: %s", s->options.calibration.file[0] != '\0' ? s->options.calibration.file : "none");
}

static void keep_anew(void *runs, const struct row_block *rows) { live_runs_rows(runs, rows, now_ms()); }

/* A calibration was learnt: the scan that runs is counted anew. */
static void take_learnt(struct live_session_work *s) {
    struct array_model *learnt;
    if (s->book == NULL || !live_learning_step(s->links.learning, watermark(s), &learnt))
        return;
    snprintf(s->options.calibration.file, sizeof s->options.calibration.file, "%s", live_learning_kept(s->links.learning));
    swap_model(s, learnt);
    int64_t filters_from_ns;
    struct live_book *before = s->book;
    live_disk_anew(s->links.disk, true);
    live_learning_recount(s->links.learning, s->set->model, s->set->plan.model_version, watermark(s), &s->book, keep_anew, s->runs, &filters_from_ns);
    live_disk_anew(s->links.disk, false);
    live_runs_filters(s->runs, filters_from_ns);
    if (s->book != before) {
        keep_scans(s, false, true);
        live_book_free(s->replaced);
        s->replaced = before;
    }
    s->ended_published = false;
}

static void take_reload(struct live_session_work *s) {
    pthread_mutex_lock(&s->lock);
    struct options *o = s->reload;
    s->reload = NULL;
    pthread_mutex_unlock(&s->lock);
    if (o == NULL)
        return;
    bool other = strcmp(o->calibration.file, s->options.calibration.file) != 0 && (s->links.learning == NULL || o->calibration.file[0] != '\0');
    if (other)
        memcpy(s->options.calibration.file, o->calibration.file, sizeof o->calibration.file);
    s->options.scan.late_photon_s = o->scan.late_photon_s;
    s->options.n_roi = s->n_configured = o->n_roi;
    memcpy(s->options.roi, o->roi, sizeof o->roi);
    memcpy(s->configured, o->roi, sizeof o->roi);
    if (s->book != NULL)
        live_book_regions(s->book, s->options.roi, s->options.n_roi);
    free(o);
    if (s->set != NULL && s->book != NULL && other)
        swap_model(s, NULL);
}

/* Trigger settings come again with every SendAllStatus; only others than before matter. */
static void take_triggers(struct live_session_work *s) {
    if (!s->triggers_new || s->set == NULL || s->book == NULL)
        return;
    s->triggers_new = false;
    couple(s);
    size_t n = s->set->array->n_pixels + (size_t)1;
    struct live_set other = { .model = s->set->model, .pixels = calloc(n, sizeof *other.pixels), .look = calloc(n, sizeof *other.look) };
    bool changed = false;
    if (other.pixels != NULL && other.look != NULL) {
        find_triggers(s, &other);
        changed = memcmp(other.look, s->set->look, n) != 0;
        for (size_t i = 0; !changed && i + 1 < n; i++)
            changed = other.pixels[i].secondary != s->set->pixels[i].secondary || other.pixels[i].automatic != s->set->pixels[i].automatic ||
                      other.pixels[i].live != s->set->pixels[i].live || other.pixels[i].table.blind_ns != s->set->pixels[i].table.blind_ns;
    }
    free(other.pixels);
    free(other.look);
    if (changed)
        swap_model(s, NULL);
}

/* ---- the thread's round ---- */

bool live_session_step(void *context) {
    struct live_session_work *s = context;
    int64_t now = now_ms();
    bool busy = false;
    status_link_step(s->status_link, now, told_status, s);
    look_for_array(s, now);
    if (s->scan_link != NULL)
        scan_link_step(s->scan_link);
    live_beamline_step(s->beamline, now);
    for (int k = 0; k < BLOCKS_PER_ROUND && take_rows(s); k++)
        busy = true;
    settle_and_publish(s, now);
    publisher_step(s->publisher, lost_of(s));
    if (live_runs_step(s->runs, &s->status, now, s->links.follower != NULL && follower_is_behind(s->links.follower), false))
        live_disk_end(s->links.disk);
    live_disk_step(s->links.disk);
    take_reload(s);
    take_triggers(s);
    take_learnt(s);
    free_retired(s);
    live_session_update_figures(s, now);
    return busy;
}

bool live_session_new(struct options *options, const struct session_links *links, struct live_session_work **out) {
    struct live_session_work *s = calloc(1, sizeof *s);
    if (s == NULL)
        return false;
    s->options = *options;
    s->links = *links;
    memcpy(s->configured, options->roi, sizeof s->configured);
    s->n_configured = options->n_roi;
    pthread_mutex_init(&s->lock, NULL);
    const struct publish_settings publish = { .endpoint = options->stream.endpoint, .state = "live", .calibration_id = options->calibration.file };
    bool good = live_status_init(&s->status) && live_runs_new(&s->options, &s->runs) && publisher_new(&publish, &s->publisher) &&
                status_link_new(options->ingest.host, (int)options->ingest.port, &s->status_link) &&
                (options->control.port == 0 || scan_link_open(options->control.host, (int)options->control.port, told_scan, s, &s->scan_link));
    const struct beamline_session beamline = { .context = s, .told = told_scan, .status = &s->status, .first_channel = first_channel, .counts = count_of_point, .regions = take_regions };
    good = good && live_beamline_new(options, &beamline, &s->beamline);
    if (!good) {
        live_session_free(s);
        return false;
    }
    *out = s;
    return true;
}

void live_session_finish(struct live_session_work *s) {
    while (take_rows(s))
        continue;
    close_book(s);
    live_runs_session(s->runs, NULL, &s->status);
    live_disk_end(s->links.disk);
    s->figures_ms = 0;
    live_session_update_figures(s, now_ms());
}

void live_session_free(struct live_session_work *s) {
    if (s == NULL)
        return;
    close_book(s);
    live_book_free(s->replaced);
    live_runs_free(s->runs);
    scan_link_close(s->scan_link);
    live_beamline_free(s->beamline);
    status_link_free(s->status_link);
    if (s->publisher != NULL)
        publisher_free(s->publisher);
    live_status_done(&s->status);
    set_free(s->set);
    for (unsigned k = 0; k < s->n_retired; k++)
        set_free(s->retired[k]);
    free(s->reload);
    free(s->losses);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
