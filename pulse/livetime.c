#include "pulse/livetime.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double UNRESOLVED_SHARE = 0.9;

static int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- table ---- */

static bool in_range(double x, double lo, double hi) {
    return x >= lo && x <= hi;
}

/* Samples that cover a time; a millionth of a sample is rounding of 6 x 0.4 ms / 4 us, not time. */
static double whole(double samples) {
    return ceil(samples - 1e-6);
}

static void measure_long_gap(struct livetime_table *t);

enum status livetime_table_make(const struct livetime_settings *s, struct livetime_table *out) {
    if (!in_range(s->sample_period_s, 1e-9, 1) || s->n_samples == 0 || s->n_samples > 1u << 24 || s->n_presamples >= s->n_samples ||
        !in_range(s->peak_samples, 0, s->n_samples) || !in_range(s->decay_s, 0, 3600))
        return STATUS_BAD_VALUE;
    /* Whole samples; an isolated pulse needs at least what a pair needs, so that the boxes below stay disjoint. */
    double clear = fmax(1, whole(3 * s->peak_samples));
    double post = fmax(clear, s->n_samples - s->n_presamples);
    double isolated = fmax(post, fmax(s->n_samples, whole(6 * s->decay_s / s->sample_period_s)));
    /* The steep part of the pulse before must have left the record: until one decay behind its trigger it is no exponential that a filter could be
     * blind to (half of the records were lost to the residual there, 500 samples with 250 before the trigger). */
    double tail = fmin(isolated, fmax(post, s->n_presamples + whole(s->decay_s / s->sample_period_s)));
    double blind = s->trigger == LIVETIME_EDGE ? s->n_samples + 1 + whole(2 * s->peak_samples) : 0;
    double ns = s->sample_period_s * 1e9;
    if (isolated * ns > 1e15 || blind * ns > 1e15)
        return STATUS_BAD_VALUE;
    int64_t c = llround(clear * ns), p = llround(post * ns), b = llround(isolated * ns), t = llround(tail * ns), never = LIVETIME_NEVER;
    *out = (struct livetime_table){
        .boxes = {
            { b, never, p, never, LIVETIME_HIGH },
            { b, never, c, p, LIVETIME_MID },
            { t, b, p, never, LIVETIME_TAIL },
            { t, b, c, p, LIVETIME_LOW },
            { c, t, c, never, LIVETIME_LOW },
        },
        .blind_ns = llround(blind * ns),
        .quantum_ns = llround(ns),
        .unresolved_ns = llround(UNRESOLVED_SHARE * s->peak_samples * ns),
        .longest_after_ns = p,
    };
    measure_long_gap(out);
    return STATUS_OK;
}

struct livetime_table livetime_table_always(void) {
    return (struct livetime_table){ .boxes = { { 0, LIVETIME_NEVER, 1, LIVETIME_NEVER, LIVETIME_HIGH } }, .quantum_ns = 1 };
}

/* The boxes are disjoint. Which of the others it is is as good as random: asked without a branch. */
uint8_t livetime_grade(const struct livetime_table *t, int64_t before_ns, int64_t after_ns) {
    unsigned grade = LIVETIME_NONE;
    if (before_ns >= t->boxes[0].before_lo_ns && after_ns >= t->boxes[0].after_lo_ns && before_ns < t->boxes[0].before_hi_ns && after_ns < t->boxes[0].after_hi_ns)
        return t->boxes[0].grade;   /* nearly all */
    for (const struct livetime_box *b = t->boxes + 1; b < t->boxes + LIVETIME_BOXES; b++) {
        bool in = (before_ns >= b->before_lo_ns) & (before_ns < b->before_hi_ns) & (after_ns >= b->after_lo_ns) & (after_ns < b->after_hi_ns);
        grade = in ? b->grade : grade;
    }
    return (uint8_t)grade;
}

/* ---- gaps ---- */

static size_t instants_before(const struct livetime_sheet *s, int64_t time_ns) {
    size_t lo = 0, hi = s->n_instants;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (s->instants_ns[middle] < time_ns)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

int64_t livetime_measure(const struct livetime_sheet *s, int64_t start_ns, int64_t end_ns) {
    if (end_ns <= start_ns)
        return 0;
    return s->instants_ns == NULL ? end_ns - start_ns : (int64_t)(instants_before(s, end_ns) - instants_before(s, start_ns));
}

void livetime_sheet_reset(const struct livetime_sheet *s) {
    for (uint32_t k = 0; k < s->n_points; k++)
        for (unsigned g = 0; g < N_LIVETIME_COLUMNS; g++)
            s->grade_time_ns[(uint64_t)k * N_LIVETIME_COLUMNS + g] = g == LIVETIME_DEAD ? livetime_measure(s, s->start_ns[k], s->end_ns[k]) : 0;
}

struct stretch { int64_t lo, hi; };

/* Without a branch for time, which is what nearly all is measured by. */
static int64_t overlap(const struct livetime_sheet *s, struct stretch a, struct stretch b) {
    int64_t lo = max64(a.lo, b.lo), hi = min64(a.hi, b.hi);
    return s->instants_ns == NULL ? max64(hi - lo, 0) : livetime_measure(s, lo, hi);
}

/* When one more photon in the gap [anchor, next) would be in the box. An instant s stands for the sample [s, s + quantum): so
 * `after >= lo` ends one quantum later than in continuous time. */
static struct stretch box_stretch(const struct livetime_table *t, const struct livetime_box *b, int64_t anchor_ns, int64_t next_ns) {
    return (struct stretch){ .lo = max64(anchor_ns + b->before_lo_ns, next_ns - b->after_hi_ns + t->quantum_ns),
                             .hi = min64(anchor_ns + b->before_hi_ns, next_ns - b->after_lo_ns + t->quantum_ns) };
}

/* A part of the gap [anchor, next). */
struct gap { int64_t anchor_ns, next_ns; struct stretch part; };

static struct gap whole_gap(int64_t anchor_ns, int64_t next_ns) {
    return (struct gap){ anchor_ns, next_ns, { anchor_ns, next_ns } };
}

static void make_boxes(const struct livetime_table *t, struct gap g, struct stretch boxes[LIVETIME_BOXES]) {
    for (unsigned b = 0; b < LIVETIME_BOXES; b++)
        boxes[b] = box_stretch(t, &t->boxes[b], g.anchor_ns, g.next_ns);
}

static void count_point(const struct livetime_sheet *s, uint32_t k, struct stretch here, const struct stretch *boxes, int sign) {
    int64_t *row = s->grade_time_ns + (uint64_t)k * N_LIVETIME_COLUMNS, in_box[LIVETIME_BOXES];
    int64_t all = overlap(s, here, here), rest = all;
    for (unsigned b = 0; b < LIVETIME_BOXES; b++)
        rest -= in_box[b] = overlap(s, here, boxes[b]);
    for (unsigned b = 0; b < LIVETIME_BOXES; b++)   /* which boxes are empty differs from gap to gap: asking costs more than adding nothing */
        row[s->table->boxes[b].grade] += sign * in_box[b];
    row[LIVETIME_NONE] += sign * rest;
    row[LIVETIME_DEAD] -= sign * all;
}

static void count_stretch(const struct livetime_sheet *s, struct stretch part, const struct stretch *boxes, uint32_t from, int sign) {
    while (from < s->n_points && s->end_ns[from] <= part.lo)
        from++;
    for (uint32_t k = from; k < s->n_points && s->start_ns[k] < part.hi; k++)
        count_point(s, k, (struct stretch){ max64(part.lo, s->start_ns[k]), min64(part.hi, s->end_ns[k]) }, boxes, sign);
}

/* What no veto takes. */
static void count_unvetoed(const struct livetime_sheet *s, struct stretch part, const struct stretch *boxes, uint32_t from, int sign) {
    size_t v = time_span_after(s->vetoes, s->n_vetoes, part.lo);
    for (int64_t at = part.lo; at < part.hi; v++) {
        bool vetoed = v < s->n_vetoes && s->vetoes[v].start_ns < part.hi;
        int64_t until = vetoed ? s->vetoes[v].start_ns : part.hi;
        if (until > at)
            count_stretch(s, (struct stretch){ at, until }, boxes, from, sign);
        at = vetoed ? s->vetoes[v].end_ns : part.hi;
    }
}

/* n long gaps, all of each in the point, which are all_ns long together. */
static void count_plain(const struct livetime_sheet *s, int64_t n, int64_t all_ns, uint32_t point) {
    const struct livetime_table *t = s->table;
    int64_t *row = s->grade_time_ns + (uint64_t)point * N_LIVETIME_COLUMNS;
    for (unsigned k = 0; k < LIVETIME_DEAD; k++)
        row[k] += n * t->long_gap_ns[k];
    row[LIVETIME_HIGH] += all_ns - n * t->long_ns;
    row[LIVETIME_DEAD] -= all_ns;
}

/* All of any gap, in the point: its boxes are within it. */
static void count_inside(const struct livetime_sheet *s, struct gap g, uint32_t point, int sign) {
    int64_t *row = s->grade_time_ns + (uint64_t)point * N_LIVETIME_COLUMNS, all = g.next_ns - g.anchor_ns, rest = all;
    for (const struct livetime_box *b = s->table->boxes; b < s->table->boxes + LIVETIME_BOXES; b++) {
        const struct stretch box = box_stretch(s->table, b, g.anchor_ns, g.next_ns);
        const int64_t in_box = max64(box.hi - box.lo, 0);
        rest -= in_box;
        row[b->grade] += sign * in_box;
    }
    row[LIVETIME_NONE] += sign * rest;
    row[LIVETIME_DEAD] -= sign * all;
}

/* Of a long gap that is longer than the point, what is in the point, which may hold one of its ends or none; in the middle all time is high. False, and
 * nothing counted: the point holds a part of an end. */
static bool count_middle(const struct livetime_sheet *s, struct gap g, uint32_t point, struct stretch here, int sign) {
    const struct livetime_table *t = s->table;
    const struct stretch middle = box_stretch(t, &t->boxes[0], g.anchor_ns, g.next_ns);
    const bool start = here.lo == g.anchor_ns, end = here.hi == g.next_ns;
    if ((!start && here.lo < middle.lo) || (!end && here.hi > middle.hi) || here.hi < middle.lo || here.lo > middle.hi)
        return false;
    int64_t *row = s->grade_time_ns + (uint64_t)point * N_LIVETIME_COLUMNS, in_middle = (end ? middle.hi : here.hi) - (start ? middle.lo : here.lo);
    for (unsigned k = LIVETIME_HIGH + 1; k < LIVETIME_DEAD; k++)
        row[k] += sign * ((start ? t->long_start_ns[k] : 0) + (end ? t->long_gap_ns[k] - t->long_start_ns[k] : 0));
    row[LIVETIME_HIGH] += sign * in_middle;
    row[LIVETIME_DEAD] -= sign * (here.hi - here.lo);
    return true;
}

/* All of a gap where neither vetoes nor instants are asked for; the first point is one that it meets. */
static void count_whole(const struct livetime_sheet *s, struct gap g, uint32_t from, int sign) {
    const bool is_long = s->table->long_ns > 0 && g.next_ns - g.anchor_ns >= s->table->long_ns;
    if (s->start_ns[from] <= g.anchor_ns && s->end_ns[from] >= g.next_ns) {
        if (is_long)
            count_plain(s, sign, sign * (g.next_ns - g.anchor_ns), from);
        else
            count_inside(s, g, from, sign);
        return;
    }
    for (uint32_t k = from; k < s->n_points && s->start_ns[k] < g.next_ns; k++) {
        const struct stretch here = { max64(g.anchor_ns, s->start_ns[k]), min64(g.next_ns, s->end_ns[k]) };
        struct stretch boxes[LIVETIME_BOXES];
        if (is_long && count_middle(s, g, k, here, sign))
            continue;
        make_boxes(s->table, g, boxes);
        count_point(s, k, here, boxes, sign);
    }
}

/* Moves the gap's part from dead to its grades; sign -1 moves it back. `from`: a point that no earlier one than which is touched.
 * Returns the first point that ends after the part's start. */
static uint32_t count_gap(const struct livetime_sheet *s, struct gap g, uint32_t from, int sign) {
    struct stretch boxes[LIVETIME_BOXES];
    while (from < s->n_points && s->end_ns[from] <= g.part.lo)
        from++;
    if (from >= s->n_points || s->start_ns[from] >= g.part.hi || g.part.hi <= g.part.lo)
        return from;
    if (s->n_vetoes == 0 && s->instants_ns == NULL && g.part.lo == g.anchor_ns && g.part.hi == g.next_ns) {
        count_whole(s, g, from, sign);
        return from;
    }
    make_boxes(s->table, g, boxes);
    if (s->n_vetoes > 0)
        count_unvetoed(s, g.part, boxes, from, sign);
    else
        count_stretch(s, g.part, boxes, from, sign);
    return from;
}

/* Longer than what an isolated photon needs before and after it: every box but the first is then as wide as it gets, and all of the others are where the
 * first one is not. */
static void measure_long_gap(struct livetime_table *t) {
    const int64_t start_ns = 0, end_ns = t->boxes[0].before_lo_ns + t->boxes[0].after_lo_ns;
    int64_t row[N_LIVETIME_COLUMNS] = { 0 };
    const struct livetime_sheet sheet = { .table = t, .n_points = 1, .start_ns = &start_ns, .end_ns = &end_ns, .grade_time_ns = row };
    struct gap gap = whole_gap(start_ns, end_ns);
    gap.part.hi = t->boxes[0].before_lo_ns;
    count_gap(&sheet, gap, 0, 1);
    for (unsigned k = 0; k < LIVETIME_DEAD; k++)
        t->long_start_ns[k] = row[k];
    gap.part = (struct stretch){ gap.part.hi, end_ns };
    count_gap(&sheet, gap, 0, 1);
    for (unsigned k = 0; k < LIVETIME_DEAD; k++)
        t->long_gap_ns[k] = row[k];
    t->long_ns = end_ns;
}

static uint32_t first_point_after(const struct livetime_sheet *s, int64_t time_ns) {
    uint32_t lo = 0, hi = s->n_points;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->end_ns[mid] <= time_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void livetime_insert(const struct livetime_sheet *s, int64_t anchor_ns, int64_t time_ns, int64_t next_ns) {
    assert(time_ns <= next_ns);
    uint32_t from = first_point_after(s, anchor_ns);
    count_gap(s, whole_gap(anchor_ns, next_ns), from, -1);
    count_gap(s, whole_gap(anchor_ns, time_ns), from, 1);
    count_gap(s, whole_gap(max64(anchor_ns, time_ns + s->table->blind_ns), next_ns), from, 1);
}

void livetime_remove(const struct livetime_sheet *s, int64_t anchor_ns, int64_t next_ns) {
    count_gap(s, whole_gap(anchor_ns, next_ns), first_point_after(s, anchor_ns), -1);
}

/* ---- one pixel's stream ---- */

static void count_until(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t next_ns, int64_t until_ns) {
    if (!p->up || until_ns <= p->counted_ns)
        return;
    struct gap g = { p->anchor_ns, next_ns, { p->counted_ns, until_ns } };
    p->cursor = count_gap(s, g, p->cursor, 1);
    p->counted_ns = until_ns;
}

static struct livetime_graded grade_pending(struct livetime_pixel *p, const struct livetime_table *t, int64_t next_ns) {
    if (!p->pending)
        return (struct livetime_graded){ .known = false };
    p->pending = false;
    return (struct livetime_graded){ .known = true, .row = p->pending_row, .grade = livetime_grade(t, p->pending_before_ns, next_ns - p->pending_ns) };
}

void livetime_pixel_up(struct livetime_pixel *p, int64_t time_ns) {
    assert(!p->up);
    p->anchor_ns = p->counted_ns = max64(p->counted_ns, time_ns);
    p->up = true;
}

struct livetime_graded livetime_pixel_event(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t time_ns, uint64_t row) {
    count_until(p, s, time_ns, time_ns);
    struct livetime_graded graded = grade_pending(p, s->table, time_ns);
    p->pending = true;
    p->pending_row = row;
    p->pending_ns = time_ns;
    p->pending_before_ns = p->up ? time_ns - p->anchor_ns : -1;
    if (p->up) {
        p->anchor_ns = max64(p->anchor_ns, time_ns + s->table->blind_ns);
        p->counted_ns = max64(p->counted_ns, p->anchor_ns);
    }
    return graded;
}

/* Whether long gaps may be counted together from here on. */
static bool runs_count(const struct livetime_pixel *p, const struct livetime_sheet *s) {
    return p->counted_ns == p->anchor_ns && s->table->long_ns > 0 && s->n_vetoes == 0 && s->instants_ns == NULL;
}

struct alike { size_t n; int64_t last_gap_ns, longest_ns; };

/* Events at the front that come each long after the one before, all of them in the point where the open gap began, or in no point as it did, at most
 * until_ns and most_ns after its anchor: they count together. */
static struct alike count_alike(struct livetime_pixel *p, const struct livetime_sheet *s, const int64_t *time_ns, size_t n, int64_t until_ns, int64_t most_ns) {
    struct alike a = { 0 };
    if (!runs_count(p, s))
        return a;
    uint32_t point = p->cursor;
    while (point < s->n_points && s->end_ns[point] <= p->anchor_ns)
        point++;
    const bool inside = point < s->n_points && s->start_ns[point] <= p->anchor_ns;
    const int64_t same_ns = inside ? s->end_ns[point] : point < s->n_points ? s->start_ns[point] : LIVETIME_NEVER;
    const int64_t end_ns = min64(same_ns, until_ns), least_ns = s->table->long_ns, blind_ns = s->table->blind_ns;
    int64_t anchor_ns = p->anchor_ns;
    for (; a.n < n; a.n++) {
        int64_t this_ns = time_ns[a.n] - anchor_ns;
        if (time_ns[a.n] > end_ns || this_ns < least_ns || this_ns > most_ns)
            break;
        a.longest_ns = max64(this_ns, a.longest_ns);
        a.last_gap_ns = this_ns;
        anchor_ns = time_ns[a.n] + blind_ns;
    }
    if (a.n > 0 && inside)
        count_plain(s, (int64_t)a.n, anchor_ns - p->anchor_ns - (int64_t)a.n * blind_ns, point);
    p->cursor = point;
    p->anchor_ns = p->counted_ns = anchor_ns;
    return a;
}

static void note_grade(struct livetime_graded g, uint64_t row, uint8_t *grade, struct livetime_run *run) {
    if (g.known && g.row >= row)
        grade[g.row - row] = g.grade;
    else if (g.known)
        run->before = g;
}

struct livetime_run livetime_pixel_run(struct livetime_pixel *p, const struct livetime_sheet *s, const int64_t *time_ns, size_t n, int64_t until_ns, int64_t most_ns, uint64_t row, uint8_t *grade) {
    struct livetime_run run = { .longest_ns = 0 };
    assert(p->up && (!p->pending || p->pending_row < row));
    while (run.n < n) {
        const int64_t *next_ns = time_ns + run.n, gap_ns = *next_ns - p->anchor_ns;
        const struct alike alike = count_alike(p, s, next_ns, n - run.n, until_ns, most_ns);
        if (alike.n > 0) {
            note_grade(grade_pending(p, s->table, *next_ns), row, grade, &run);
            memset(grade + run.n, LIVETIME_HIGH, alike.n - 1);
            run.n += alike.n;
            run.longest_ns = max64(alike.longest_ns, run.longest_ns);
            p->pending = true;
            p->pending_ns = next_ns[alike.n - 1];
            p->pending_before_ns = alike.last_gap_ns;
            p->pending_row = row + run.n - 1;
            continue;
        }
        if (*next_ns > until_ns || gap_ns > most_ns)
            break;
        run.longest_ns = max64(gap_ns, run.longest_ns);
        note_grade(livetime_pixel_event(p, s, *next_ns, row + run.n), row, grade, &run);
        run.n++;
    }
    return run;
}

struct livetime_graded livetime_pixel_second(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t time_ns) {
    count_until(p, s, time_ns, time_ns);
    if (p->up)
        p->anchor_ns = max64(p->anchor_ns, time_ns);
    return grade_pending(p, s->table, time_ns);
}

struct livetime_graded livetime_pixel_down(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t time_ns) {
    count_until(p, s, time_ns, time_ns);
    p->up = false;
    return grade_pending(p, s->table, time_ns);
}

/* An instant is decided once the watermark is past it by the longest window; so is the record that waits. */
struct livetime_graded livetime_pixel_advance(struct livetime_pixel *p, const struct livetime_sheet *s, int64_t watermark_ns) {
    int64_t decided_ns = watermark_ns - s->table->longest_after_ns;
    count_until(p, s, LIVETIME_NEVER, decided_ns);
    return p->pending && p->pending_ns <= decided_ns ? grade_pending(p, s->table, LIVETIME_NEVER) : (struct livetime_graded){ .known = false };
}
