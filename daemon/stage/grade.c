#include "daemon/stage/grade.h"

#include <stdlib.h>
#include <string.h>

#include "pulse/cut.h"
#include "pulse/growing_list.h"

/* Silences of more than this many mean intervals of the pixel are worth a look; one in e^10 is by chance. */
static const double LONG_INTERVALS = 10;

struct walk {
    const struct grade_input *in;
    struct photon_block *block;
    const struct livetime_sheet *sheet;
    struct livetime_pixel pixel;
    size_t span, second;              /* next of each */
    size_t last_row;                  /* of the last event since the pixel came up */
    int64_t last_ns;
    bool jumped;                      /* since a row that says so: nothing is live until one that does not */
    double long_ns;                   /* silences longer than this are kept */
    struct grade_silence longest;
    struct grade_silences *silences;
    bool good;
};

void grade_silences_done(struct grade_silences *s) {
    free(s->list);
    *s = (struct grade_silences){ 0 };
}

static void keep_silence(struct walk *w, struct grade_silence silence) {
    struct grade_silences *s = w->silences;
    struct grade_silence *list = growing_list_room(s->list, s->n, &s->capacity, sizeof *list, 8);
    if (list == NULL) {
        w->good = false;
        return;
    }
    s->list = list;
    s->list[s->n++] = silence;
}

/* The open gap is about to be closed at end_ns by `row`. */
static void end_silence(struct walk *w, int64_t end_ns, size_t row) {
    if (w->silences == NULL || !w->pixel.up || end_ns <= w->pixel.anchor_ns)
        return;
    struct grade_silence s = { { w->pixel.anchor_ns, end_ns }, w->last_row, row };
    if ((double)(end_ns - w->pixel.anchor_ns) > w->long_ns)
        keep_silence(w, s);
    else if (end_ns - s.span.start_ns > w->longest.span.end_ns - w->longest.span.start_ns)
        w->longest = s;
}

static void note(struct walk *w, struct livetime_graded g) {
    if (g.known)
        w->block->grade[g.row] = g.grade;
}

/* What came before is not known, so neither is whether it still blinds. */
static void come_up(struct walk *w, int64_t time_ns) {
    livetime_pixel_up(&w->pixel, time_ns + w->in->table->blind_ns);
    w->last_row = SIZE_MAX;
}

static void go_down(struct walk *w, int64_t time_ns) {
    end_silence(w, time_ns, SIZE_MAX);
    note(w, livetime_pixel_down(&w->pixel, w->sheet, time_ns));
}

static bool in_span(const struct walk *w, int64_t time_ns) { return w->span < w->in->n_up && w->in->up[w->span].start_ns <= time_ns; }

/* Down at the end of every span that is over by then, up at the start of the one that holds the time. */
static void move_to(struct walk *w, int64_t time_ns) {
    const struct grade_input *in = w->in;
    for (; w->span < in->n_up && in->up[w->span].end_ns < time_ns; w->span++)
        if (w->pixel.up)
            go_down(w, in->up[w->span].end_ns);
    if (!w->pixel.up && !w->jumped && in_span(w, time_ns))
        come_up(w, in->up[w->span].start_ns);
}

/* An event of a pixel whose photons do not count: it ends the time in which they would have. */
static void meet_jumped(struct walk *w, size_t row) {
    move_to(w, w->block->time_ns[row]);
    if (w->pixel.up)
        go_down(w, w->block->time_ns[row]);
    w->jumped = true;
}

static void meet_event(struct walk *w, size_t row) {
    int64_t time_ns = w->block->time_ns[row];
    if (w->block->cuts[row] & CUT_BIT(CUT_JUMPED)) {
        meet_jumped(w, row);
        return;
    }
    bool same_span = w->pixel.up && time_ns <= w->in->up[w->span].end_ns;
    bool blind = same_span && w->in->gap_before[row] && w->last_row != SIZE_MAX;
    if (blind)
        go_down(w, w->last_ns);
    else
        move_to(w, time_ns);
    end_silence(w, time_ns, row);
    note(w, livetime_pixel_event(&w->pixel, w->sheet, time_ns, row));
    if (blind || (w->jumped && in_span(w, time_ns)))
        come_up(w, time_ns);
    w->jumped = false;
    w->last_row = row;
    w->last_ns = time_ns;
}

static void meet_seconds(struct walk *w, size_t row) {
    const struct grade_input *in = w->in;
    for (; w->second < in->n_seconds && in->seconds[w->second].row <= row; w->second++)
        if (in->seconds[w->second].row == row)
            note(w, livetime_pixel_second(&w->pixel, w->sheet, in->seconds[w->second].time_ns));
}

static bool is_event(const struct photon_block *b, size_t row) {
    return (b->cuts[row] & CUT_BIT(CUT_SECONDARY)) == 0;
}

/* Of n rows, those at the front that have nothing about them but their times; a piece at a time, since nearly all are such. */
static size_t plain_front(const uint32_t *cuts, const bool *gap_before, size_t n) {
    enum { PIECE = 32 };
    const uint32_t special = CUT_BIT(CUT_SECONDARY) | CUT_BIT(CUT_JUMPED);
    size_t i = 0;
    for (; i + PIECE <= n; i += PIECE) {
        uint32_t cut = 0;
        uint8_t gap = 0;
        for (size_t k = i; k < i + PIECE; k++)
            cut |= cuts[k];
        for (size_t k = i; k < i + PIECE; k++)
            gap |= gap_before[k];
        if ((cut & special) != 0 || gap)
            break;
    }
    while (i < n && (cuts[i] & special) == 0 && !gap_before[i])
        i++;
    return i;
}

static size_t plain_rows(const struct walk *w, size_t row) {
    const struct grade_input *in = w->in;
    size_t end = w->second < in->n_seconds && in->seconds[w->second].row < w->block->n ? in->seconds[w->second].row : w->block->n;
    return row < end ? plain_front(w->block->cuts + row, in->gap_before + row, end - row) : 0;
}

/* The first of these rows, all of one run, that ends a silence as long as that. */
static struct grade_silence silence_of(const struct walk *w, size_t row, int64_t anchor_ns, int64_t longest_ns) {
    const int64_t *time_ns = w->block->time_ns;
    size_t i = row;
    for (; time_ns[i] - anchor_ns != longest_ns; i++) {
        const int64_t next_ns = time_ns[i] + w->sheet->table->blind_ns;
        anchor_ns = next_ns > anchor_ns ? next_ns : anchor_ns;
    }
    return (struct grade_silence){ { anchor_ns, time_ns[i] }, i > row ? i - 1 : w->last_row, i };
}

/* As meet_event, for those of n plain rows at the front that need no more than a count; returns how many. */
static size_t meet_run(struct walk *w, size_t row, size_t n) {
    if (n == 0 || !w->pixel.up)
        return 0;
    const int64_t most_ns = w->long_ns < (double)LIVETIME_NEVER ? (int64_t)w->long_ns : LIVETIME_NEVER, anchor_ns = w->pixel.anchor_ns;
    const struct livetime_run run = livetime_pixel_run(&w->pixel, w->sheet, w->block->time_ns + row, n, w->in->up[w->span].end_ns, most_ns, row, w->block->grade + row);
    if (run.n == 0)
        return 0;
    note(w, run.before);
    if (w->silences != NULL && run.longest_ns > w->longest.span.end_ns - w->longest.span.start_ns)
        w->longest = silence_of(w, row, anchor_ns, run.longest_ns);
    w->last_row = row + run.n - 1;
    w->last_ns = w->block->time_ns[w->last_row];
    return run.n;
}

static double long_silence_ns(const struct grade_input *in, const struct photon_block *b) {
    double up_ns = 0;
    size_t n = 0;
    for (size_t k = 0; k < in->n_up; k++)
        up_ns += (double)(in->up[k].end_ns - in->up[k].start_ns);
    for (size_t i = 0; i < b->n; i++)
        n += is_event(b, i);
    return n > 0 ? LONG_INTERVALS * up_ns / (double)n : 0;
}

bool grade_rows(const struct grade_input *in, struct photon_block *block, const struct livetime_sheet *sheet, struct grade_silences *silences) {
    struct walk w = { .in = in, .block = block, .sheet = sheet, .last_row = SIZE_MAX, .silences = silences, .good = true };
    w.long_ns = long_silence_ns(in, block);
    livetime_sheet_reset(sheet);
    memset(block->grade, GRADE_NONE, block->n);
    for (size_t i = 0, plain = 0; i < block->n;) {
        plain = plain > 0 ? plain : plain_rows(&w, i);
        size_t met = meet_run(&w, i, plain);
        if (met == 0) {
            if (is_event(block, i)) {
                meet_event(&w, i);
                meet_seconds(&w, i);
            }
            met = 1;
        }
        plain -= plain > 0 ? met : 0;
        i += met;
    }
    move_to(&w, INT64_MAX);
    if (silences != NULL && w.longest.span.end_ns > w.longest.span.start_ns)
        keep_silence(&w, w.longest);
    return w.good;
}

void grade_veto(struct photon_block *block, const struct time_span *spans, size_t n) {
    for (size_t i = 0; i < block->n && n > 0; i++) {
        size_t k = time_span_after(spans, n, block->time_ns[i]);
        if (k < n && spans[k].start_ns <= block->time_ns[i])
            block->cuts[i] |= CUT_BIT(CUT_VETO);
    }
}
