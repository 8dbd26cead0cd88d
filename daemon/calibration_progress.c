#include "daemon/calibration_progress.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/json_value.h"
#include "pulse/cut.h"

enum { KEPT = 2000 };                       /* heights of a pixel: more make an outlook no better */
static const double GROWTH = 1.1;

enum turn { BOOKS_TURN, LEARNERS_TURN, OUTLOOK_READY };

struct calibration_progress {
    struct calibration_progress_settings settings;
    /* the book's */
    struct calibration_watch *live;
    bool running;
    char label[32];
    double mono_eV;
    int64_t start_ns, looked_ns;
    uint64_t looked_pulses;
    /* whose turn it is decides who may touch these */
    _Atomic int turn;
    struct calibration_watch *shot;
    char shot_label[32];
    double shot_mono_eV;
    bool stale;                             /* the book's alone: the calibration of the shot is over */
    struct calibration_outlook outlook;
};

bool calibration_progress_new(const struct calibration_progress_settings *settings, uint32_t n_pixels, struct calibration_progress **out) {
    struct calibration_progress *p = calloc(1, sizeof *p);
    if (p == NULL)
        return false;
    p->settings = *settings;
    atomic_init(&p->turn, BOOKS_TURN);
    if (calibration_watch_new(n_pixels, KEPT, &p->live) != STATUS_OK || calibration_watch_new(n_pixels, KEPT, &p->shot) != STATUS_OK) {
        calibration_progress_free(p);
        return false;
    }
    *out = p;
    return true;
}

void calibration_progress_free(struct calibration_progress *p) {
    if (p == NULL)
        return;
    calibration_watch_free(p->live);
    calibration_watch_free(p->shot);
    calibration_outlook_done(&p->outlook);
    free(p);
}

void calibration_progress_begin(struct calibration_progress *p, const struct scan_event *e) {
    calibration_watch_clear(p->live);
    p->running = true;
    p->start_ns = e->time_ns;
    p->mono_eV = isfinite(e->incident_eV) ? e->incident_eV : p->settings.mono_eV > 0 ? p->settings.mono_eV : (double)NAN;
    p->looked_pulses = 0;
    p->looked_ns = 0;
    p->stale = true;
    snprintf(p->label, sizeof p->label, "%s", e->label);
}

void calibration_progress_end(struct calibration_progress *p) {
    p->running = false;
    p->stale = true;
}

bool calibration_progress_running(const struct calibration_progress *p) {
    return p->running;
}

static void hand_over(struct calibration_progress *p, int64_t now_ns) {
    calibration_watch_copy(p->shot, p->live);
    memcpy(p->shot_label, p->label, sizeof p->shot_label);
    p->shot_mono_eV = p->mono_eV;
    p->stale = false;
    p->looked_pulses = calibration_watch_pulses(p->live);
    p->looked_ns = now_ns;
    atomic_store_explicit(&p->turn, LEARNERS_TURN, memory_order_release);
}

void calibration_progress_rows(struct calibration_progress *p, const struct row_block *rows, int64_t now_ns) {
    if (!p->running)
        return;
    const struct photon_block *b = rows->photons;
    for (size_t i = 0; i < rows->n; i++)
        if ((b->cuts[i] & ~(CUT_BIT(CUT_NO_CURVE) | CUT_BIT(CUT_JUMPED))) == 0 && b->time_ns[i] >= p->start_ns)
            calibration_watch_add(p->live, b->pixel[i], b->height[i]);
    bool grown = (double)calibration_watch_pulses(p->live) > GROWTH * (double)p->looked_pulses;
    bool due = p->looked_ns == 0 || (double)(now_ns - p->looked_ns) * 1e-9 >= p->settings.interval_s;
    if (grown && due && atomic_load_explicit(&p->turn, memory_order_acquire) == BOOKS_TURN)
        hand_over(p, now_ns);
}

bool calibration_progress_take(struct calibration_progress *p, struct calibration_outlook *out, char label[32]) {
    if (atomic_load_explicit(&p->turn, memory_order_acquire) != OUTLOOK_READY)
        return false;
    bool wanted = !p->stale && p->outlook.pixels != NULL;
    if (wanted) {
        *out = p->outlook;
        memcpy(label, p->shot_label, sizeof p->shot_label);
    } else {
        calibration_outlook_done(&p->outlook);
    }
    p->outlook = (struct calibration_outlook){ 0 };
    atomic_store_explicit(&p->turn, BOOKS_TURN, memory_order_release);
    return wanted;
}

bool calibration_progress_due(const struct calibration_progress *p) { return atomic_load_explicit(&p->turn, memory_order_acquire) == LEARNERS_TURN; }

bool calibration_progress_step(struct calibration_progress *p) {
    if (atomic_load_explicit(&p->turn, memory_order_acquire) != LEARNERS_TURN)
        return false;
    struct complaint why = { .text = "" };
    enum status status = calibration_watch_look(p->shot, &p->settings.rules, p->settings.lines, p->shot_mono_eV, NULL, &p->outlook, &why);
    if (status != STATUS_OK)   /* a table that cannot calibrate at this energy: the end of the calibration will say so as an error */
        p->outlook = (struct calibration_outlook){ 0 };
    atomic_store_explicit(&p->turn, OUTLOOK_READY, memory_order_release);
    return true;
}

void calibration_progress_text(const struct calibration_outlook *o, char *text, size_t size) {
    int used = snprintf(text, size, "typically %.0f pulses:", o->typical_pulses);
    for (int k = 0; k < N_VERDICTS; k++)
        if ((o->n_verdict[k] > 0 || k == VERDICT_GOOD) && used > 0 && (size_t)used < size)
            used += snprintf(text + used, size - (size_t)used, " %u %s,", o->n_verdict[k], verdict_names[k]);
    if (used > 0 && (size_t)used < size)
        used += snprintf(text + used, size - (size_t)used, " %u waiting", o->n_waiting);
    if (o->remark[0] && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, "; %s", o->remark);
}

static json_t *columns(const struct calibration_outlook *o) {
    json_t *pulses = json_array(), *verdict = json_array(), *anchors = json_array(), *margin = json_array(), *reason = json_array();
    int failed = 0;
    for (uint32_t i = 0; i < o->n_pixels; i++) {
        const struct watched_pixel *w = &o->pixels[i];
        failed |= json_array_append_new(pulses, json_integer((json_int_t)w->pulses));
        failed |= json_array_append_new(verdict, json_string(w->waiting ? "waiting" : verdict_names[w->verdict]));
        failed |= json_array_append_new(anchors, json_integer(w->anchors));
        failed |= json_array_append_new(margin, json_value_number(w->margin));
        failed |= json_array_append_new(reason, json_value_text(w->reason));
    }
    json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o}", "pulses", pulses, "verdict", verdict, "anchors", anchors, "margin", margin, "reason", reason);
    if (failed) {
        json_decref(all);
        return NULL;
    }
    return all;
}

json_t *calibration_progress_json(const struct calibration_outlook *o, const char *label) {
    json_t *verdicts = json_object(), *pixels = columns(o);
    for (int k = 0; k < N_VERDICTS; k++)
        json_object_set_new(verdicts, verdict_names[k], json_integer(o->n_verdict[k]));
    return json_pack("{s:o, s:b, s:i, s:i, s:i, s:o, s:f, s:o, s:o}", "label", json_value_text(label), "learning", 1, "n_pixels", (int)o->n_pixels, "n_good",
                     (int)o->n_verdict[VERDICT_GOOD], "n_waiting", (int)o->n_waiting, "verdicts", verdicts, "typical_pulses", o->typical_pulses, "remark",
                     json_value_text(o->remark), "pixels", pixels);
}
