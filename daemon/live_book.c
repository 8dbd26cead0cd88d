#include "daemon/live_book.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"
#include "pulse/cut.h"

enum { N_SCANS = 4, SETTLE_STEP_NS = 200000000, MAX_CELLS = 512 };

/* A row that waits. */
struct waiting {
    int8_t scan;                  /* of the book's scans; -1: in none */
    uint8_t flags;                /* enum row_flag */
    struct live_place place;      /* as counted; OUTSIDE and WAITS: counted nowhere */
};

/* What a pixel's walk meets, in order of pixel, time, arrival. */
struct happening { int64_t time_ns; uint32_t row; uint16_t pixel; bool second; };

struct live_book {
    struct book_settings settings;
    struct book_pixel *pixels;
    struct live_scan *scans[N_SCANS];     /* in order of their starts; the last is the one of new events */
    unsigned n_scans;
    struct photon_block *rows;            /* history, in order of arrival */
    struct waiting *waiting;
    struct happening *seconds;            /* inner events of those rows */
    size_t n_seconds;
    struct happening *walk;
    uint32_t *places;                     /* in it, by pixel */
    uint8_t *final_grade;
    struct photon_block *out;             /* what is handed to graded */
    int64_t *anchor_ns, *newest_anchor_ns;/* where blindness ends: of the last settled event, of the newest */
    int64_t begun_ns, settled_ns, newest_ns;
    bool begun, changed;
    struct book_counts counts;
};

bool live_book_new(const struct book_settings *settings, struct live_book **out) {
    struct live_book *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    size_t n = settings->n_pixels + (size_t)1, h = settings->history;
    b->settings = *settings;
    b->pixels = calloc(n, sizeof *b->pixels);
    b->waiting = calloc(h, sizeof *b->waiting);
    b->seconds = calloc(h, sizeof *b->seconds);
    b->walk = calloc(2 * h, sizeof *b->walk);
    b->final_grade = calloc(h, 1);
    b->places = calloc(n, sizeof *b->places);
    b->anchor_ns = calloc(n, sizeof *b->anchor_ns);
    b->newest_anchor_ns = calloc(n, sizeof *b->newest_anchor_ns);
    bool good = b->pixels != NULL && b->waiting != NULL && b->seconds != NULL && b->walk != NULL && b->places != NULL && b->final_grade != NULL && b->anchor_ns != NULL &&
                b->newest_anchor_ns != NULL && photon_block_new(h, &b->rows) == STATUS_OK && photon_block_new(h, &b->out) == STATUS_OK;
    if (!good) {
        live_book_free(b);
        return false;
    }
    memcpy(b->pixels, settings->pixels, settings->n_pixels * sizeof *b->pixels);
    b->settings.pixels = b->pixels;   /* the caller's may be gone when live_book_again looks at them */
    for (size_t i = 0; i < n; i++)
        b->anchor_ns[i] = b->newest_anchor_ns[i] = INT64_MIN;
    b->settled_ns = INT64_MIN;
    *out = b;
    return true;
}

void live_book_free(struct live_book *b) {
    if (b == NULL)
        return;
    for (unsigned k = 0; k < b->n_scans; k++)
        live_scan_free(b->scans[k]);
    photon_block_free(b->rows);
    photon_block_free(b->out);
    free(b->pixels);
    free(b->waiting);
    free(b->seconds);
    free(b->walk);
    free(b->places);
    free(b->final_grade);
    free(b->anchor_ns);
    free(b->newest_anchor_ns);
    free(b);
}

void live_book_pixels(struct live_book *b, const struct book_pixel *pixels) { memcpy(b->pixels, pixels, b->settings.n_pixels * sizeof *b->pixels); }

void live_book_products(struct live_book *b, const struct product_settings *products) { b->settings.products = *products; }

/* ---- places ---- */

static bool counts_in(struct live_place p) { return p.kind == PLACE_POINT || p.kind == PLACE_MOVING; }

static bool same_place(const struct waiting *w, int8_t scan, struct live_place place) {
    return w->scan == scan && w->place.kind == place.kind && w->place.point == place.point && w->place.after == place.after;
}

/* The newest scan that knows the time. */
static struct live_place place_of(const struct live_book *b, int64_t time_ns, int8_t *scan) {
    for (unsigned k = b->n_scans; k-- > 0;) {
        struct live_place p = live_scan_place(b->scans[k], time_ns);
        if (p.kind != PLACE_OUTSIDE) {
            *scan = (int8_t)k;
            return p;
        }
    }
    *scan = -1;
    return (struct live_place){ PLACE_OUTSIDE, -1, -1 };
}

static void take_back(struct live_book *b, size_t i) {
    struct waiting *w = &b->waiting[i];
    if (w->scan >= 0 && counts_in(w->place)) {
        live_scan_remove(b->scans[w->scan], b->rows, i, w->place);
        b->changed = true;
    }
}

static void put(struct live_book *b, size_t i, int8_t scan, struct live_place place) {
    b->rows->scan[i] = b->rows->point[i] = -1;
    b->rows->incident_eV[i] = NAN;
    b->waiting[i].scan = scan;
    b->waiting[i].place = place;
    if (scan >= 0 && counts_in(place)) {
        live_scan_add(b->scans[scan], b->rows, i, place);
        b->changed = true;
    }
}

/* The row leaves: it stays counted where it is. */
static void keep(struct live_book *b, size_t i) {
    const struct waiting *w = &b->waiting[i];
    if (w->scan >= 0 && w->place.kind == PLACE_POINT)
        live_scan_keep(b->scans[w->scan], b->rows, i);
}

static void place_again(struct live_book *b) {
    for (size_t i = 0; i < b->rows->n; i++) {
        int8_t scan;
        struct live_place place = place_of(b, b->rows->time_ns[i], &scan);
        if (same_place(&b->waiting[i], scan, place))
            continue;
        take_back(b, i);
        put(b, i, scan, place);
    }
}

/* ---- rows ---- */

static bool is_event(const struct photon_block *rows, size_t i) { return (rows->cuts[i] & CUT_BIT(CUT_SECONDARY)) == 0; }

/* By what came before alone. */
static uint8_t provisional_grade(struct live_book *b, size_t i) {
    const struct book_pixel *p = &b->pixels[b->rows->pixel[i]];
    int64_t *anchor = &b->newest_anchor_ns[b->rows->pixel[i]], time_ns = b->rows->time_ns[i];
    if (!p->live || !is_event(b->rows, i))
        return GRADE_NONE;
    if (*anchor == INT64_MIN)
        *anchor = b->begun_ns + p->table.blind_ns;
    uint8_t grade = livetime_grade(&p->table, time_ns - *anchor, LIVETIME_NEVER / 2);
    int64_t next = time_ns + p->table.blind_ns;
    *anchor = next > *anchor ? next : *anchor;
    return grade;
}

static void mark_secondary(const struct live_book *b, size_t i, uint8_t flags) {
    const struct book_pixel *p = &b->pixels[b->rows->pixel[i]];
    if (p->secondary || (p->automatic && (flags & ROW_NO_RISE) != 0))
        b->rows->cuts[i] |= CUT_BIT(CUT_SECONDARY);
}

static void emit(struct live_book *b) {
    if (b->out->n > 0 && b->settings.graded != NULL)
        b->settings.graded(b->settings.context, b->out);
    b->out->n = 0;
}

/* Its neighbours in time have been settled without it: nobody can say any more how isolated it was. */
static void take_late(struct live_book *b, size_t i) {
    b->counts.late++;
    b->counts.settled++;
    b->rows->grade[i] = GRADE_NONE;
    int8_t scan;
    struct live_place place = place_of(b, b->rows->time_ns[i], &scan);
    put(b, i, scan, place.kind == PLACE_WAITS ? (struct live_place){ PLACE_OUTSIDE, -1, -1 } : place);
    keep(b, i);
    photon_block_copy_row(b->out, b->rows, i);
    emit(b);
    b->rows->n--;
}

static void add_row(struct live_book *b, const struct row_block *from, size_t i) {
    size_t k = b->rows->n;
    photon_block_copy_row(b->rows, from->photons, i);
    b->counts.rows++;
    b->waiting[k] = (struct waiting){ .scan = -1, .flags = from->flags[i] };
    mark_secondary(b, k, from->flags[i]);
    int64_t time_ns = b->rows->time_ns[k];
    if (!b->begun) {
        b->begun = true;
        b->begun_ns = b->newest_ns = b->settled_ns = time_ns;
    }
    if (time_ns < b->settled_ns) {
        take_late(b, k);
        return;
    }
    b->newest_ns = time_ns > b->newest_ns ? time_ns : b->newest_ns;
    b->rows->grade[k] = provisional_grade(b, k);
    int8_t scan;
    struct live_place place = place_of(b, time_ns, &scan);
    put(b, k, scan, place);
}

static void keep_second(struct live_book *b, const struct inner_event *s, size_t row) {
    const struct book_pixel *p = &b->pixels[b->rows->pixel[row]];
    if (p->live && p->table.blind_ns > 0 && is_event(b->rows, row) && b->n_seconds < b->settings.history)
        b->seconds[b->n_seconds++] = (struct happening){ .time_ns = s->time_ns, .row = (uint32_t)row, .pixel = b->rows->pixel[row], .second = true };
}

void live_book_rows(struct live_book *b, const struct row_block *rows) {
    size_t k = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->photons->pixel[i] >= b->settings.n_pixels)
            continue;
        if (b->rows->n == b->rows->capacity) {
            b->counts.hurried += b->rows->n;
            live_book_settle(b, INT64_MAX, true);
        }
        size_t before = b->rows->n;
        add_row(b, rows, i);
        for (; k < rows->n_seconds && rows->seconds[k].row <= i; k++)
            if (rows->seconds[k].row == i && b->rows->n > before)
                keep_second(b, &rows->seconds[k], before);
    }
}

/* ---- settling ---- */

static int by_time(const void *va, const void *vb) {
    const struct happening *a = va, *b = vb;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    return (int)a->second - (int)b->second;
}

/* Row i and the inner events in it, from *at on: each to its pixel's place, or only counted (walk NULL). */
static void place_row(const struct live_book *b, size_t i, size_t *at, uint32_t *places, struct happening *walk) {
    uint16_t pixel = b->rows->pixel[i];
    uint32_t *place = &places[pixel];
    if (b->pixels[pixel].live && is_event(b->rows, i)) {
        if (walk != NULL)
            walk[*place] = (struct happening){ .time_ns = b->rows->time_ns[i], .row = (uint32_t)i, .pixel = pixel };
        ++*place;
    }
    for (; *at < b->n_seconds && b->seconds[*at].row <= i; ++*at) {
        if (walk != NULL && b->seconds[*at].row == i)
            walk[*place] = b->seconds[*at];
        *place += b->seconds[*at].row == i;
    }
}

static void sort_pixel(struct happening *h, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (by_time(&h[i - 1], &h[i]) > 0) {
            qsort(h, n, sizeof *h, by_time);
            return;
        }
}

/* What happened before until_ns, by pixel and then by time: places are counted first; each pixel's rows stand in order nearly always. */
static size_t list_happenings(struct live_book *b, int64_t until_ns) {
    size_t n_pixels = b->settings.n_pixels, at = 0, n = 0;
    memset(b->places, 0, (n_pixels + 1) * sizeof *b->places);
    for (size_t i = 0; i < b->rows->n; i++)
        if (b->rows->time_ns[i] < until_ns)
            place_row(b, i, &at, b->places, NULL);
    for (size_t p = 0; p < n_pixels; p++) {
        uint32_t count = b->places[p];
        b->places[p] = (uint32_t)n;
        n += count;
    }
    at = 0;
    for (size_t i = 0; i < b->rows->n; i++)
        if (b->rows->time_ns[i] < until_ns)
            place_row(b, i, &at, b->places, b->walk);
    for (size_t p = 0, first = 0; p < n_pixels; first = b->places[p++])
        sort_pixel(b->walk + first, b->places[p] - first);
    return n;
}

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

static void note(struct live_book *b, struct livetime_graded g) {
    if (g.known)
        b->final_grade[g.row] = g.grade;
}

/* One pixel's events from the last settled one on, as stage/grade walks a whole channel. */
static void walk_pixel(struct live_book *b, uint16_t pixel, const struct happening *h, size_t n, const struct livetime_sheet *sheet, int64_t watermark_ns) {
    const struct livetime_table *table = &b->pixels[pixel].table;
    struct livetime_pixel p = { 0 };
    int64_t last_ns = b->anchor_ns[pixel] != INT64_MIN ? b->anchor_ns[pixel] - table->blind_ns : INT64_MIN;
    livetime_pixel_up(&p, b->anchor_ns[pixel] != INT64_MIN ? b->anchor_ns[pixel] : b->begun_ns + table->blind_ns);
    for (size_t i = 0; i < n; i++) {
        if (h[i].second) {
            note(b, livetime_pixel_second(&p, sheet, h[i].time_ns));
            continue;
        }
        bool blind = (b->waiting[h[i].row].flags & ROW_GAP_BEFORE) != 0 && last_ns != INT64_MIN;
        if (blind)
            note(b, livetime_pixel_down(&p, sheet, last_ns));
        note(b, livetime_pixel_event(&p, sheet, h[i].time_ns, h[i].row));
        if (blind)
            livetime_pixel_up(&p, h[i].time_ns + table->blind_ns);
        last_ns = h[i].time_ns;
    }
    note(b, livetime_pixel_advance(&p, sheet, watermark_ns));
}

static void keep_anchor(struct live_book *b, const struct happening *h, size_t n, int64_t until_ns) {
    for (size_t i = 0; i < n; i++) {
        if (h[i].second || h[i].time_ns >= until_ns)
            continue;
        int64_t anchor = h[i].time_ns + b->pixels[h[i].pixel].table.blind_ns;
        if (anchor > b->anchor_ns[h[i].pixel])
            b->anchor_ns[h[i].pixel] = anchor;
    }
}

static void add_times(const struct cells *c, uint32_t pixel, const int64_t *times, double window_s, double unresolved_s) {
    for (uint32_t k = 0; k < c->n; k++) {
        struct scan_products *p = c->scan[k]->products;
        int64_t *to = p->grade_time_ns + ((size_t)pixel * p->n_points + c->point[k]) * N_LIVETIME_COLUMNS;
        for (unsigned g = 0; g < N_LIVETIME_COLUMNS; g++)
            to[g] += times[k * N_LIVETIME_COLUMNS + g];
        p->window_s[pixel] = window_s;
        p->unresolved_s[pixel] = unresolved_s;
    }
}

/* All pixels, also those without a record: their silence is live time. */
static void walk_all(struct live_book *b, size_t n, const struct cells *c, int64_t until_ns, int64_t watermark_ns) {
    int64_t times[MAX_CELLS * N_LIVETIME_COLUMNS];
    memset(b->final_grade, GRADE_NONE, b->rows->n);
    for (size_t pixel = 0, at = 0; pixel < b->settings.n_pixels; pixel++) {
        size_t first = at;
        while (at < n && b->walk[at].pixel == pixel)
            at++;
        const struct book_pixel *p = &b->pixels[pixel];
        struct livetime_sheet sheet = { .table = &p->table, .n_points = c->n, .start_ns = c->start_ns, .end_ns = c->end_ns, .grade_time_ns = times };
        livetime_sheet_reset(&sheet);
        if (p->live) {
            walk_pixel(b, (uint16_t)pixel, b->walk + first, at - first, &sheet, watermark_ns);
            keep_anchor(b, b->walk + first, at - first, until_ns);
        }
        add_times(c, (uint32_t)pixel, times, p->live ? p->window_s : 0, p->live ? 1e-9 * (double)p->table.unresolved_ns : 0);
    }
}

/* What still waits for a point at this time waits no longer: it moves, or lies outside. */
static struct live_place last_place(const struct live_book *b, size_t i) {
    struct live_place place = b->waiting[i].place;
    if (place.kind != PLACE_WAITS)
        return place;
    const struct live_scan *s = b->waiting[i].scan >= 0 ? b->scans[b->waiting[i].scan] : NULL;
    return s != NULL && place.after >= 0 && !s->ended ? (struct live_place){ PLACE_MOVING, -1, place.after } : (struct live_place){ PLACE_OUTSIDE, -1, -1 };
}

static void settle_row(struct live_book *b, size_t i) {
    struct live_place place = last_place(b, i);
    if (b->rows->grade[i] != b->final_grade[i] || place.kind != b->waiting[i].place.kind) {
        take_back(b, i);
        b->rows->grade[i] = b->final_grade[i];
        put(b, i, b->waiting[i].scan, place);
    }
    keep(b, i);
    photon_block_copy_row(b->out, b->rows, i);
    b->counts.settled++;
}

static void move_row(struct photon_block *b, size_t to, size_t from) {
    size_t n = b->n;
    b->n = to;
    photon_block_copy_row(b, b, from);
    b->n = n;
}

/* Rows before until_ns leave; the others close up, and their inner events with them. */
static void drop_settled(struct live_book *b, int64_t until_ns) {
    size_t kept = 0, seconds = 0, at = 0;
    for (size_t i = 0; i < b->rows->n; i++) {
        bool stays = b->rows->time_ns[i] >= until_ns;
        for (; at < b->n_seconds && b->seconds[at].row <= i; at++)
            if (stays && b->seconds[at].row == i) {
                b->seconds[seconds] = b->seconds[at];
                b->seconds[seconds++].row = (uint32_t)kept;
            }
        if (!stays) {
            settle_row(b, i);
            continue;
        }
        if (kept != i) {
            move_row(b->rows, kept, i);
            b->waiting[kept] = b->waiting[i];
        }
        kept++;
    }
    b->rows->n = kept;
    b->n_seconds = seconds;
    emit(b);
}

static void find_final(struct live_book *b) {
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

static void settle_live_time(const struct live_scan *s) {
    scan_live_time_settle(s->products);
    if (live_scan_seen(s) != s->products)
        scan_live_time_settle(live_scan_seen(s));
}

static void settle_to(struct live_book *b, int64_t until_ns, int64_t watermark_ns) {
    struct cells *c = calloc(1, sizeof *c);
    if (c == NULL)
        return;   /* later, then */
    for (unsigned k = 0; k < b->n_scans; k++)
        add_cells(b, b->scans[k], until_ns, c);
    /* Later events than this change no grade before until_ns. */
    int64_t enough_ns = until_ns + longest_window(b) + 1;
    walk_all(b, list_happenings(b, enough_ns), c, until_ns, watermark_ns < enough_ns ? watermark_ns : enough_ns);
    drop_settled(b, until_ns);
    b->settled_ns = until_ns;
    find_final(b);
    for (uint32_t k = 0; k < c->n; k++)
        if (k == 0 || c->scan[k] != c->scan[k - 1])
            settle_live_time(c->scan[k]);
    free(c);
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
    if (!b->begun)
        return;
    if (force) {
        int64_t until = b->newest_ns + 1;
        int64_t end = newest_end(b, INT64_MAX);
        until = end > until ? end : until;
        if (until > b->settled_ns)
            settle_to(b, until, watermark_ns > until ? until : watermark_ns);
        return;
    }
    int64_t safe = watermark_ns - longest_window(b) - b->settings.hold_ns, lazy = safe - b->settings.late_ns, end = newest_end(b, safe);
    if (end > b->settled_ns)
        settle_to(b, end, watermark_ns);
    else if (lazy - b->settled_ns >= SETTLE_STEP_NS)
        settle_to(b, lazy, watermark_ns);
}

/* ---- events ---- */

static bool is_final(const struct live_scan *s) { return s->ended && s->n_final == s->scan.n_points; }

/* The oldest makes room, final or not: rows of its that wait are counted where they are. */
static void forget_oldest(struct live_book *b) {
    for (size_t i = 0; i < b->rows->n; i++) {
        struct waiting *w = &b->waiting[i];
        w->scan = w->scan > 0 ? (int8_t)(w->scan - 1) : -1;
        if (w->scan < 0)
            w->place = (struct live_place){ PLACE_OUTSIDE, -1, -1 };
    }
    live_scan_free(b->scans[0]);
    memmove(b->scans, b->scans + 1, (--b->n_scans) * sizeof(struct live_scan *));
}

static bool begin_scan(struct live_book *b, const struct scan_event *e) {
    const uint8_t *used = b->settings.pixels_used(b->settings.context, e->time_ns);
    struct live_scan *s;
    while (b->n_scans > 0 && (b->n_scans == N_SCANS || is_final(b->scans[0])))
        forget_oldest(b);
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
    place_again(b);
    find_final(b);
    return *why == NULL;
}

bool live_book_show(struct live_book *b, const char **why) {
    struct live_scan *s = b->n_scans > 0 ? b->scans[b->n_scans - 1] : NULL;
    *why = "out of memory";
    if (s == NULL || s->products == NULL)
        return s == NULL || live_scan_begin_with(s, &b->settings.products);
    if (!scan_view_show(s->view, s->products, &b->settings.products, why))
        return false;
    for (size_t i = 0; i < b->rows->n; i++)
        if (b->waiting[i].scan == (int8_t)(b->n_scans - 1) && b->waiting[i].place.kind == PLACE_POINT)
            scan_view_add(s->view, b->rows, i);
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
