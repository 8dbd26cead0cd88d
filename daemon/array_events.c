#include "daemon/array_events.h"

#include <math.h>
#include <stdlib.h>

#include "calib/scan_products.h"
#include "daemon/log.h"
#include "daemon/trigger_mode.h"
#include "pulse/coincidence.h"
#include "pulse/cut.h"

enum mark { MARK_EVENT = 1, MARK_LARGE = 2, MARK_VETOED = 4 };

struct array_events {
    struct array_event_settings settings;
    const struct array_model *model;
    struct scratch *scratch;
    const struct photon_block *const *blocks;
    struct scratch_piece *marks;       /* of each channel: enum mark per row */
    struct coincidence *coincidence;   /* NULL: no array veto */
    struct scratch_piece instants;
    size_t n_instants;
};

static int64_t whole_us(double seconds) {
    return llround(seconds * 1e6) * 1000;
}

bool array_events_wanted(const struct array_event_settings *s) {
    return (s->neighbours != NULL && s->neighbours[0] != '\0') || s->array_pixels > 0 || s->instants;
}

uint32_t array_events_rules(const struct array_events *e) {
    const struct array_event_settings *s = &e->settings;
    const bool vetoes = s->array_pixels > 0 || (s->neighbours != NULL && s->neighbours[0] != '\0');
    return (vetoes ? ARRAY_RULE_VETO : 0u) | (s->instants ? ARRAY_RULE_SAMPLED : 0u);
}

bool array_events_new(const struct array_event_settings *s, const struct array_model *m, struct scratch *scratch, struct array_events **out) {
    const struct coincidence_settings c = { (uint32_t)m->n_channels, s->array_pixels, whole_us(s->array_window_s), whole_us(s->array_hold_s) };
    struct array_events *e = calloc(1, sizeof *e);
    if (e != NULL)
        *e = (struct array_events){ .settings = *s, .model = m, .scratch = scratch, .marks = calloc(m->n_channels + 1, sizeof *e->marks) };
    if (e == NULL || e->marks == NULL || (s->array_pixels > 0 && coincidence_new(&c, &e->coincidence) != STATUS_OK)) {
        log_error("out of memory for vetoes");
        array_events_free(e);
        return false;
    }
    *out = e;
    return true;
}

void array_events_free(struct array_events *e) {
    if (e == NULL)
        return;
    for (size_t i = 0; e->marks != NULL && i < e->model->n_channels; i++)
        scratch_give(e->scratch, &e->marks[i]);
    free(e->marks);
    coincidence_free(e->coincidence);
    scratch_give(e->scratch, &e->instants);
    free(e);
}

/* ---- events of one channel: a stamp that steps back counts as the newest before it ---- */

struct walk { const struct photon_block *block; const uint8_t *marks; size_t at; int64_t time_ns; };

/* *mark: of the event found. */
static bool walk_next(struct walk *w, uint8_t *mark) {
    for (; w->at < w->block->n; w->at++) {
        if (!(w->marks[w->at] & MARK_EVENT))
            continue;
        int64_t time_ns = w->block->time_ns[w->at];
        w->time_ns = time_ns > w->time_ns ? time_ns : w->time_ns;
        *mark = w->marks[w->at++];
        return true;
    }
    return false;
}

static struct walk walk_of(const struct array_events *e, size_t pixel) {
    return (struct walk){ .block = e->blocks[pixel], .marks = e->marks[pixel].data, .time_ns = INT64_MIN };
}

static bool is_large(const struct array_events *e, const struct photon_block *b, size_t row) {
    return !isfinite(b->energy_eV[row]) || (double)b->energy_eV[row] >= e->settings.neighbour_above_eV || (b->cuts[row] & CUT_BIT(CUT_SATURATED)) != 0;
}

static bool mark_rows(struct array_events *e, size_t pixel) {
    const struct photon_block *b = e->blocks[pixel];
    if (!scratch_take(e->scratch, b->n + 1, &e->marks[pixel]))
        return false;
    uint8_t *marks = e->marks[pixel].data;
    for (size_t i = 0; i < b->n; i++)
        marks[i] = (uint8_t)((b->cuts[i] & CUT_BIT(CUT_SECONDARY) ? 0 : MARK_EVENT) | (is_large(e, b, i) ? MARK_LARGE : 0));
    return true;
}

/* ---- all channels by time, then by pixel ---- */

struct merge { size_t n; struct walk *walks; uint32_t *heap; };  /* heap of pixels, the earliest first */

static bool earlier(const struct merge *m, uint32_t a, uint32_t b) {
    return m->walks[a].time_ns != m->walks[b].time_ns ? m->walks[a].time_ns < m->walks[b].time_ns : a < b;
}

static void sink(struct merge *m, size_t k) {
    for (size_t child; (child = 2 * k + 1) < m->n; k = child) {
        child += child + 1 < m->n && earlier(m, m->heap[child + 1], m->heap[child]);
        if (!earlier(m, m->heap[child], m->heap[k]))
            return;
        uint32_t pixel = m->heap[k];
        m->heap[k] = m->heap[child];
        m->heap[child] = pixel;
    }
}

static bool merge_begin(struct merge *m, const struct array_events *e) {
    size_t n = e->model->n_channels;
    uint8_t mark;
    *m = (struct merge){ .walks = calloc(n + 1, sizeof *m->walks), .heap = calloc(n + 1, sizeof *m->heap) };
    if (m->walks == NULL || m->heap == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        m->walks[i] = walk_of(e, i);
        if (walk_next(&m->walks[i], &mark))
            m->heap[m->n++] = (uint32_t)i;
    }
    for (size_t k = m->n / 2; k-- > 0;)
        sink(m, k);
    return true;
}

static void merge_advance(struct merge *m) {
    uint8_t mark;
    if (!walk_next(&m->walks[m->heap[0]], &mark))
        m->heap[0] = m->heap[--m->n];
    sink(m, 0);
}

static void merge_done(struct merge *m) {
    free(m->walks);
    free(m->heap);
}

static bool find_coincidences(struct array_events *e) {
    struct merge m;
    bool good = merge_begin(&m, e);
    for (; good && m.n > 0; merge_advance(&m))
        good = coincidence_add(e->coincidence, m.walks[m.heap[0]].time_ns, m.heap[0]);
    merge_done(&m);
    return good && coincidence_settle(e->coincidence);
}

bool array_events_collect(struct array_events *e, const struct photon_block *const *blocks) {
    bool good = true;
    e->blocks = blocks;
    for (size_t i = 0; good && i < e->model->n_channels; i++)
        good = mark_rows(e, i);
    good = good && (e->coincidence == NULL || find_coincidences(e));
    if (!good)
        log_error("out of memory for the events of the whole array");
    return good;
}

/* ---- one pixel's vetoes ---- */

static bool array_vetoes(const struct array_events *e, size_t pixel, struct time_spans *out) {
    struct walk w = walk_of(e, pixel);
    int64_t *own = malloc((w.block->n + 1) * sizeof *own);
    size_t n = 0;
    uint8_t mark;
    while (own != NULL && walk_next(&w, &mark))
        own[n++] = w.time_ns;
    bool good = own != NULL && coincidence_spans(e->coincidence, own, n, out);
    free(own);
    return good;
}

static bool neighbour_vetoes(const struct array_events *e, size_t neighbour, int64_t window_ns, struct time_spans *spans) {
    struct walk w = walk_of(e, neighbour);
    struct time_spans own = { 0 }, joined;
    bool good = true;
    uint8_t mark;
    while (good && walk_next(&w, &mark))
        if (mark & MARK_LARGE)
            good = time_spans_add(&own, (struct time_span){ w.time_ns - window_ns, w.time_ns + window_ns });
    if (good && (good = time_spans_join(spans, &own, &joined))) {
        time_spans_done(spans);
        *spans = joined;
    }
    time_spans_done(&own);
    return good;
}

static int64_t neighbour_window_ns(const struct array_events *e, size_t pixel) {
    const struct pixel_model *m = e->model->channels[pixel].model;
    double record_s = m != NULL ? m->n_samples * m->sample_period_s : 0;
    return whole_us(e->settings.neighbour_window_s > 0 ? e->settings.neighbour_window_s : record_s);
}

bool array_events_vetoes(const struct array_events *e, size_t pixel, struct time_spans *out) {
    struct time_spans spans = { 0 };
    bool good = e->coincidence == NULL || array_vetoes(e, pixel, &spans);
    int64_t window_ns = neighbour_window_ns(e, pixel);
    bool neighbours = e->settings.neighbours != NULL && e->settings.neighbours[0] != '\0';
    for (size_t i = 0; good && neighbours && i < e->model->n_channels; i++) {
        int32_t distance = e->model->channels[i].channel - e->model->channels[pixel].channel;
        if (distance != 0 && trigger_list_has(e->settings.neighbours, distance < 0 ? -distance : distance))
            good = neighbour_vetoes(e, i, window_ns, &spans);
    }
    if (good)
        *out = spans;
    else
        time_spans_done(&spans);
    return good;
}

/* ---- instants ---- */

static bool mark_vetoed(struct array_events *e, size_t pixel) {
    struct time_spans vetoes;
    if (!array_events_vetoes(e, pixel, &vetoes))
        return false;
    const struct photon_block *b = e->blocks[pixel];
    uint8_t *marks = e->marks[pixel].data;
    for (size_t i = 0; i < b->n; i++) {
        size_t k = time_span_after(vetoes.list, vetoes.n, b->time_ns[i]);
        if (k < vetoes.n && vetoes.list[k].start_ns <= b->time_ns[i])
            marks[i] |= MARK_VETOED;
    }
    time_spans_done(&vetoes);
    return true;
}

static bool keep_instants(struct array_events *e) {
    struct merge m;
    int64_t *instants = e->instants.data;
    bool good = merge_begin(&m, e);
    for (; good && m.n > 0; merge_advance(&m)) {
        const struct walk *first = &m.walks[m.heap[0]];
        if (!(first->marks[first->at - 1] & MARK_VETOED))
            instants[e->n_instants++] = first->time_ns;
    }
    merge_done(&m);
    return good;
}

bool array_events_instants(struct array_events *e, const int64_t **out, size_t *n) {
    size_t most = 1;
    bool good = true;
    *out = NULL;
    *n = 0;
    if (!e->settings.instants)
        return true;
    for (size_t i = 0; good && i < e->model->n_channels; i++) {
        most += e->blocks[i]->n;
        good = mark_vetoed(e, i);
    }
    if (!good || !scratch_take(e->scratch, most * sizeof(int64_t), &e->instants) || !keep_instants(e)) {
        log_error("out of memory for the instants of the whole array");
        return false;
    }
    *out = e->instants.data;
    *n = e->n_instants;
    return true;
}
