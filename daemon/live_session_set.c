/* The array and the model in force: made, swapped, retired when nobody uses them any more; the book that goes with them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/live_model.h"
#include "daemon/live_session_parts.h"
#include "daemon/log.h"

enum { PATIENCE_MS = 1000, HISTORY_ROWS = 1 << 18 };

/* ---- sets ---- */

void live_session_set_free(struct live_set *s) {
    if (s == NULL)
        return;
    live_array_free(s->array);
    if (s->users != NULL && --*s->users == 0) {
        array_model_free(s->model);
        free(s->users);
    }
    free(s->pixels);
    free(s->look);
    free(s->tally);
    free(s->used);
    free(s);
}

/* Without a model. */
static struct live_set *set_new(const struct live_session_work *s) {
    struct live_set *set = calloc(1, sizeof *set);
    if (set == NULL || !live_array_make(live_status_body(&s->status, "CHANNELNAMES"), &set->array)) {
        live_session_set_free(set);
        return NULL;
    }
    size_t n = set->array->n_pixels + (size_t)1;
    set->pixels = calloc(n, sizeof *set->pixels);
    set->look = calloc(n, sizeof *set->look);
    set->used = calloc(n, 1);
    set->tally = calloc(set->array->n_channels, sizeof *set->tally);
    if (set->pixels == NULL || set->look == NULL || set->used == NULL || set->tally == NULL) {
        live_session_set_free(set);
        return NULL;
    }
    return set;
}

static bool own_model(struct live_set *set, struct array_model *m) {
    set->users = malloc(sizeof *set->users);
    if (set->users == NULL) {
        array_model_free(m);
        return false;
    }
    *set->users = 1;
    set->model = m;
    return true;
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

void live_session_free_retired(struct live_session_work *s) {
    uint64_t adopted = atomic_load_explicit(&s->links.exchange->adopted, memory_order_acquire);
    uint64_t followed = atomic_load_explicit(&s->links.exchange->followed, memory_order_acquire);
    if (s->links.exchange->is_followed && followed < adopted)
        adopted = followed;
    unsigned kept = 0;
    for (unsigned k = 0; k < s->n_retired; k++)
        if (s->retired[k]->references == 0 && adopted >= s->retired[k]->retired && live_disk_model_used(s->links.disk) > s->retired[k]->plan.model_version)
            live_session_set_free(s->retired[k]);
        else
            s->retired[kept++] = s->retired[k];
    s->n_retired = kept;
}

static void make_plan(struct live_session_work *s, struct live_set *set) {
    set->plan = (struct live_plan){ .serial = ++s->serial, .array = set->array, .model = set->model, .model_version = ++s->model_version, .look = set->look, .tally = set->tally };
    calibration_id(set->model, s->calibration_id);
    publisher_calibration(s->publisher, s->calibration_id);
    photon_feed_calibration(s->photon_feed, s->calibration_id);
    s->cal_changed = true;
}

/* ---- the book of a set ---- */

static const uint8_t *pixels_used(void *context, int64_t time_ns) {
    struct live_session_work *s = context;
    return live_model_used(s->set->model, &s->options, time_ns, s->set->used) ? s->set->used : NULL;
}

static void graded(void *context, const struct photon_block *rows) {
    struct live_session_work *s = context;
    live_disk_graded(s->links.disk, rows);
    if (s->photon_feed != NULL)
        photon_feed_rows(s->photon_feed, rows);
}

struct product_settings live_session_products(const struct live_session_work *s) {
    return (struct product_settings){ .emission = s->options.rixs.emission, .loss = s->options.rixs.loss, .n_regions = s->options.n_roi, .regions = s->options.roi,
                                      .wide_grades = s->set != NULL ? array_model_wide_grades(s->set->model, true) : 0 };
}

static bool open_book(struct live_session_work *s) {
    const struct book_settings settings = {
        .n_pixels = s->set->array->n_pixels, .pixels = s->set->pixels, .late_ns = llround(s->options.scan.late_photon_s * 1e9),
        .hold_ns = s->links.follower != NULL ? llround(s->options.follow.hold_s * 1e9) : 0, .history = HISTORY_ROWS,
        .products = live_session_products(s), .kept = ((size_t)s->options.control.recount_MiB << 20) / SCAN_VIEW_PHOTON_BYTES,
        .pixels_used = pixels_used, .graded = graded, .context = s,
    };
    return live_book_new(&settings, &s->book) && upstream_loss_new(s->set->array->n_channels, &s->loss) && stamp_watch_new(s->set->array->n_pixels, &s->stamps);
}

/* Of the array in force; what a book that is closed had is not asked again. */
static void losses(void *context, uint64_t *lost) {
    struct live_session_work *s = context;
    if (s->loss != NULL && s->set != NULL)
        live_losses_pixels(s->set->array, s->set->tally, s->loss, lost);
}

void live_session_close_book(struct live_session_work *s) {
    live_session_run_over(s);
    if (s->book != NULL) {
        live_book_settle(s->book, INT64_MAX, true);
        live_session_publish_scan(s, true);
        live_session_keep_scans(s, true, true);
        live_session_tell_repeats(s);
    }
    live_book_free(s->book);
    upstream_loss_free(s->loss);
    stamp_watch_free(s->stamps);
    s->book = NULL;
    s->loss = NULL;
    s->stamps = NULL;
}

/* ---- sets come and go ---- */

static void couple(struct live_session_work *s) {
    const char *source;
    json_t *receivers;
    json_t *connections = json_object_get(live_status_body(&s->status, "GROUPTRIGGER"), "Connections");
    upstream_loss_uncouple(s->loss);
    json_object_foreach(connections, source, receivers)
        for (size_t k = 0; k < json_array_size(receivers); k++)
            upstream_loss_couple(s->loss, (uint32_t)strtoul(source, NULL, 10), (uint32_t)json_integer_value(json_array_get(receivers, k)));
}

static void end_set(struct live_session_work *s) {
    while (live_session_take_rows(s))
        continue;
    live_session_forget_choice(s);
    live_session_run_ends(s);
    live_runs_session(s->runs, NULL, &s->status);   /* while its losses are known */
    live_session_close_book(s);
    live_disk_end(s->links.disk);
}

static void begin_set(struct live_session_work *s) {
    struct live_set *set = set_new(s), *old = s->set;
    struct array_model *m;
    s->names_new = false;
    if (set == NULL || !live_session_stored_model(s, set->array, &m) || !own_model(set, m)) {
        live_session_set_free(set);
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
    live_repeats_forget(s->repeats);
    live_model_used(set->model, &s->options, clock_ns(CLOCK_REALTIME), set->used);
    if (!open_book(s)) {
        log_error("out of memory for an array of %u channels", set->array->n_channels);
        live_session_close_book(s);
    } else {
        couple(s);
        if (s->seen_stopped)
            upstream_loss_running(s->loss, false);
        upstream_loss_running(s->loss, s->status.running);
    }
    live_learning_array(s->links.learning, set->array, set->model);
    if (s->status.label_ns > 0)
        live_learning_label(s->links.learning, s->status.label, s->status.label_ns);   /* it was told before the array was known */
    live_runs_session(s->runs, &(struct run_model){ set->array, set->model, &set->references, losses, s }, &s->status);
    live_disk_model(s->links.disk, set->model, set->plan.model_version);
    if (s->status.writing)
        live_session_begin_run(s, s->options.follow.folder[0] == '\0');   /* a folder of the settings may hold files of other runs */
    show_plan(s, &set->plan);
    retire(s, old, set->plan.serial);
    log_note("array of %u channels, %u pixels, records of %u samples%s", set->array->n_channels, set->array->n_pixels, s->status.n_samples,
             s->status.writing ? ", being written" : "");
}

/* Names come with other topics in any order: a moment's patience for them. */
void live_session_look_for_array(struct live_session_work *s, int64_t now) {
    bool complete = s->status.n_samples > 0 && live_status_body(&s->status, "TRIGGER") != NULL && live_status_body(&s->status, "WRITING") != NULL;
    if (s->names_new && (complete || now - s->names_ms > PATIENCE_MS) && live_session_calibration_ready(s))
        begin_set(s);
    if (s->set == NULL && !s->names_new)
        status_link_want_all(s->status_link);
}

/* The set, which has its model, in the place of the one before. */
static void put_in_force(struct live_session_work *s, struct live_set *set) {
    struct live_set *old = s->set;
    if (set->model != old->model)
        live_session_forget_choice(s);
    free(set->tally);   /* the channels are the same: their counts go on */
    set->tally = old->tally;
    old->tally = NULL;
    find_triggers(s, set);
    live_model_used(set->model, &s->options, clock_ns(CLOCK_REALTIME), set->used);   /* or it would have no good pixel until the next scan */
    make_plan(s, set);
    s->set = set;
    live_book_pixels(s->book, set->pixels);
    const struct product_settings products = live_session_products(s);   /* other filters may serve other grades */
    live_book_products(s->book, &products);
    live_runs_model(s->runs, &(struct run_model){ set->array, set->model, &set->references, losses, s });
    live_disk_model(s->links.disk, set->model, set->plan.model_version);
    show_plan(s, &set->plan);
    retire(s, old, set->plan.serial);
    log_note("calibration and triggers in force: %s", s->options.calibration.file[0] != '\0' ? s->options.calibration.file : "none");
}

void live_session_swap_model(struct live_session_work *s, struct array_model *m) {
    struct live_set *set = set_new(s);
    if (set == NULL)
        array_model_free(m);
    if (set != NULL && own_model(set, m)) {
        put_in_force(s, set);
        return;
    }
    live_session_set_free(set);
    log_error("%s: out of memory; the calibration in force stays", s->options.calibration.file);
}

/* Other triggers, the same model. */
static void swap_triggers(struct live_session_work *s) {
    struct live_set *set = set_new(s);
    if (set == NULL) {
        log_error("out of memory for other triggers; those in force stay");
        return;
    }
    set->model = s->set->model;
    set->users = s->set->users;
    ++*set->users;
    put_in_force(s, set);
}

/* Trigger settings come again with every SendAllStatus; only others than before matter. */
void live_session_take_triggers(struct live_session_work *s) {
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
        swap_triggers(s);
}

