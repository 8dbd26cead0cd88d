/* Settling: what lies before the watermark gets its grades by a walk over each pixel's events, its live time, and leaves. */
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "daemon/live_book_parts.h"

enum { SETTLE_STEP_NS = 200000000, MANY_ROWS = 1 << 15, MAX_CELLS = 512 };

void book_settle_give(struct live_book *b) {
    if (b->out->n > 0 && b->settings.graded != NULL)
        b->settings.graded(b->settings.context, b->out);
    b->out->n = 0;
}

/* ---- what happened, by pixel and time ---- */

static bool earlier(uint32_t row, uint32_t other) { return (int32_t)(row - other) < 0; }

static int by_time(const void *va, const void *vb) {
    const struct happening *a = va, *b = vb;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    if (a->row != b->row)
        return earlier(a->row, b->row) ? -1 : 1;
    return (int)a->second - (int)b->second;
}

/* A row and the inner events in it, from *at on: each to its pixel's place, or only counted (walk NULL). */
static void place_row(const struct live_book *b, uint32_t row, size_t *at, uint32_t *places, struct happening *walk) {
    const struct photon_block *rows = b->kept->columns;
    const size_t i = row & b->kept->mask;
    uint16_t pixel = rows->pixel[i];
    uint32_t *place = &places[pixel];
    if ((b->pixels[pixel].live || b->pixels[pixel].lossy) && book_is_event(rows, i)) {
        if (walk != NULL)
            walk[*place] = (struct happening){ .time_ns = rows->time_ns[i], .row = row, .pixel = pixel };
        ++*place;
    }
    for (; *at < b->n_seconds && !earlier(row, b->seconds[*at].row); ++*at) {
        if (walk != NULL && b->seconds[*at].row == row)
            walk[*place] = b->seconds[*at];
        *place += b->seconds[*at].row == row;
    }
}

static void sort_pixel(struct happening *h, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (by_time(&h[i - 1], &h[i]) > 0) {
            qsort(h, n, sizeof *h, by_time);
            return;
        }
}

static void place_rows(struct live_book *b, int64_t until_ns, struct happening *walk) {
    size_t at = 0;
    for (uint32_t row = b->kept->begin; book_rows_next(b->kept, &row, until_ns); row++) {
        b->final_grade[row & b->kept->mask] = GRADE_NONE;
        place_row(b, row, &at, b->places, walk);
    }
}

/* What happened before until_ns, by pixel and then by time: places are counted first; each pixel's rows stand in order nearly always. */
static size_t list_happenings(struct live_book *b, int64_t until_ns) {
    size_t n_pixels = b->settings.n_pixels, n = 0;
    memset(b->places, 0, (n_pixels + 1) * sizeof *b->places);
    place_rows(b, until_ns, NULL);
    for (size_t p = 0; p < n_pixels; p++) {
        uint32_t count = b->places[p];
        b->places[p] = (uint32_t)n;
        n += count;
    }
    place_rows(b, until_ns, b->walk);
    for (size_t p = 0, first = 0; p < n_pixels; first = b->places[p++])
        sort_pixel(b->walk + first, b->places[p] - first);
    return n;
}

/* ---- cells ---- */

/* The parts of points in [settled, until): each is a cell of its own, and cells of a point add up to it. */
struct cells { uint32_t n; int64_t start_ns[MAX_CELLS], end_ns[MAX_CELLS]; struct live_scan *scan[MAX_CELLS]; uint32_t point[MAX_CELLS]; };

static void add_cells(const struct live_book *b, struct live_scan *s, int64_t until_ns, struct cells *c) {
    for (uint32_t k = s->n_final; k < s->scan.n_points && c->n < MAX_CELLS; k++) {
        bool open = s->open && k + 1 == s->scan.n_points;
        int64_t start = s->scan.points[k].start_ns, end = open ? until_ns : s->scan.points[k].end_ns;
        start = start > b->settled_ns ? start : b->settled_ns;
        end = end < until_ns ? end : until_ns;
        if (start >= end)
            continue;
        c->start_ns[c->n] = start;
        c->end_ns[c->n] = end;
        c->scan[c->n] = s;
        c->point[c->n++] = k;
    }
}

static void add_times(const struct cells *c, uint32_t pixel, const int64_t *times, const struct grade_spans *spans) {
    for (uint32_t k = 0; k < c->n; k++) {
        struct scan_products *p = c->scan[k]->products;
        int64_t *to = p->grade_time_ns + ((size_t)pixel * p->n_points + c->point[k]) * N_LIVETIME_COLUMNS;
        for (unsigned g = 0; g < N_LIVETIME_COLUMNS; g++)
            to[g] += times[k * N_LIVETIME_COLUMNS + g];
        p->window_s[pixel] = spans->window_s;
        p->unresolved_s[pixel] = spans->unresolved_s;
        p->tail_s[pixel] = spans->tail_s;
    }
}

/* ---- walking ---- */

static void note(struct live_book *b, struct livetime_graded g) {
    if (g.known)
        b->final_grade[g.row] = g.grade;
}

/* How far all events are known; down_ns: of what comes behind there nothing is to be known, as of what follows a run (INT64_MAX: no such time). */
struct known { int64_t watermark_ns, down_ns; };

/* One pixel's events from the last settled one on, as stage/grade walks a whole channel. */
static void walk_pixel(struct live_book *b, uint16_t pixel, const struct happening *h, size_t n, const struct livetime_sheet *sheet, struct known known) {
    const struct livetime_table *table = &b->pixels[pixel].table;
    struct livetime_pixel p = { 0 };
    int64_t last_ns = b->anchor_ns[pixel] != INT64_MIN ? b->anchor_ns[pixel] - table->blind_ns : INT64_MIN;
    if (!b->jumped[pixel])
        livetime_pixel_up(&p, b->anchor_ns[pixel] != INT64_MIN ? b->anchor_ns[pixel] : b->begun_ns + table->blind_ns);
    for (size_t i = 0; i < n; i++) {
        if (h[i].second) {
            note(b, livetime_pixel_second(&p, sheet, h[i].time_ns));
            continue;
        }
        const uint32_t at = h[i].row & b->kept->mask;
        const bool jumped = (b->kept->columns->cuts[at] & CUT_BIT(CUT_JUMPED)) != 0;
        bool blind = !p.up || ((b->kept->states[at].flags & ROW_GAP_BEFORE) != 0 && last_ns != INT64_MIN);
        if (p.up && (blind || jumped))
            note(b, livetime_pixel_down(&p, sheet, jumped ? h[i].time_ns : last_ns));
        last_ns = h[i].time_ns;
        if (jumped)
            continue;
        note(b, livetime_pixel_event(&p, sheet, h[i].time_ns, at));
        if (blind)
            livetime_pixel_up(&p, h[i].time_ns + table->blind_ns);
    }
    if (p.up && known.down_ns < INT64_MAX)
        note(b, livetime_pixel_down(&p, sheet, known.down_ns));
    else
        note(b, livetime_pixel_advance(&p, sheet, known.watermark_ns));
}

static void keep_anchor(struct live_book *b, const struct happening *h, size_t n, int64_t until_ns) {
    for (size_t i = 0; i < n; i++) {
        if (h[i].second || h[i].time_ns >= until_ns)
            continue;
        int64_t anchor = h[i].time_ns + b->pixels[h[i].pixel].table.blind_ns;
        if (anchor > b->anchor_ns[h[i].pixel])
            b->anchor_ns[h[i].pixel] = anchor;
        b->jumped[h[i].pixel] = (b->kept->columns->cuts[h[i].row & b->kept->mask] & CUT_BIT(CUT_JUMPED)) != 0;
    }
}

/* As grade_by_times of grading_lossy.c. */
static void grade_lossy(struct live_book *b, const struct happening *h) {
    const size_t at = h->row & b->kept->mask;
    if (h->second) {   /* behind its own row */
        b->final_grade[at] = GRADE_LOW;
        return;
    }
    const uint8_t grade = book_grade_lossy(&b->pixels[h->pixel], &b->anchor_ns[h->pixel], h->time_ns);
    b->final_grade[at] = b->jumped[h->pixel] ? GRADE_LOW : grade;
    b->jumped[h->pixel] = (b->kept->columns->cuts[at] & CUT_BIT(CUT_JUMPED)) != 0;
}

/* All pixels, also those without a record: their silence is live time. */
static void walk_all(struct live_book *b, size_t n, const struct cells *c, int64_t until_ns, struct known known) {
    int64_t times[MAX_CELLS * N_LIVETIME_COLUMNS];
    for (size_t pixel = 0, at = 0; pixel < b->settings.n_pixels; pixel++) {
        size_t first = at;
        while (at < n && b->walk[at].pixel == pixel)
            at++;
        const struct book_pixel *p = &b->pixels[pixel];
        struct livetime_sheet sheet = { .table = &p->table, .n_points = c->n, .start_ns = c->start_ns, .end_ns = c->end_ns, .grade_time_ns = times };
        livetime_sheet_reset(&sheet);
        if (p->live) {
            walk_pixel(b, (uint16_t)pixel, b->walk + first, at - first, &sheet, known);
            keep_anchor(b, b->walk + first, at - first, until_ns);
        }
        for (size_t k = first; p->lossy && k < at; k++)
            if (b->kept->columns->time_ns[b->walk[k].row & b->kept->mask] < until_ns)   /* later ones come again */
                grade_lossy(b, &b->walk[k]);
        add_times(c, (uint32_t)pixel, times, &p->spans);
    }
}

/* ---- leaving ---- */

/* What still waits for a point at this time waits no longer: it moves, or lies outside; so it does when a run ends before another point has begun. */
static struct live_place last_place(const struct live_book *b, const struct book_spot *spot) {
    if (spot->place.kind != PLACE_WAITS)
        return spot->place;
    const struct live_scan *s = spot->scan >= 0 ? b->scans[spot->scan] : NULL;
    return s != NULL && spot->place.after >= 0 && !s->ended && !b->cut_off ? (struct live_place){ PLACE_MOVING, -1, spot->place.after } : (struct live_place){ PLACE_OUTSIDE, -1, -1 };
}

static void settle_row(struct live_book *b, uint32_t row) {
    const size_t at = row & b->kept->mask;
    const struct book_spot *spot = &b->kept->states[at].spot;
    const struct live_place place = last_place(b, spot);
    if (b->kept->columns->grade[at] != b->final_grade[at] || place.kind != spot->place.kind)
        book_places_change(b, row, b->final_grade[at], place);
    book_places_keep(b, row);
    book_rows_settle(b->kept, row);
    if (b->out->n == b->out->capacity)
        book_settle_give(b);
    if (b->settings.graded != NULL)
        photon_block_copy_row(b->out, b->kept->columns, at);
    b->counts.settled++;
}

/* Rows before until_ns leave, and their inner events with them. */
static void leave(struct live_book *b, int64_t until_ns) {
    size_t left = 0;
    for (uint32_t row = b->kept->begin; book_rows_next(b->kept, &row, until_ns); row++)
        settle_row(b, row);
    for (size_t k = 0; k < b->n_seconds; k++)
        if (!b->kept->states[b->seconds[k].row & b->kept->mask].settled)
            b->seconds[left++] = b->seconds[k];
    b->n_seconds = left;
    book_rows_drop(b->kept);
    book_settle_give(b);
}

void book_settle_finals(struct live_book *b) {
    for (unsigned k = 0; k < b->n_scans; k++) {
        struct live_scan *s = b->scans[k];
        uint32_t before = s->n_final;
        while (s->n_final < s->scan.n_points && !(s->open && s->n_final + 1 == s->scan.n_points) && s->scan.points[s->n_final].end_ns <= b->settled_ns)
            b->counts.fitted += live_scan_fit_times(s, s->n_final++);
        b->changed = b->changed || s->n_final > before;
    }
}

static int64_t longest_window(const struct live_book *b) {
    int64_t longest = 0;
    for (size_t i = 0; i < b->settings.n_pixels; i++)
        if (b->pixels[i].live && b->pixels[i].table.longest_after_ns + b->pixels[i].table.blind_ns > longest)
            longest = b->pixels[i].table.longest_after_ns + b->pixels[i].table.blind_ns;
    return longest;
}

/* Points first .. end - 1 have changed. A scan whose points are all final is settled whole, since windows may have changed while it ran. */
static void settle_live_time(const struct live_scan *s, uint32_t first, uint32_t end) {
    if (s->n_final == s->scan.n_points) {
        first = 0;
        end = s->scan.n_points;
    }
    scan_live_time_settle_points(s->products, first, end);
    if (live_scan_seen(s) != s->products)
        scan_live_time_settle_points(live_scan_seen(s), first, end);
}

/* The cells of a scan stand together, in the order of its points. */
static void settle_live_times(const struct cells *c) {
    for (uint32_t k = 0, next; k < c->n; k = next) {
        for (next = k + 1; next < c->n && c->scan[next] == c->scan[k]; next++)
            ;
        settle_live_time(c->scan[k], c->point[k], c->point[next - 1] + 1);
    }
}

static void settle_with(struct live_book *b, int64_t until_ns, int64_t enough_ns, struct known known) {
    struct cells *c = calloc(1, sizeof *c);
    if (c == NULL)
        return;   /* later, then */
    for (unsigned k = 0; k < b->n_scans; k++)
        add_cells(b, b->scans[k], until_ns, c);
    walk_all(b, list_happenings(b, enough_ns), c, until_ns, known);
    leave(b, until_ns);
    b->settled_ns = until_ns;
    book_settle_finals(b);
    settle_live_times(c);
    free(c);
}

static void settle_to(struct live_book *b, int64_t until_ns, int64_t watermark_ns) {
    const int64_t enough_ns = until_ns + longest_window(b) + 1;   /* later events change no grade before until_ns */
    settle_with(b, until_ns, enough_ns, (struct known){ watermark_ns < enough_ns ? watermark_ns : enough_ns, INT64_MAX });
}

/* The end of the newest point that is over and may be final. */
static int64_t newest_end(const struct live_book *b, int64_t before_ns) {
    int64_t newest = INT64_MIN;
    for (unsigned k = 0; k < b->n_scans; k++) {
        const struct scan *s = &b->scans[k]->scan;
        for (uint32_t i = b->scans[k]->n_final; i < s->n_points; i++)
            if (!(b->scans[k]->open && i + 1 == s->n_points) && s->points[i].end_ns <= before_ns && s->points[i].end_ns > newest)
                newest = s->points[i].end_ns;
    }
    return newest;
}

void live_book_settle(struct live_book *b, int64_t watermark_ns, bool force) {
    if (!b->begun || (!force && watermark_ns == INT64_MIN))   /* nobody has said yet how far records have come */
        return;
    if (force) {
        int64_t until = b->newest_ns + 1;
        int64_t end = newest_end(b, INT64_MAX);
        until = end > until ? end : until;
        if (until > b->settled_ns)
            settle_to(b, until, watermark_ns > until ? until : watermark_ns);
        return;
    }
    int64_t safe = (watermark_ns < b->held_ns ? watermark_ns : b->held_ns) - longest_window(b) - b->settings.hold_ns, lazy = safe - b->settings.late_ns, end = newest_end(b, safe);
    int64_t until = end > b->settled_ns ? end : lazy - b->settled_ns >= SETTLE_STEP_NS ? lazy : b->settled_ns;
    if (until - b->settled_ns > SETTLE_STEP_NS && book_rows_waiting(b->kept) > MANY_ROWS)
        until = b->settled_ns + SETTLE_STEP_NS;   /* more at the next call: rows go on coming meanwhile */
    if (until > b->settled_ns)
        settle_to(b, until, watermark_ns);
}

void live_book_hold(struct live_book *b, int64_t until_ns) { b->held_ns = until_ns; }

/* Pixels are known to be up until the last record of any of them. */
void live_book_settle_held(struct live_book *b) {
    const int64_t until_ns = b->held_ns;
    int64_t last_ns = b->settled_ns;
    b->held_ns = INT64_MAX;
    if (!b->begun || until_ns == INT64_MAX || until_ns <= b->settled_ns)
        return;
    for (uint32_t row = b->kept->begin; book_rows_next(b->kept, &row, until_ns); row++) {
        const int64_t time_ns = b->kept->columns->time_ns[row & b->kept->mask];
        last_ns = time_ns >= last_ns ? time_ns + 1 : last_ns;
    }
    b->cut_off = true;
    settle_with(b, until_ns, until_ns, (struct known){ until_ns, last_ns });
    b->cut_off = false;
}
