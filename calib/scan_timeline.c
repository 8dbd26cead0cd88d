#include "calib/scan_timeline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_join.h"

/* A stretch of time that a look-up searches: one kept scan or calibration. */
struct span { int64_t start_ns, end_ns; int32_t index; };

struct scan_timeline {
    bool finished;
    size_t n, capacity;
    struct scan *scans;                /* by start once finished */
    size_t n_scans, n_calibrations;
    struct span *scan_spans;           /* scans with points: disjoint, by start */
    struct span *calibration_spans;    /* by start; may overlap */
};

void scan_done(struct scan *s) {
    if (s == NULL)
        return;
    for (uint32_t k = 0; k < s->n_extras; k++)
        free(s->extras[k].values);
    free(s->extras);
    free(s->points);
    s->points = NULL;
    s->extras = NULL;
    s->n_points = s->n_extras = 0;
}

enum status scan_timeline_new(struct scan_timeline **out) {
    struct scan_timeline *t = calloc(1, sizeof *t);
    if (t == NULL)
        return STATUS_NO_MEMORY;
    *out = t;
    return STATUS_OK;
}

void scan_timeline_free(struct scan_timeline *t) {
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++)
        scan_done(&t->scans[i]);
    free(t->scans);
    free(t->scan_spans);
    free(t->calibration_spans);
    free(t);
}

/* ---- adding: points in order of time, none overlapping ---- */

struct numbered_point { struct scan_point point; uint32_t row; };

static int by_point_start(const void *va, const void *vb) {
    const struct numbered_point *a = va, *b = vb;
    if (a->point.start_ns != b->point.start_ns)
        return a->point.start_ns < b->point.start_ns ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static void describe_refused(struct complaint *why, const struct scan *s, const struct scan_point *first, uint32_t row, uint32_t refused) {
    const char *what = first->start_ns >= first->end_ns ? "does not end after it starts" : "overlaps the one before";
    complaint_set(why, 0, 0, "point %u of %s %s; %u of %u points left out", row, s->log_name[0] ? s->log_name : "a scan", what, refused, s->n_points);
}

/* Orders the points and drops the bad ones. `rows[k]` = the former place of what now is point k, so that extras can follow. */
static uint32_t order_points(struct scan *s, struct numbered_point *work, struct complaint *why) {
    for (uint32_t k = 0; k < s->n_points; k++)
        work[k] = (struct numbered_point){ .point = s->points[k], .row = k };
    qsort(work, s->n_points, sizeof *work, by_point_start);
    uint32_t kept = 0, refused = 0;
    struct numbered_point first = { .row = 0 };
    int64_t free_from_ns = INT64_MIN;
    for (uint32_t k = 0; k < s->n_points; k++) {
        struct scan_point p = work[k].point;
        if (p.start_ns < p.end_ns && p.start_ns >= free_from_ns) {
            free_from_ns = p.end_ns;
            work[kept++] = work[k];
        } else if (refused++ == 0) {
            first = work[k];
        }
    }
    if (refused > 0)
        describe_refused(why, s, &first.point, first.row, refused);
    return kept;
}

static enum status settle_points(struct scan *s, struct complaint *why) {
    if (s->n_points == 0)
        return STATUS_OK;
    struct numbered_point *work = calloc(s->n_points, sizeof *work);
    double *column = calloc(s->n_points, sizeof *column);
    if (work == NULL || column == NULL) {
        free(work);
        free(column);
        return STATUS_NO_MEMORY;
    }
    uint32_t kept = order_points(s, work, why);
    for (uint32_t k = 0; k < kept; k++)
        s->points[k] = work[k].point;
    for (uint32_t e = 0; e < s->n_extras; e++) {
        memcpy(column, s->extras[e].values, s->n_points * sizeof *column);
        for (uint32_t k = 0; k < kept; k++)
            s->extras[e].values[k] = column[work[k].row];
    }
    s->n_points = kept;
    free(work);
    free(column);
    return kept > 0 ? STATUS_OK : STATUS_BAD_VALUE;
}

static void settle_interval(struct scan *s) {
    if (s->n_points == 0 || (s->calibration && s->start_ns < s->end_ns))
        return;
    s->start_ns = s->points[0].start_ns;
    s->end_ns = s->points[s->n_points - 1].end_ns;
}

static enum status grow(struct scan_timeline *t) {
    if (t->n < t->capacity)
        return STATUS_OK;
    size_t capacity = t->capacity ? 2 * t->capacity : 16;
    struct scan *scans = capacity <= INT32_MAX ? realloc(t->scans, capacity * sizeof *scans) : NULL;
    if (scans == NULL)
        return STATUS_NO_MEMORY;
    t->scans = scans;
    t->capacity = capacity;
    return STATUS_OK;
}

static enum status check_scan(struct scan *s, struct complaint *why) {
    enum status status = settle_points(s, why);
    if (status != STATUS_OK)
        return status;
    settle_interval(s);
    if (s->start_ns < s->end_ns)
        return STATUS_OK;
    complaint_set(why, 0, 0, "%s %s does not end after it starts", s->calibration ? "calibration" : "scan", s->log_name[0] ? s->log_name : s->label);
    return STATUS_BAD_VALUE;
}

enum status scan_timeline_add(struct scan_timeline *t, struct scan *s, struct complaint *why) {
    assert(!t->finished);
    complaint_set(why, 0, 0, "%s", "");
    enum status status = check_scan(s, why);
    if (status == STATUS_OK)
        status = grow(t);
    if (status == STATUS_OK)
        t->scans[t->n++] = *s;
    else
        scan_done(s);
    *s = (struct scan){ .number = -1 };
    return status;
}

/* ---- finishing ---- */

static enum status make_spans(struct scan_timeline *t) {
    t->scan_spans = calloc(t->n + 1, sizeof *t->scan_spans);
    t->calibration_spans = calloc(t->n + 1, sizeof *t->calibration_spans);
    if (t->scan_spans == NULL || t->calibration_spans == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < t->n; i++) {
        const struct scan *s = &t->scans[i];
        struct span span = { .start_ns = s->start_ns, .end_ns = s->end_ns, .index = (int32_t)i };
        if (s->calibration)
            t->calibration_spans[t->n_calibrations++] = span;
        else if (s->n_points > 0)
            t->scan_spans[t->n_scans++] = span;
    }
    return STATUS_OK;
}

enum status scan_timeline_finish(struct scan_timeline *t, struct complaint *why) {
    assert(!t->finished);
    enum status s = scan_join(&t->scans, &t->n, why);
    if (s == STATUS_OK)
        s = make_spans(t);
    t->finished = s == STATUS_OK;
    return s;
}

/* ---- asking ---- */

size_t scan_timeline_count(const struct scan_timeline *t) {
    return t->n;
}

const struct scan *scan_timeline_at(const struct scan_timeline *t, size_t i) {
    assert(i < t->n);
    return &t->scans[i];
}

/* How many spans start at or before the time. */
static size_t spans_begun(const struct span *spans, size_t n, int64_t time_ns) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (spans[mid].start_ns <= time_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static uint32_t points_begun(const struct scan *s, int64_t time_ns) {
    uint32_t lo = 0, hi = s->n_points;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->points[mid].start_ns <= time_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* As a rule it is the next one or one behind it: hint points had begun before. 0 < hint <= n_points. */
static uint32_t points_begun_near(const struct scan *s, int64_t time_ns, uint32_t hint) {
    enum { NEAR = 4 };
    if (s->points[hint - 1].start_ns <= time_ns)
        for (uint32_t k = hint; k < hint + NEAR; k++)
            if (k == s->n_points || s->points[k].start_ns > time_ns)
                return k;
    return points_begun(s, time_ns);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Between scans; begun: of them by then. */
static void place_outside(const struct scan_timeline *t, size_t begun, struct scan_place *place) {
    place->index = place->point = place->after = -1;
    place->from_ns = begun > 0 ? t->scan_spans[begun - 1].end_ns : INT64_MIN;
    place->until_ns = begun < t->n_scans ? t->scan_spans[begun].start_ns : INT64_MAX;
}

/* Each number by itself: a struct that was just written in pieces and is copied whole waits for them. */
void scan_timeline_move_on(const struct scan_timeline *t, int64_t time_ns, struct scan_place *place) {
    assert(t->finished);
    const size_t begun = spans_begun(t->scan_spans, t->n_scans, time_ns);
    if (begun == 0 || time_ns >= t->scan_spans[begun - 1].end_ns) {
        place_outside(t, begun, place);
        return;
    }
    const struct span *span = &t->scan_spans[begun - 1];
    const struct scan *s = &t->scans[span->index];
    const uint32_t points = place->index == span->index ? points_begun_near(s, time_ns, (uint32_t)place->after + 1) : points_begun(s, time_ns);
    const struct scan_point *last = &s->points[points - 1];
    const bool inside = time_ns < last->end_ns;
    int64_t until_ns = inside ? last->end_ns : span->end_ns;
    if (begun < t->n_scans)
        until_ns = earlier(until_ns, t->scan_spans[begun].start_ns);
    if (points < s->n_points)
        until_ns = earlier(until_ns, s->points[points].start_ns);
    place->index = span->index;
    place->after = (int32_t)points - 1;
    place->point = inside ? place->after : -1;
    place->from_ns = inside ? last->start_ns : last->end_ns;
    place->until_ns = until_ns;
}

struct scan_place scan_timeline_place(const struct scan_timeline *t, int64_t time_ns) {
    struct scan_place place = { .index = -1 };
    scan_timeline_move_on(t, time_ns, &place);
    return place;
}

int32_t scan_timeline_calibration_for(const struct scan_timeline *t, int64_t time_ns) {
    assert(t->finished);
    if (t->n_calibrations == 0)
        return -1;
    size_t begun = spans_begun(t->calibration_spans, t->n_calibrations, time_ns);
    return t->calibration_spans[begun > 0 ? begun - 1 : 0].index;
}
