#include "daemon/recalled_rows.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/cut.h"

static const int64_t SETTLE_BEHIND_NS = 1000000000;
enum { ROWS_MAX = 1 << 19, ROWS_AT_FIRST = 4096, PRUNE_ROWS = 8192, EMIT_ROWS = 256 };

struct recalled_row { struct measured_pulse pulse; uint16_t pixel; uint8_t flags; bool of_new; int64_t second_ns; };   /* second: the first pulse inside it; 0 none */

struct recalled_rows {
    int64_t late_ns;
    bool wanted, missed;
    int64_t since_ns, newest_ns;   /* since: INT64_MIN while the calibration goes on */
    size_t pruned;                 /* rows that were left when old ones were dropped last */
    size_t n, capacity;
    struct recalled_row *list;
};

bool recalled_rows_new(int64_t late_ns, struct recalled_rows **out) {
    struct recalled_rows *r = calloc(1, sizeof *r);
    if (r == NULL)
        return false;
    r->late_ns = late_ns;
    r->newest_ns = INT64_MIN;
    *out = r;
    return true;
}

void recalled_rows_free(struct recalled_rows *r) {
    if (r != NULL)
        free(r->list);
    free(r);
}

void recalled_rows_late(struct recalled_rows *r, int64_t late_ns) { r->late_ns = late_ns; }

void recalled_rows_forget(struct recalled_rows *r) {
    free(r->list);
    r->list = NULL;
    r->n = r->capacity = r->pruned = 0;
    r->newest_ns = INT64_MIN;
    r->wanted = r->missed = false;
}

void recalled_rows_miss(struct recalled_rows *r) {
    recalled_rows_forget(r);
    r->wanted = r->missed = true;
}

void recalled_rows_await(struct recalled_rows *r) {
    recalled_rows_forget(r);
    r->wanted = true;
    r->since_ns = INT64_MIN;
}

void recalled_rows_since(struct recalled_rows *r, int64_t end_ns) {
    r->wanted = true;
    r->since_ns = end_ns;
}

bool recalled_rows_missed(const struct recalled_rows *r) { return r->missed; }
int64_t recalled_rows_since_ns(const struct recalled_rows *r) { return r->since_ns; }
size_t recalled_rows_count(const struct recalled_rows *r) { return r->n; }

/* ---- keeping ---- */

static void drop_before(struct recalled_rows *r, int64_t from_ns) {
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].pulse.time_ns >= from_ns)
            r->list[kept++] = r->list[i];
    r->n = kept;
}

/* The calibration goes on: no more than what its end may be told late. */
static void prune(struct recalled_rows *r) {
    drop_before(r, r->newest_ns - r->late_ns - SETTLE_BEHIND_NS);
    r->pruned = r->n;
}

static bool room(struct recalled_rows *r) {
    if (r->n < r->capacity)
        return true;
    size_t capacity = r->capacity ? 2 * r->capacity : ROWS_AT_FIRST;
    struct recalled_row *grown = capacity <= ROWS_MAX ? realloc(r->list, capacity * sizeof *grown) : NULL;
    if (grown == NULL)
        return false;
    r->list = grown;
    r->capacity = capacity;
    return true;
}

void recalled_rows_add(struct recalled_rows *r, const struct row_block *b, uint64_t of_new) {
    size_t k = 0;
    for (size_t i = 0; i < b->n && r->wanted && !r->missed; i++) {
        const int64_t time_ns = b->photons->time_ns[i];
        while (k < b->n_seconds && b->seconds[k].row < i)
            k++;
        if (time_ns < r->since_ns)
            continue;
        r->newest_ns = time_ns > r->newest_ns ? time_ns : r->newest_ns;
        if (r->since_ns == INT64_MIN && r->n > 2 * r->pruned + PRUNE_ROWS)
            prune(r);
        if (room(r))
            r->list[r->n++] = (struct recalled_row){ .pulse = b->pulses[i], .pixel = b->photons->pixel[i], .flags = b->flags[i], .of_new = b->model_version >= of_new,
                                                     .second_ns = k < b->n_seconds && b->seconds[k].row == i ? b->seconds[k].time_ns : 0 };
        else
            recalled_rows_miss(r);
    }
}

/* ---- giving ---- */

struct giving { const struct recall *to; struct row_block *all, *old; uint64_t without; };

static int by_time(const void *va, const void *vb) {
    const struct recalled_row *a = va, *b = vb;
    if (a->pulse.time_ns != b->pulse.time_ns)
        return a->pulse.time_ns < b->pulse.time_ns ? -1 : 1;
    return a->pixel != b->pixel ? (int)a->pixel - (int)b->pixel : (a->pulse.frame > b->pulse.frame) - (a->pulse.frame < b->pulse.frame);
}

/* The pulse of this pixel, frame and time, measured with new filters; NULL: it is not there. */
static const struct measured_pulse *anew(const struct learnt_result *l, const struct recalled_row *row) {
    for (size_t lo = l->first[row->pixel], hi = l->first[row->pixel + 1]; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        const struct measured_pulse *m = &l->behind[mid];
        if (m->frame == row->pulse.frame && m->time_ns == row->pulse.time_ns)
            return m;
        if (m->time_ns < row->pulse.time_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* With new filters a height of the old ones means nothing: what could not be measured anew has none. */
static struct measured_pulse pulse_of(const struct learnt_result *l, const struct recalled_row *row, uint64_t *without) {
    if (!l->filters_new || row->of_new)
        return row->pulse;
    const struct measured_pulse *m = l->behind != NULL ? anew(l, row) : NULL;
    *without += m == NULL;
    return m != NULL ? *m : (struct measured_pulse){ .time_ns = row->pulse.time_ns, .frame = row->pulse.frame, .height = NAN, .arrival_samples = NAN,
                                                     .pretrigger_mean = NAN, .residual = NAN, .cuts = CUT_BIT(CUT_NO_MODEL) };
}

static void add_row(struct giving *g, const struct recalled_row *from) {
    struct row_block *to = g->all;
    size_t i = to->n;
    to->pulses[i] = pulse_of(g->to->learnt, from, &g->without);
    live_recount_one(g->to->follow, from->pixel, &to->pulses[i], to->photons);
    to->flags[i] = from->flags;
    if (from->second_ns != 0 && to->n_seconds < to->second_capacity)
        to->seconds[to->n_seconds++] = (struct inner_event){ .row = i, .time_ns = from->second_ns };
    to->n++;
    if (!from->of_new)
        row_block_copy(g->old, to, i);
}

static void hand_on(struct giving *g, int64_t newest_ns) {
    const struct recall *to = g->to;
    g->all->model_version = g->old->model_version = to->version;
    if (to->give != NULL && g->old->n > 0)
        to->give(to->context, g->old);
    if (to->book != NULL) {
        live_book_rows(to->book, g->all);
        live_book_settle(to->book, newest_ns - SETTLE_BEHIND_NS, false);
    }
    row_block_clear(g->all);
    row_block_clear(g->old);
}

bool recalled_rows_give(struct recalled_rows *r, const struct recall *to, uint64_t *without) {
    struct giving g = { .to = to };
    bool good = row_block_new(EMIT_ROWS, &g.all) && row_block_new(EMIT_ROWS, &g.old);
    drop_before(r, r->since_ns);   /* the end came to be known after rows behind it had come */
    if (r->n > 0)
        qsort(r->list, r->n, sizeof *r->list, by_time);
    for (size_t i = 0; good && i < r->n; i++) {
        add_row(&g, &r->list[i]);
        if (g.all->n == g.all->capacity || i + 1 == r->n)
            hand_on(&g, r->list[i].pulse.time_ns);
    }
    row_block_free(g.all);
    row_block_free(g.old);
    *without = g.without;
    return good;
}
