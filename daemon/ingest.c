#include "daemon/ingest.h"

#include <stdlib.h>
#include <time.h>

#include "daemon/admission.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/row_block.h"
#include "daemon/stage/live_analyse.h"

/* A pixel's filters are 50 kB and those of an array more than a cache holds: records are gathered for a while and analysed pixel by pixel. */
enum { BATCH_RECORDS = INGEST_BATCH, WORTH_SHARING = 64, FILE_BLOCKS = 4, NAMELESS_MS = 5000 };
static const int64_t GATHER_NS = 60000000, BEHIND_NS = 5000000000;

struct shared_figures { _Atomic uint64_t records, bytes, unknown_channel, frames, overload, duplicates, by_reason[N_DASTARD_REFUSALS]; };

struct ingest {
    struct live_source *source;
    struct ingest_links links;
    struct plan_exchange *exchange;
    const struct live_plan *plan;
    uint64_t serial;
    struct live_analyse *analyse;        /* of the plan's array */
    const struct live_array *array;      /* what it was made for */
    struct admission *admission;         /* of its channels */
    struct left_out *not_given;          /* n_channels: what the raw recorder was not given, and has not been told yet; n 0: none */
    bool files_only;
    int64_t disorder_ns;
    struct off_bases *bases;
    struct record_block *own;            /* of lent records: when nobody records, or the recorder has no empty one */
    struct block_record *scratch;        /* for sorting them */
    uint32_t *sorting;
    int64_t through_ns;                  /* row_block.h */
    int64_t full_since_ns;               /* since then there was always more than fitted; 0: not now */
    bool behind, owes_account;           /* some channel has records in not_given */
    int waited_ms;
    struct shared_figures figures;
};

bool ingest_new(const struct ingest_settings *settings, const struct ingest_links *links, struct plan_exchange *exchange, struct ingest **out) {
    struct ingest *g = calloc(1, sizeof *g);
    if (g != NULL) {
        g->links = *links;
        g->exchange = exchange;
        g->files_only = settings->files_only;
        g->disorder_ns = settings->disorder_ns;
        g->bases = settings->bases;
        g->through_ns = INT64_MIN;
    }
    if (g == NULL || !record_block_new(BATCH_RECORDS, 0, &g->own) || (g->scratch = calloc(BATCH_RECORDS, sizeof *g->scratch)) == NULL || !live_source_new(&settings->source, &g->source)) {
        log_error("out of memory, or out of sockets, for the record port");
        ingest_free(g);
        return false;
    }
    *out = g;
    return true;
}

void ingest_free(struct ingest *g) {
    if (g == NULL)
        return;
    live_source_free(g->source);
    live_analyse_free(g->analyse);
    record_block_free(g->own);
    free(g->scratch);
    free(g->sorting);
    free(g->not_given);
    admission_free(g->admission);
    free(g);
}

/* ---- plans ---- */

static void end_session(struct ingest *g) {
    live_analyse_free(g->analyse);
    admission_free(g->admission);
    free(g->not_given);
    free(g->sorting);
    g->analyse = NULL;
    g->admission = NULL;
    g->not_given = NULL;
    g->sorting = NULL;
    g->through_ns = INT64_MIN;
}

/* Another model of the same channels goes on where the old one was. */
static bool make_session(struct ingest *g, const struct live_plan *p) {
    bool goes_on = g->analyse != NULL && p->array != NULL && live_array_equal(g->array, p->array);
    g->array = p->array;
    if (goes_on)
        return true;
    end_session(g);
    if (p->array == NULL)
        return true;
    const struct admission_settings s = { .n_channels = p->array->n_channels, .with_files = g->links.files != NULL, .files_only = g->files_only, .disorder_ns = g->disorder_ns, .bases = g->bases,
                                          .begun_ns = clock_ns(CLOCK_MONOTONIC) };
    g->not_given = calloc(p->array->n_channels, sizeof *g->not_given);
    g->sorting = calloc(p->array->n_pixels + (size_t)2, sizeof *g->sorting);
    return g->not_given != NULL && g->sorting != NULL && admission_new(&s, &g->admission) && live_analyse_new(p->array->n_pixels, &g->analyse);
}

static void adopt(struct ingest *g, const struct live_plan *p) {
    bool good = p->array == g->array || make_session(g, p);
    if (g->analyse != NULL && good) {
        if (g->plan == NULL || p->model_version != g->plan->model_version || p->array != g->plan->array)
            live_analyse_model(g->analyse, p->model, p->model_version);
        live_analyse_look(g->analyse, p->look);
    }
    if (!good || !live_source_subscribe(g->source, p->array))
        log_error("out of memory for a new array of channels; its records are refused");
    g->plan = p;
    g->serial = p->serial;
    atomic_store_explicit(&g->exchange->adopted, p->serial, memory_order_release);
}

/* Rows that wait in a part-filled block. */
static void hand_on_rest(struct ingest *g) {
    struct row_block *rows = g->array != NULL ? ring_take_empty(g->links.rows) : NULL;
    if (rows != NULL && rows->n > 0)
        ring_mark_full(g->links.rows);
}

/* ---- records ---- */

static void admit(struct ingest *g, struct record_block *b) { tally_add(&g->figures.duplicates, admission_block(g->admission, g->plan, b)); }

static void refuse(struct ingest *g, const struct record_block *b, size_t from) {
    for (size_t i = from; i < b->n; i++)
        if (b->rows[i].pixel != BLOCK_NO_PIXEL) {
            tally_add(&g->plan->tally[b->rows[i].channel_index].overload, 1);
            tally_add(&g->figures.overload, 1);
            admission_lost(g->admission, &b->rows[i]);
        }
}

/* A part-filled block of rows is handed on at once as long as the book keeps up, else only when it is full. */
static void hand_on(struct ingest *g, const struct row_block *rows) {
    if (rows->n == rows->capacity || (rows->n > 0 && 2 * ring_filled(g->links.rows) < ring_size(g->links.rows)))
        ring_mark_full(g->links.rows);
}

/* All rows of the batch are in blocks that have been handed on, but for those in the one being filled. */
static void note_through(struct ingest *g, const struct record_block *b) {
    for (size_t i = 0; i < b->n; i++)
        g->through_ns = b->rows[i].time_ns > g->through_ns ? b->rows[i].time_ns : g->through_ns;
}

/* The block of rows that is being filled; NULL: the book is behind. */
static struct row_block *take_rows(struct ingest *g) {
    struct row_block *rows = ring_take_empty(g->links.rows);
    if (rows != NULL && rows->n == 0)
        rows->through_ns = g->through_ns;
    return rows;
}

/* Records from..n-1, by this thread. False: there was no room; the rest is refused. */
static bool analyse_here(struct ingest *g, const struct record_block *b, size_t from) {
    while (from < b->n) {
        struct row_block *rows = take_rows(g);
        if (rows == NULL) {
            refuse(g, b, from);
            return false;
        }
        from = live_analyse_block(g->analyse, b, from, rows);
        if (from < b->n)
            ring_mark_full(g->links.rows);
    }
    return true;
}

/* Those without a pixel have no row. */
static size_t record_of_row(const struct ingest *g, const struct record_block *b, size_t from, size_t row) {
    while (from < b->n && (b->rows[from].pixel >= g->array->n_pixels || row-- > 0))
        from++;
    return from;
}

/* Rows that were made of records `from` on. False: there was no room; the rest is refused. */
static bool pass_on(struct ingest *g, const struct record_block *b, size_t from, const struct row_block *made) {
    size_t second = 0;
    for (size_t i = 0; i < made->n;) {
        struct row_block *rows = take_rows(g);
        if (rows == NULL) {
            refuse(g, b, record_of_row(g, b, from, i));
            return false;
        }
        if (rows->n == 0)
            rows->arrived_ns = made->arrived_ns;
        rows->model_version = made->model_version;
        i += row_block_append(rows, made, i, &second);
        if (i < made->n)
            ring_mark_full(g->links.rows);
    }
    return true;
}

/* With those who help: the same rows in the same order. */
static void analyse_together(struct ingest *g, const struct record_block *b) {
    struct analysis_share shares[ANALYSIS_MEMBERS_MAX + 1];
    bool room = true;
    analysis_team_run(g->links.team, g->analyse, b, shares);
    for (size_t k = 0, from = 0; k <= analysis_team_size(g->links.team); from = shares[k++].end) {
        struct record_block part = *b;
        part.n = shares[k].end;
        if (room)
            room = pass_on(g, &part, from, shares[k].rows) && analyse_here(g, &part, shares[k].reached);
        else
            refuse(g, &part, from);
    }
}

static void analyse(struct ingest *g, const struct record_block *b, bool by_pixel) {
    if (by_pixel && g->links.team != NULL && b->n >= WORTH_SHARING)
        analyse_together(g, b);
    else
        analyse_here(g, b, 0);
    note_through(g, b);
    struct row_block *rows = ring_take_empty(g->links.rows);
    if (rows != NULL && rows->n > 0) {
        rows->through_ns = g->through_ns;
        hand_on(g, rows);
    }
}

static void teach(struct ingest *g, const struct record_block *b) {
    if (g->links.learner == NULL || !atomic_load_explicit(g->links.learning, memory_order_relaxed))
        return;
    for (size_t i = 0; i < b->n;) {
        struct record_block *to = ring_take_empty(g->links.learner);
        if (to == NULL)
            return;   /* the learner has enough to do; it counts what it gets */
        record_block_clear(to);
        const size_t first = i;
        while (i < b->n && record_block_copy(to, b, i))
            i++;
        if (i == first)
            i++;   /* longer than a block of its */
        ring_mark_full(g->links.learner);
    }
}

/* Ours. */
static void process(struct ingest *g, struct record_block *b) {
    admit(g, b);
    record_block_sort(b, g->array->n_pixels, &g->scratch, g->sorting);
    analyse(g, b, true);
    teach(g, b);
}

/* Somebody else's, who wants it in the order in which it is: to be shared out, its rows are put in order in our own block. */
static void process_other(struct ingest *g, struct record_block *b) {
    admit(g, b);
    if (g->links.team != NULL && g->own->n == 0 && b->n <= g->own->capacity) {
        for (size_t i = 0; i < b->n; i++)
            record_block_lend(g->own, &b->rows[i], b->rows[i].samples);
        g->own->arrived_ns = b->arrived_ns;
        record_block_sort(g->own, g->array->n_pixels, &g->scratch, g->sorting);
        analyse(g, g->own, true);
        record_block_clear(g->own);
    } else {
        analyse(g, b, false);
    }
    teach(g, b);
}

/* The follower may hear of another array before us, or after. */
static bool of_this_array(const struct ingest *g, const struct record_block *b) {
    for (size_t i = 0; i < b->n; i++)
        if (b->rows[i].channel_index >= g->array->n_channels || b->rows[i].pixel != g->array->channels[b->rows[i].channel_index].pixel)
            return false;
    return true;
}

static void take_files(struct ingest *g) {
    struct record_block *b;
    for (int k = 0; k < FILE_BLOCKS && g->links.files != NULL && g->analyse != NULL && (b = ring_take_full(g->links.files)) != NULL; k++) {
        bool ours = of_this_array(g, b);
        if (!ours && atomic_load_explicit(&g->exchange->plan, memory_order_acquire) != g->plan)
            return;   /* first the new plan */
        if (ours && admission_waits(g->admission, g->plan, b, clock_ns(CLOCK_MONOTONIC)))
            return;
        if (ours)
            process_other(g, b);
        ring_mark_empty(g->links.files);
    }
}

static void publish_figures(struct ingest *g) {
    const struct live_counts *c = live_source_counts(g->source);
    atomic_store_explicit(&g->figures.records, c->records, memory_order_relaxed);
    atomic_store_explicit(&g->figures.bytes, c->bytes, memory_order_relaxed);
    atomic_store_explicit(&g->figures.unknown_channel, c->unknown_channel, memory_order_relaxed);
    atomic_store_explicit(&g->figures.frames, c->frames, memory_order_relaxed);
    for (unsigned i = 0; i < N_DASTARD_REFUSALS; i++)
        atomic_store_explicit(&g->figures.by_reason[i], c->refused[i], memory_order_relaxed);
}

static bool is_recording(const struct ingest *g) {
    return g->links.raw != NULL && atomic_load_explicit(g->links.recording, memory_order_relaxed) && ring_take_empty(g->links.raw) != NULL;
}

/* Sockets that always have more than fits mean that analysis is behind. They are bounded: then the connections back up to the server, which
 * drops what it has no room for, and counts it. Nothing is to be done here but to say so. */
static void note_load(struct ingest *g, enum live_step step, int64_t now) {
    if (step != LIVE_FULL) {
        if (g->behind)
            log_note("analysis has caught up");
        g->full_since_ns = 0;
        g->behind = false;
        return;
    }
    g->full_since_ns = g->full_since_ns != 0 ? g->full_since_ns : now;
    if (!g->behind && now - g->full_since_ns > BEHIND_NS) {
        log_warning("analysis is behind what comes; what the connections cannot hold is lost at the server, and counted as lost upstream");
        g->behind = true;
    }
}

static void note_not_given(struct left_out *l, const struct block_record *r) {
    if (l->n++ == 0)
        *l = (struct left_out){ .from_ns = r->time_ns, .to_ns = r->time_ns, .n = 1, .channel_index = r->channel_index };
    l->from_ns = r->time_ns < l->from_ns ? r->time_ns : l->from_ns;
    l->to_ns = r->time_ns > l->to_ns ? r->time_ns : l->to_ns;
}

/* The recorder writes an account of what is missing; those that it never saw are told with the next block there is. */
static void tell_not_given(struct ingest *g, struct record_block *b) {
    bool left = false;
    for (uint32_t k = 0; g->owes_account && k < g->array->n_channels; k++) {
        struct left_out *l = &g->not_given[k];
        if (l->n > 0 && record_block_leave_out(b, *l))
            l->n = 0;
        left = left || l->n > 0;
    }
    g->owes_account = left;
}

static void count_raw_lost(struct ingest *g, const struct record_block *b) {
    if (g->links.raw == NULL || !atomic_load_explicit(g->links.recording, memory_order_relaxed))
        return;
    for (size_t i = 0; i < b->n; i++) {
        tally_add(&g->plan->tally[b->rows[i].channel_index].raw_lost, 1);
        note_not_given(&g->not_given[b->rows[i].channel_index], &b->rows[i]);
        g->owes_account = true;
    }
}

/* What has been gathered goes on. */
static void finish_own(struct ingest *g) {
    struct record_block *b = g->own;
    if (g->analyse == NULL || b->n == 0)
        return;
    process(g, b);
    count_raw_lost(g, b);
    record_block_clear(b);
    live_source_take_back(g->source);
}

static void look_for_plan(struct ingest *g) {
    const struct live_plan *p = atomic_load_explicit(&g->exchange->plan, memory_order_acquire);
    if (p != NULL && p != g->plan) {
        finish_own(g);
        hand_on_rest(g);   /* a block of rows speaks of one plan */
        adopt(g, p);
    }
}

/* The raw recorder's next empty block, so that samples are copied once. False: nothing more is there. */
static bool take_for_raw(struct ingest *g) {
    struct record_block *b = ring_take_empty(g->links.raw);
    record_block_clear(b);
    b->arrived_ns = clock_ns(CLOCK_MONOTONIC);
    enum live_step step = live_source_step(g->source, b);
    note_load(g, step, b->arrived_ns);
    tell_not_given(g, b);
    if (b->n > 0)
        process_other(g, b);
    if (b->n > 0 || b->n_left_out > 0)
        ring_mark_full(g->links.raw);
    if (step != LIVE_FULL)
        hand_on_rest(g);
    return step == LIVE_FULL;
}

/* Into our own block, until enough is there or the first of it has waited long enough. */
static bool take(struct ingest *g) {
    struct record_block *b = g->own;
    const bool first = b->n == 0;
    const int64_t now = clock_ns(CLOCK_MONOTONIC);
    enum live_step step = live_source_lend(g->source, b);
    note_load(g, step, now);
    if (first)
        b->arrived_ns = now;
    if (b->n > 0 && (step == LIVE_FULL || now - b->arrived_ns >= GATHER_NS)) {
        finish_own(g);
        if (step != LIVE_FULL)
            hand_on_rest(g);
    }
    return step == LIVE_FULL;
}

/* Records that come before their channels have names wait in their sockets, for a while: then they are refused. */
static bool wait_for_array(struct ingest *g, int wait_ms) {
    if (g->waited_ms < NAMELESS_MS) {
        g->waited_ms += wait_ms;
        nanosleep(&(struct timespec){ .tv_nsec = wait_ms * 1000000L }, NULL);
        return false;
    }
    record_block_clear(g->own);
    live_source_take_back(g->source);
    if (live_source_lend(g->source, g->own) == LIVE_IDLE)
        live_source_wait(g->source, wait_ms);
    publish_figures(g);
    return false;
}

bool ingest_step(struct ingest *g, int wait_ms) {
    look_for_plan(g);
    take_files(g);
    if (g->analyse == NULL)
        return wait_for_array(g, wait_ms);
    g->waited_ms = 0;
    if (g->files_only) {
        hand_on_rest(g);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000L }, NULL);
        return false;
    }
    bool came = g->own->n == 0 && is_recording(g) ? take_for_raw(g) : take(g);
    publish_figures(g);
    if (!came)
        live_source_wait(g->source, wait_ms);
    return came;
}

struct ingest_figures ingest_figures_of(const struct ingest *g) {
    const struct shared_figures *f = &g->figures;
    struct ingest_figures out = { .records = tally_of(&f->records), .bytes = tally_of(&f->bytes), .unknown_channel = tally_of(&f->unknown_channel),
                                  .frames = tally_of(&f->frames), .overload = tally_of(&f->overload), .duplicates = tally_of(&f->duplicates) };
    out.refused = out.frames + out.unknown_channel;
    for (unsigned i = 0; i < N_DASTARD_REFUSALS; i++) {
        out.by_reason[i] = tally_of(&f->by_reason[i]);
        out.refused += out.by_reason[i];
    }
    return out;
}
