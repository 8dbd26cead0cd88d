/* The states that a session hears of, begun and ended at the desk, and what came of the last calibration. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/live_learning_parts.h"

/* The end may be told twice, by the beamline and by the acquisition: the earlier one holds. */
static void end_state(struct live_learning *l, int64_t time_ns) {
    if (!l->open || (l->ending && time_ns >= l->end_ns))
        return;
    l->ending = true;
    l->end_ns = time_ns;
    live_outlook_end(l->outlook);
    if (l->kind == LEARN_CALIBRATION)
        recalled_rows_since(l->rows, time_ns);
}

static void begin_calibration(struct live_learning *l, const struct scan_event *e) {
    const bool rows_free = l->hand_over == NOTHING_NEW && !learning_desk_awaited(l->desk);   /* of the one before */
    if (rows_free && l->open)
        recalled_rows_await(l->rows);
    else if (rows_free)
        recalled_rows_forget(l->rows);
    memcpy(l->last.label, e->label, sizeof l->last.label);
    l->last.refused = false;
    l->last.refusal[0] = '\0';
    if (l->open)
        live_outlook_begin(l->outlook, e);
}

/* What is told by the control port is told again by the acquisition's label. */
static void begin_state(struct live_learning *l, enum learning_state kind, const struct scan_event *e) {
    if (l->open && !l->ending && kind == l->kind && strcmp(e->label, l->label) == 0)
        return;
    if (l->ending)
        learning_desk_end(l->desk, l->end_ns);
    l->open = learning_desk_begin(l->desk, kind, e);
    l->ending = false;
    l->kind = kind;
    memcpy(l->label, e->label, sizeof l->label);
    if (kind == LEARN_CALIBRATION)
        begin_calibration(l, e);
}

void live_learning_label(struct live_learning *l, const char *label, int64_t time_ns) {
    enum learning_state kind;
    if (l == NULL)
        return;
    if (!learning_state_of_label(label, &kind)) {
        end_state(l, time_ns);
        return;
    }
    struct scan_event e = { .kind = SCAN_EVENT_CALIBRATION_START, .time_ns = time_ns, .number = -1, .incident_eV = NAN };
    snprintf(e.label, sizeof e.label, "%.31s", label);
    sscanf(label, "CAL%d", &e.number);
    begin_state(l, kind, &e);
}

void live_learning_event(struct live_learning *l, const struct scan_event *e) {
    if (l == NULL)
        return;
    if (e->kind == SCAN_EVENT_CALIBRATION_START) {
        struct scan_event named = *e;
        if (named.label[0] == '\0')
            snprintf(named.label, sizeof named.label, "CAL%d", e->number);
        begin_state(l, LEARN_CALIBRATION, &named);
    } else if (e->kind == SCAN_EVENT_CALIBRATION_END || e->kind == SCAN_EVENT_SCAN_START) {
        end_state(l, e->time_ns);
    }
}

/* ---- what came of them ---- */

void live_learning_refused(struct live_learning *l, const struct learnt_result *r) {
    if (r->label[0] == '\0' || strcmp(r->label, l->last.label) != 0)
        return;
    l->last.refused = true;
    snprintf(l->last.refusal, sizeof l->last.refusal, "%s: %s", r->label, r->why);
}

const char *live_learning_stage(const struct live_learning *l) {
    if (l == NULL)
        return "";
    if (l->hand_over != NOTHING_NEW)
        return "taking over";
    if (learning_desk_awaited(l->desk))
        return "learning";
    return !l->open ? "" : l->kind == LEARN_NOISE ? "noise" : "calibration";
}

const char *live_learning_refusal(const struct live_learning *l) { return l != NULL ? l->last.refusal : ""; }

enum learnt_state live_learning_of(const struct live_learning *l, int32_t number, char *why) {
    char label[32];
    snprintf(label, sizeof label, "CAL%d", number);
    if (strcmp(label, l->last.label) != 0)
        return LEARNT_UNKNOWN;
    if (l->last.refused)
        snprintf(why, 300, "%s", l->last.refusal);
    if (l->last.refused)
        return LEARNT_REFUSED;
    return l->open || learning_desk_awaited(l->desk) || l->hand_over != NOTHING_NEW ? LEARNT_UNDER_WAY : LEARNT_ACCEPTED;
}
