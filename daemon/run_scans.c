#include "daemon/run_scans.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/experiment_state.h"

static struct scan *add(struct run_scans *r) {
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 16;
        struct scan *grown = realloc(r->list, capacity * sizeof *grown);
        if (grown == NULL)
            return NULL;
        r->list = grown;
        r->capacity = capacity;
    }
    r->list[r->n] = (struct scan){ .number = -1, .log_number = -1, .mono_eV = NAN };
    return &r->list[r->n++];
}

/* The scan under way; labels may stand behind it. */
static struct scan *running(struct run_scans *r) {
    for (size_t i = r->n; r->scanning && i-- > 0;)
        if (!r->list[i].calibration && r->list[i].log_name[0] != '\0')
            return &r->list[i];
    return NULL;
}

static void end_point(struct run_scans *r, struct scan *s, const struct scan_event *e) {
    struct scan_point *p = &s->points[s->n_points - 1];
    p->end_ns = e->time_ns;
    if (e->kind == SCAN_EVENT_POINT_END) {
        p->i0 = e->i0;
        p->i0_sigma = e->i0_sigma;
    }
    s->end_ns = e->time_ns;
    s->n_points -= p->end_ns <= p->start_ns;
    r->open = false;
}

static bool begin_point(struct run_scans *r, struct scan *s, const struct scan_event *e) {
    if (r->open)
        end_point(r, s, e);
    if (s->n_points == r->point_capacity) {
        uint32_t capacity = r->point_capacity ? 2 * r->point_capacity : 64;
        struct scan_point *grown = realloc(s->points, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        s->points = grown;
        r->point_capacity = capacity;
    }
    s->points[s->n_points++] = (struct scan_point){ .start_ns = e->time_ns, .end_ns = e->time_ns, .incident_eV = e->incident_eV, .i0 = NAN, .i0_sigma = NAN };
    if (s->n_points == 1)
        s->start_ns = e->time_ns;
    r->open = true;
    return true;
}

static void end_scan(struct run_scans *r, const struct scan_event *e) {
    struct scan *s = running(r);
    if (s != NULL && r->open)
        end_point(r, s, e);
    r->scanning = r->open = false;
}

static bool begin_scan(struct run_scans *r, const struct scan_event *e) {
    end_scan(r, e);
    struct scan *s = add(r);
    if (s == NULL)
        return false;
    s->log_number = s->number = e->number;
    s->start_ns = s->end_ns = e->time_ns;
    memcpy(s->sample, e->sample, sizeof s->sample);
    memcpy(s->label, e->label, sizeof s->label);
    memcpy(s->var_name, e->var_name, sizeof s->var_name);
    memcpy(s->var_unit, e->var_unit, sizeof s->var_unit);
    snprintf(s->log_name, sizeof s->log_name, "%.120s", e->text[0] != '\0' ? e->text : "told by RPC");
    r->point_capacity = 0;
    r->scanning = true;
    return true;
}

bool run_scans_event(struct run_scans *r, const struct scan_event *e) {
    struct scan *s = running(r);
    switch (e->kind) {
    case SCAN_EVENT_SCAN_START: return begin_scan(r, e);
    case SCAN_EVENT_POINT_START: return s == NULL || begin_point(r, s, e);
    case SCAN_EVENT_POINT_END:
        if (s != NULL && r->open)
            end_point(r, s, e);
        return true;
    case SCAN_EVENT_SCAN_END: end_scan(r, e); return true;
    default: return true;
    }
}

static void end_label(struct run_scans *r, int64_t time_ns) {
    if (r->label_open)
        r->list[r->label_at].end_ns = time_ns;
    r->label_open = false;
}

bool run_scans_label(struct run_scans *r, const char *label, int64_t time_ns) {
    int32_t number = -1;
    char kind = state_label_kind(label, &number);
    end_label(r, time_ns);
    if (kind == 0)
        return true;
    struct scan *s = add(r);
    if (s == NULL)
        return false;
    s->calibration = kind == 'C';
    s->log_number = number;
    s->start_ns = time_ns;
    s->end_ns = INT64_MAX;
    snprintf(s->label, sizeof s->label, "%.31s", label);
    r->label_open = true;
    r->label_at = r->n - 1;
    return true;
}

struct scan *run_scans_take(struct run_scans *r, int64_t end_ns, bool with_labels, size_t *n) {
    end_scan(r, &(struct scan_event){ .kind = SCAN_EVENT_SCAN_END, .time_ns = end_ns });
    end_label(r, end_ns);
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        bool told = r->list[i].log_name[0] != '\0';
        if (told ? r->list[i].n_points > 0 : with_labels && r->list[i].end_ns > r->list[i].start_ns)
            r->list[kept++] = r->list[i];
        else
            scan_done(&r->list[i]);
    }
    struct scan *list = r->list;
    *n = kept;
    *r = (struct run_scans){ 0 };
    return list;
}

void run_scans_done(struct run_scans *r) {
    size_t n;
    struct scan *list = run_scans_take(r, 0, false, &n);
    for (size_t i = 0; i < n; i++)
        scan_done(&list[i]);
    free(list);
}

struct run_scans run_scans_under_way(struct run_scans *r) {
    const struct scan *s = running(r);
    struct run_scans next = { 0 };
    struct scan *copy = s != NULL ? add(&next) : NULL;
    if (copy == NULL)
        return next;
    *copy = *s;
    copy->points = NULL;
    copy->extras = NULL;   /* those that are told have none */
    copy->n_extras = 0;
    next.point_capacity = s->n_points + 1;
    copy->points = calloc(next.point_capacity, sizeof *copy->points);
    if (copy->points == NULL) {
        run_scans_done(&next);
        return (struct run_scans){ 0 };
    }
    if (s->n_points > 0)
        memcpy(copy->points, s->points, s->n_points * sizeof *s->points);
    next.scanning = true;
    next.open = r->open;
    return next;
}
