/* What the session tells the stream beside its products: alarm/, cal/, consistency/, disk/, pixel/<n>/ and detail/<n>/ (doc/stream.md). Pixels take turns, so that a large array
 * makes no burst. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/calibration_progress.h"
#include "daemon/clock.h"
#include "daemon/json_value.h"
#include "daemon/live_session_parts.h"
#include "daemon/log.h"
#include "daemon/log_event.h"
#include "daemon/pixel_detail.h"
#include "daemon/sink/data_group.h"

enum { PIXELS_MS = 5000, PIXELS_AT_ONCE = 16, DETAILS_MS = 500, LISTED_PIXELS = 5, ROOM_MS = 5000, RECENT_SCANS = 8 };

/* ---- alarm/ ---- */

static const char *trouble_of(const struct sink_health *h) { return h->name != NULL && h->failing ? h->trouble : NULL; }

/* Alarms that begin or end, to the system's journal; they hold on for a while, so they come seldom. */
static void tell_journal(const struct live_session_work *s) {
    const struct live_scan *scan = s->book != NULL ? live_book_scan(s->book) : NULL;
    for (unsigned k = 0; k < N_ALARMS; k++) {
        const struct live_alarm *a = &s->alarms.list[k];
        const struct log_event e = { .code = live_alarm_code((enum alarm_code)k), .text = a->text, .error = strcmp(live_alarm_level((enum alarm_code)k), "error") == 0, .over = !a->on,
                                     .run = s->status.writing ? live_runs_base_name(s->runs) : "", .scan = scan != NULL && !scan->ended ? scan->scan.number : -1, .lost = s->figures.losses.lost_upstream };
        if (a->turned)
            log_event(&e);
    }
}

/* "channel 17 since 12:03:14, channel 5 since 12:40:09 UTC, 3 more" */
struct pixel_list { char text[LISTED_PIXELS * 48 + 32]; size_t at; uint32_t listed, more; };

static void list_pixel(const struct live_session_work *s, uint32_t pixel, const char *what, int64_t since_ns, struct pixel_list *l) {
    struct tm utc;
    const time_t since_s = (time_t)(since_ns / 1000000000);
    if (l->listed == LISTED_PIXELS || gmtime_r(&since_s, &utc) == NULL) {
        l->more++;
        return;
    }
    l->at += (size_t)snprintf(l->text + l->at, sizeof l->text - l->at, "%schannel %d %ssince %02d:%02d:%02d", l->listed++ > 0 ? ", " : "", s->set->array->channels[s->set->array->index_of_pixel[pixel]].number, what,
                              utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static void end_list(struct pixel_list *l) {
    if (l->listed > 0)
        l->at += (size_t)snprintf(l->text + l->at, sizeof l->text - l->at, " UTC");
    if (l->more > 0)
        snprintf(l->text + l->at, sizeof l->text - l->at, ", %u more", l->more);
}

static void list_pixels(const struct live_session_work *s, struct pixel_list *jumped, struct pixel_list *shifted) {
    const uint32_t n = s->set != NULL && s->watch != NULL && s->watch_version == s->array_version ? s->set->array->n_pixels : 0;
    char by[24];
    for (uint32_t p = 0; p < n; p++) {
        const int64_t since_ns = pixel_watch_jumped(s->watch, p);
        const struct pixel_shift shift = pixel_watch_shift(s->watch, p);
        snprintf(by, sizeof by, "by %+.0f eV ", shift.shift_eV);
        if (since_ns != 0)
            list_pixel(s, p, "", since_ns, jumped);
        else if (shift.shift_eV != 0)
            list_pixel(s, p, by, shift.since_ns, shifted);
    }
    end_list(jumped);
    end_list(shifted);
}

void live_session_tell_alarms(struct live_session_work *s, int64_t now_ms) {
    struct pixel_list jumped = { 0 }, shifted = { 0 };
    list_pixels(s, &jumped, &shifted);
    const struct live_figures *f = &s->figures;
    const struct alarm_facts facts = {
        .heard = f->alive, .array = s->set != NULL, .n_pixels = f->n_pixels, .good_pixels = f->good_pixels, .sent = f->losses.sent, .lost_upstream = f->losses.lost_upstream,
        .overload = f->losses.overload, .refused = s->lost.rejected, .not_kept = f->kept_lost, .late = f->late, .hurried = f->hurried, .refused_events = f->refused_events, .pixels_jumped = jumped.text, .pixels_shifted = shifted.text, .scans_differ = live_repeats_odd(s->repeats),
        .other_form = f->losses.other_form, .other_basis = f->losses.other_basis, .clock_steps = f->clock_steps.records, .clock_step_s = (double)f->clock_steps.last_ns * 1e-9,
        .host = s->options.ingest.host, .calibration_refusal = live_learning_refusal(s->links.learning),
        .disk_trouble = { trouble_of(&f->disk[0]), trouble_of(&f->disk[1]), trouble_of(&f->disk[2]) },
    };
    const bool changed = live_alarms_update(&s->alarms, &facts, now_ms, clock_ns(CLOCK_REALTIME));
    tell_journal(s);
    if (!changed)
        return;
    json_t *keys = live_alarms_json(&s->alarms);
    publisher_state(s->publisher, "alarm/", "alarm", "cumulative", keys);
    json_decref(keys);
}

/* ---- cal/ ---- */

static json_t *table_keys(const struct array_model *m) {
    json_t *verdicts = json_object(), *verdict = json_array(), *reason = json_array(), *resolution = json_array();
    const struct calibration_table *t = m != NULL && m->n_tables > 0 ? m->tables[m->n_tables - 1] : NULL;
    uint32_t of[N_VERDICTS] = { 0 };
    for (size_t i = 0; m != NULL && i < m->n_channels; i++) {
        const struct array_verdict v = array_model_verdict(m, i);
        if (t != NULL)
            of[t->pixels[i].verdict]++;
        json_array_append_new(verdict, json_value_text(v.verdict));
        json_array_append_new(reason, json_value_text(v.reason));
        json_array_append_new(resolution, json_value_number(v.resolution_eV));
    }
    for (int k = 0; k < N_VERDICTS && t != NULL; k++)
        json_object_set_new(verdicts, verdict_names[k], json_integer(of[k]));
    return json_pack("{s:i, s:i, s:o, s:{s:o, s:o, s:o}}", "n_pixels", m != NULL ? (int)m->n_channels : 0, "n_good", (int)of[VERDICT_GOOD], "verdicts", verdicts, "pixels", "verdict", verdict,
                     "reason", reason, "resolution_eV", resolution);
}

static void look_at_progress(struct live_session_work *s) {
    struct calibration_outlook o;
    char label[32], text[400];
    if (!live_learning_outlook(s->links.learning, &o, label))
        return;
    calibration_progress_text(&o, text, sizeof text);
    log_note("calibration %s so far: %s", label, text);
    json_decref(s->outlook);
    s->outlook = calibration_progress_json(&o, label);
    s->cal_changed = true;
    calibration_outlook_done(&o);
}

static void tell_calibration(struct live_session_work *s) {
    const char *stage = live_learning_stage(s->links.learning);
    look_at_progress(s);
    if (strcmp(stage, s->told_stage) != 0) {
        s->cal_changed = true;
        if (stage[0] == '\0') {   /* what was seen on the way is over */
            json_decref(s->outlook);
            s->outlook = NULL;
        }
    }
    if (!s->cal_changed)
        return;
    s->cal_changed = false;
    snprintf(s->told_stage, sizeof s->told_stage, "%s", stage);
    json_t *keys = table_keys(s->set->model);
    json_object_set_new(keys, "id", json_value_text(s->calibration_id));
    json_object_set_new(keys, "file", json_value_text(s->options.calibration.file));
    json_object_set_new(keys, "learning", json_boolean(stage[0] != '\0'));
    json_object_set_new(keys, "stage", json_value_text(stage));
    json_object_set(keys, "outlook", s->outlook != NULL ? s->outlook : json_null());
    publisher_state(s->publisher, "cal/", "cal", "cumulative", keys);
    json_decref(keys);
}

/* ---- pixel/<n>/ ---- */

static json_t *pixel_keys(const struct live_session_work *s, uint32_t pixel, const struct watched_window *w) {
    const uint32_t index = s->set->array->index_of_pixel[pixel];
    const struct live_channel *c = &s->set->array->channels[index];
    const struct array_verdict v = array_model_verdict(s->set->model, pixel);
    const uint64_t own = tally_of(&s->set->tally[index].overload), lost = upstream_loss_channel(s->loss, index).lost;
    char jumped[24];
    snprintf(jumped, sizeof jumped, "%" PRId64, w->jumped_ns);
    const double shift_eV = pixel_watch_shift(s->watch, pixel).shift_eV;
    return json_pack("{s:i, s:i, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o}", "pixel", (int)pixel, "channel", (int)c->number, "name", json_value_text(c->name), "window_s", w->window_s,
                     "rate_per_s", json_value_number(w->rate_per_s), "baseline_counts", json_value_number(w->baseline_counts), "residual", json_value_number(w->residual), "resolution_eV",
                     json_value_number(v.resolution_eV), "verdict", json_value_text(v.verdict), "reason", json_value_text(v.reason), "records", (json_int_t)w->records, "photons",
                     (json_int_t)w->photons, "lost", (json_int_t)(lost > own ? lost : own), "jumped_ns", w->jumped_ns != 0 ? json_string(jumped) : json_null(),
                     "shift_eV", shift_eV != 0 ? json_real(shift_eV) : json_null());
}

static bool have_watch(struct live_session_work *s, int64_t now_ms) {
    if (s->watch != NULL && s->watch_version == s->array_version)
        return true;
    pixel_watch_free(s->watch);
    s->watch = NULL;
    s->watch_version = s->array_version;
    s->watch_ms = now_ms;
    s->pixels_told = 0;
    return pixel_watch_new(s->set->array->n_pixels, now_ms, &s->watch);
}

static void tell_pixels(struct live_session_work *s, int64_t now_ms) {
    const uint32_t n = s->set->array->n_pixels;
    const uint64_t due = (uint64_t)(now_ms - s->watch_ms) * n / PIXELS_MS;
    char topic[32];
    if (due > s->pixels_told + n)   /* after a standstill: one round is enough */
        s->pixels_told = due - n;
    for (int k = 0; k < PIXELS_AT_ONCE && s->pixels_told < due; k++, s->pixels_told++) {
        const uint32_t pixel = (uint32_t)(s->pixels_told % n);
        const struct watched_window w = pixel_watch_take(s->watch, pixel, now_ms);
        json_t *keys = pixel_keys(s, pixel, &w);
        snprintf(topic, sizeof topic, "pixel/%u/", pixel);
        publisher_state(s->publisher, topic, "pixel", "window", keys);
        json_decref(keys);
    }
}

/* ---- detail/<n>/ ---- */

static const struct calibration_curve *curve_of(const struct array_model *m, uint32_t pixel) {
    const struct calibration_table *t = m != NULL && m->n_tables > 0 ? m->tables[m->n_tables - 1] : NULL;
    return t != NULL && pixel < t->n_pixels ? t->pixels[pixel].curve : NULL;
}

static void tell_detail(struct live_session_work *s, const char *topic, uint32_t pixel) {
    struct pixel_detail d;
    const struct array_model *m = s->set->model;
    const struct pixel_model *model = m != NULL && pixel < m->n_channels ? m->channels[pixel].model : NULL;
    struct data_group g = { .signal = "counts", .axes = { "energy" }, .n_axes = 1 };
    struct pixel_pulse pulse;
    pixel_pulse_of(model, &pulse);
    pixel_detail_set(&d, pixel_watch_spectrum(s->watch, pixel), &pulse, curve_of(m, pixel));
    snprintf(g.title, sizeof g.title, "pixel %u", pixel);
    g.n_arrays = d.n_arrays;
    memcpy(g.arrays, d.arrays, d.n_arrays * sizeof *d.arrays);
    json_t *keys = pixel_detail_keys(pixel, &pulse);
    publisher_arrays(s->publisher, topic, "detail", "cumulative", &g, keys);
    json_decref(keys);
}

static void tell_details(struct live_session_work *s, int64_t now_ms) {
    if (now_ms - s->details_ms < DETAILS_MS)
        return;
    s->details_ms = now_ms;
    if (strcmp(s->watched_id, s->calibration_id) != 0) {
        pixel_watch_forget_spectra(s->watch);
        snprintf(s->watched_id, sizeof s->watched_id, "%s", s->calibration_id);
    }
    char topic[PUBLISH_TOPIC];
    for (size_t k = 0; publisher_asked(s->publisher, k, topic); k++) {
        unsigned pixel = 0;
        int end = 0;
        if (sscanf(topic, "detail/%6u/%n", &pixel, &end) == 1 && end > 0 && topic[end] == '\0' && pixel < s->set->array->n_pixels)
            tell_detail(s, topic, pixel);
    }
}

/* ---- consistency/ ---- */

static void tell_repeats_of(struct live_session_work *s, const struct scan_products *p) {
    json_t *keys = live_repeats_add(s->repeats, p, s->calibration_id);
    if (keys == NULL)
        return;
    if (live_repeats_odd(s->repeats)[0] != '\0')
        log_warning("%s", live_repeats_odd(s->repeats));
    publisher_state(s->publisher, "consistency/", "consistency", "cumulative", keys);
    json_decref(keys);
}

/* The book keeps a scan that is final until the next one begins. */
void live_session_tell_repeats(struct live_session_work *s) {
    const struct live_scan *scans[RECENT_SCANS];
    const size_t n = live_book_scans(s->book, scans, RECENT_SCANS);
    for (size_t k = 0; k < n; k++)
        if (scans[k]->ended && scans[k]->products != NULL && scans[k]->n_final == scans[k]->scan.n_points && scans[k]->scan.start_ns > s->repeats_told_ns) {
            s->repeats_told_ns = scans[k]->scan.start_ns;
            tell_repeats_of(s, scans[k]->products);
        }
}

/* ---- disk/ ---- */

static void tell_disk(struct live_session_work *s, int64_t now_ms) {
    if (s->room_ms > 0 && now_ms - s->room_ms < ROOM_MS)
        return;
    s->room_ms = now_ms;
    const struct disk_room room = live_disk_room(s->links.disk);
    struct sink_health sinks[LIVE_DISK_SINKS];
    json_t *list = json_array();
    live_disk_health(s->links.disk, sinks);
    for (unsigned k = 0; k < LIVE_DISK_SINKS; k++)
        if (sinks[k].name != NULL)
            json_array_append_new(list, json_pack("{s:s, s:b, s:o, s:I, s:I}", "name", sinks[k].name, "failing", sinks[k].failing, "trouble", json_value_text(sinks[k].trouble), "accepted",
                                                  (json_int_t)sinks[k].accepted, "lost", (json_int_t)sinks[k].lost));
    json_t *keys = json_pack("{s:o, s:o, s:o, s:o}", "folder", json_value_text(s->options.output.folder), "free_bytes", room.free_bytes >= 0 ? json_integer(room.free_bytes) : json_null(),
                             "total_bytes", room.total_bytes >= 0 ? json_integer(room.total_bytes) : json_null(), "sinks", list);
    publisher_state(s->publisher, "disk/", "disk", "window", keys);
    json_decref(keys);
}

void live_session_tell_rows(struct live_session_work *s, const struct row_block *rows) {
    if (s->watch != NULL && s->watch_version == s->array_version)
        pixel_watch_rows(s->watch, rows);
}

void live_session_tell(struct live_session_work *s, int64_t now_ms) {
    tell_disk(s, now_ms);
    if (s->set == NULL || s->book == NULL || s->set->array->n_pixels == 0)
        return;
    tell_calibration(s);
    if (!have_watch(s, now_ms))
        return;
    tell_pixels(s, now_ms);
    tell_details(s, now_ms);
}
