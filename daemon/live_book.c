#include "daemon/live_book.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/live_book_parts.h"

bool live_book_new(const struct book_settings *settings, struct live_book **out) {
    struct live_book *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    size_t n = settings->n_pixels + (size_t)1;
    b->settings = *settings;
    b->pixels = calloc(n, sizeof *b->pixels);
    b->places = calloc(n, sizeof *b->places);
    b->anchor_ns = calloc(n, sizeof *b->anchor_ns);
    b->newest_anchor_ns = calloc(n, sizeof *b->newest_anchor_ns);
    b->jumped = calloc(n, sizeof *b->jumped);
    bool good = b->pixels != NULL && b->places != NULL && b->anchor_ns != NULL && b->newest_anchor_ns != NULL && b->jumped != NULL && book_rows_new(settings->history, &b->kept) &&
                photon_block_new(BOOK_OUT, &b->out) == STATUS_OK;
    size_t h = good ? b->kept->capacity : 1;
    b->seconds = calloc(h, sizeof *b->seconds);
    b->walk = calloc(2 * h, sizeof *b->walk);
    b->final_grade = calloc(h, 1);
    if (!good || b->seconds == NULL || b->walk == NULL || b->final_grade == NULL) {
        live_book_free(b);
        return false;
    }
    memcpy(b->pixels, settings->pixels, settings->n_pixels * sizeof *b->pixels);
    b->settings.pixels = b->pixels;   /* the caller's may be gone when live_book_again looks at them */
    for (size_t i = 0; i < n; i++)
        b->anchor_ns[i] = b->newest_anchor_ns[i] = INT64_MIN;
    b->settled_ns = INT64_MIN;
    b->held_ns = INT64_MAX;
    *out = b;
    return true;
}

void live_book_free(struct live_book *b) {
    if (b == NULL)
        return;
    for (unsigned k = 0; k < b->n_scans; k++)
        live_scan_free(b->scans[k]);
    book_rows_free(b->kept);
    photon_block_free(b->out);
    free(b->pixels);
    free(b->seconds);
    free(b->walk);
    free(b->places);
    free(b->final_grade);
    free(b->anchor_ns);
    free(b->newest_anchor_ns);
    free(b->jumped);
    free(b);
}

void live_book_pixels(struct live_book *b, const struct book_pixel *pixels) { memcpy(b->pixels, pixels, b->settings.n_pixels * sizeof *b->pixels); }

void live_book_products(struct live_book *b, const struct product_settings *products) { b->settings.products = *products; }

/* ---- rows ---- */

/* As grade_by_times of grading_lossy.c, but for jumps: last_ns is the event before. */
uint8_t book_grade_lossy(const struct book_pixel *p, int64_t *last_ns, int64_t time_ns) {
    bool isolated = *last_ns == INT64_MIN || time_ns - *last_ns >= p->table.boxes[0].before_lo_ns;
    *last_ns = time_ns > *last_ns ? time_ns : *last_ns;
    return isolated ? GRADE_HIGH : GRADE_LOW;
}

/* By what came before alone. */
static uint8_t provisional_grade(struct live_book *b, size_t at) {
    const struct photon_block *rows = b->kept->columns;
    const struct book_pixel *p = &b->pixels[rows->pixel[at]];
    int64_t *anchor = &b->newest_anchor_ns[rows->pixel[at]], time_ns = rows->time_ns[at];
    if ((!p->live && !p->lossy) || !book_is_event(rows, at))
        return GRADE_NONE;
    if (p->lossy)
        return book_grade_lossy(p, anchor, time_ns);
    if (*anchor == INT64_MIN)
        *anchor = b->begun_ns + p->table.blind_ns;
    uint8_t grade = livetime_grade(&p->table, time_ns - *anchor, LIVETIME_NEVER / 2);
    int64_t next = time_ns + p->table.blind_ns;
    *anchor = next > *anchor ? next : *anchor;
    return grade;
}

static void mark_secondary(const struct live_book *b, size_t at) {
    const struct book_pixel *p = &b->pixels[b->kept->columns->pixel[at]];
    if (p->secondary || (p->automatic && (b->kept->states[at].flags & ROW_NO_RISE) != 0))
        b->kept->columns->cuts[at] |= CUT_BIT(CUT_SECONDARY);
}

/* Its neighbours in time have been settled without it: nobody can say any more how isolated it was. */
static void take_late(struct live_book *b, uint32_t row) {
    const size_t at = row & b->kept->mask;
    b->counts.late++;
    b->counts.settled++;
    b->kept->columns->grade[at] = GRADE_NONE;
    book_places_put_late(b, row);
    book_places_keep(b, row);
    book_rows_settle(b->kept, row);
    if (b->out->n == b->out->capacity)
        book_settle_give(b);
    photon_block_copy_row(b->out, b->kept->columns, at);
}

static void meet_row(struct live_book *b, uint32_t row) {
    const size_t at = row & b->kept->mask;
    const int64_t time_ns = b->kept->columns->time_ns[at];
    b->counts.rows++;
    mark_secondary(b, at);
    if (!b->begun) {
        b->begun = true;
        b->begun_ns = b->newest_ns = b->settled_ns = time_ns;
    }
    if (time_ns < b->settled_ns) {
        take_late(b, row);
        return;
    }
    b->newest_ns = time_ns > b->newest_ns ? time_ns : b->newest_ns;
    b->kept->columns->grade[at] = provisional_grade(b, at);
}

/* row: that of rows->photons row first. */
static void keep_seconds(struct live_book *b, const struct row_block *rows, size_t first, size_t n, uint32_t row, size_t *at) {
    for (; *at < rows->n_seconds && rows->seconds[*at].row < first + n; ++*at) {
        const struct inner_event *s = &rows->seconds[*at];
        if (s->row < first)
            continue;
        const uint32_t of = row + (uint32_t)(s->row - first);
        const size_t i = of & b->kept->mask;
        const struct book_pixel *p = &b->pixels[b->kept->columns->pixel[i]];
        if (((p->live && p->table.blind_ns > 0) || p->lossy) && !b->kept->states[i].settled && book_is_event(b->kept->columns, i) && b->n_seconds < b->kept->capacity)
            b->seconds[b->n_seconds++] = (struct happening){ .time_ns = s->time_ns, .row = of, .pixel = b->kept->columns->pixel[i], .second = true };
    }
}

/* From row i on: so many that may go in at once. */
static size_t piece(const struct live_book *b, const struct row_block *rows, size_t i, size_t room) {
    size_t n = 0;
    while (n < room && i + n < rows->n && rows->photons->pixel[i + n] < b->settings.n_pixels)
        n++;
    return n;
}

void live_book_rows(struct live_book *b, const struct row_block *rows) {
    size_t second = 0;
    for (size_t i = 0, n; i < rows->n; i += n) {
        if (book_rows_room(b->kept) == 0) {
            b->counts.hurried += book_rows_waiting(b->kept);
            live_book_settle(b, INT64_MAX, true);
        }
        n = piece(b, rows, i, book_rows_room(b->kept));
        if (n == 0) {   /* of no pixel of ours */
            n = 1;
            continue;
        }
        const uint32_t row = book_rows_put(b->kept, rows, i, n);
        for (uint32_t k = 0; k < n; k++)
            meet_row(b, row + k);
        book_places_put(b, row, n);
        keep_seconds(b, rows, i, n, row, &second);
    }
    book_rows_drop(b->kept);
    book_settle_give(b);
}

/* ---- events ---- */

static bool is_final(const struct live_scan *s) { return s->ended && s->n_final == s->scan.n_points; }

static bool begin_scan(struct live_book *b, const struct scan_event *e) {
    const uint8_t *used = b->settings.pixels_used(b->settings.context, e->time_ns);
    struct live_scan *s;
    while (b->n_scans > 0 && (b->n_scans == BOOK_SCANS || is_final(b->scans[0])))
        book_places_forget(b);
    if (used == NULL || !live_scan_begin(e, b->settings.n_pixels, used, &b->settings.products, b->settings.kept, &s))
        return false;
    b->scans[b->n_scans++] = s;
    return true;
}

static const char *meet(struct live_book *b, const struct scan_event *e) {
    struct live_scan *s = b->n_scans > 0 ? b->scans[b->n_scans - 1] : NULL;
    bool running = s != NULL && !s->ended;
    switch (e->kind) {
    case SCAN_EVENT_SCAN_START:
        if (running)
            live_scan_end(s, e->time_ns);
        return begin_scan(b, e) ? NULL : "out of memory for the scan's maps";
    case SCAN_EVENT_POINT_START: return running && live_scan_point_start(s, e->time_ns, e->incident_eV) ? NULL : running ? "the point begins before the last one ended" : "no scan runs";
    case SCAN_EVENT_POINT_END: return running && live_scan_point_end(s, e->time_ns, e->i0, e->i0_sigma) ? NULL : running ? "no point is open, or it ends before its start" : "no scan runs";
    case SCAN_EVENT_SCAN_END:
        if (!running)
            return "no scan runs";
        live_scan_end(s, e->time_ns);
        return NULL;
    default: return NULL;
    }
}

bool live_book_event(struct live_book *b, const struct scan_event *e, const char **why) {
    b->counts.events++;
    *why = meet(b, e);
    b->counts.refused_events += *why != NULL;
    book_places_again(b);
    book_settle_finals(b);
    return *why == NULL;
}

bool live_book_show(struct live_book *b, const char **why) {
    struct live_scan *s = b->n_scans > 0 ? b->scans[b->n_scans - 1] : NULL;
    *why = "out of memory";
    if (s == NULL || s->products == NULL)
        return s == NULL || live_scan_begin_with(s, &b->settings.products);
    if (!scan_view_show(s->view, s->products, &b->settings.products, why))
        return false;
    book_places_show(b);
    b->changed = true;
    return true;
}

static void tell_points(struct live_book *b, const struct live_scan *s) {
    const char *why;
    for (uint32_t k = 0; k < s->scan.n_points; k++) {
        const struct scan_point *p = &s->scan.points[k];
        live_book_event(b, &(struct scan_event){ .kind = SCAN_EVENT_POINT_START, .time_ns = p->start_ns, .incident_eV = p->incident_eV }, &why);
        if (!s->open || k + 1 < s->scan.n_points)
            live_book_event(b, &(struct scan_event){ .kind = SCAN_EVENT_POINT_END, .time_ns = p->end_ns, .i0 = p->i0, .i0_sigma = p->i0_sigma }, &why);
    }
    if (s->ended)
        live_book_event(b, &(struct scan_event){ .kind = SCAN_EVENT_SCAN_END, .time_ns = s->scan.end_ns }, &why);
}

bool live_book_again(const struct live_book *b, struct live_book **out) {
    const struct live_scan *s = live_book_scan(b);
    struct live_book *again;
    const char *why;
    if (s == NULL || !live_book_new(&b->settings, &again))
        return false;
    live_book_pixels(again, b->pixels);
    live_book_products(again, &s->settings);   /* as the scan began: its growing file is made of that */
    struct scan_event start = { .kind = SCAN_EVENT_SCAN_START, .time_ns = s->scan.start_ns, .number = s->scan.number };
    memcpy(start.sample, s->scan.sample, sizeof start.sample);
    memcpy(start.label, s->scan.label, sizeof start.label);
    memcpy(start.text, s->scan.log_name, sizeof s->scan.log_name);
    memcpy(start.var_name, s->scan.var_name, sizeof start.var_name);
    memcpy(start.var_unit, s->scan.var_unit, sizeof start.var_unit);
    if (!live_book_event(again, &start, &why)) {
        live_book_free(again);
        return false;
    }
    tell_points(again, s);
    again->counts = b->counts;
    again->held_ns = b->held_ns;
    live_book_products(again, &b->settings.products);
    if (scan_view_settings(s->view) != NULL)
        live_book_show(again, &why);
    *out = again;
    return true;
}

const struct live_scan *live_book_scan(const struct live_book *b) { return b->n_scans > 0 ? b->scans[b->n_scans - 1] : NULL; }

size_t live_book_scans(const struct live_book *b, const struct live_scan **out, size_t most) {
    const size_t n = b->n_scans < most ? b->n_scans : most;
    for (size_t k = 0; k < n; k++)
        out[k] = b->scans[k];
    return n;
}

bool live_book_changed(struct live_book *b) {
    bool changed = b->changed;
    b->changed = false;
    return changed;
}

int64_t live_book_settled_ns(const struct live_book *b) { return b->settled_ns; }
const struct book_counts *live_book_counts(const struct live_book *b) { return &b->counts; }
