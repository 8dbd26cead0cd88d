/* Walking: two passes over the heads of a pixel's chunks tell what shape is walked and which records are of it; then each is fetched by its place. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/record_spool_parts.h"
#include "daemon/source/record_order.h"

/* Chunks of the file as a walk may see them, and whether what is open belongs to it too. */
struct view { const struct chunk *chunks; size_t n; bool open; };

enum form { SAMPLES, COEFFICIENTS, FORMS };

/* What there is of either form: how many, and the head of the last, in the chunk that was filled last. */
struct survey { uint64_t n[FORMS], newest[FORMS]; struct head last[FORMS]; };

static struct view view_of(const struct record_spool *s) {
    if (s->frozen.chunks != NULL)
        return (struct view){ s->frozen.chunks, s->frozen.n_chunks, false };
    return (struct view){ s->chunks, s->n_chunks, true };
}

struct walk {
    struct record_spool *spool;
    size_t pixel;
    struct record_index index;     /* where: chunk << 32 | offset; the open chunk is number view.n */
    struct view view;
    struct survey survey;
    struct head like;              /* what is walked is of its shape */
    double *basis;                 /* of the shape; NULL: samples */
    size_t at, loaded;             /* chunk in bytes; SIZE_MAX: none */
    size_t n_loaded;
    bool failed;
    uint8_t bytes[SPOOL_CHUNK];
};

static const uint8_t *load(struct walk *w, size_t k) {
    struct record_spool *s = w->spool;
    if (k == w->view.n) {
        w->n_loaded = s->open[w->pixel].used;
        return s->open[w->pixel].bytes;
    }
    size_t want = w->view.chunks[k].used, got = 0;
    while (w->loaded != k && got < want) {
        ssize_t n = pread(s->fd, w->bytes + got, want - got, (off_t)(k * SPOOL_CHUNK + got));
        if (n <= 0) {
            w->failed = true;
            return NULL;
        }
        got += (size_t)n;
    }
    w->loaded = k;
    w->n_loaded = want;
    return w->bytes;
}

/* ---- listing ---- */

typedef bool head_fn(struct walk *w, const struct head *h, uint64_t where, uint64_t number);   /* number: of its chunk, in the order of filling */

static bool survey_head(struct walk *w, const struct head *h, uint64_t where, uint64_t number) {
    const enum form f = h->basis != 0 ? COEFFICIENTS : SAMPLES;
    (void)where;
    w->survey.n[f]++;
    if (number >= w->survey.newest[f]) {
        w->survey.newest[f] = number;
        w->survey.last[f] = *h;
    }
    return true;
}

/* The length of an OFF record is its own affair, as in a file. */
static bool is_like(const struct head *a, const struct head *b) {
    return a->basis == b->basis && (a->basis != 0 || (a->n_samples == b->n_samples && a->n_presamples == b->n_presamples));
}

static bool index_head(struct walk *w, const struct head *h, uint64_t where, uint64_t number) {
    (void)number;
    return !is_like(h, &w->like) || record_index_add(&w->index, (struct record_place){ .time_ns = h->time_ns, .frame = h->frame, .where = where, .epoch = h->epoch });
}

static bool list_chunk(struct walk *w, size_t k, uint64_t number, const struct spool_part *part, head_fn *take) {
    const uint8_t *bytes = load(w, k);
    struct head h;
    for (size_t at = 0; bytes != NULL && at < w->n_loaded; at += sizeof h + head_payload(&h)) {
        memcpy(&h, bytes + at, sizeof h);
        if (h.time_ns >= part->from_ns && h.time_ns < part->until_ns && !take(w, &h, (uint64_t)k << 32 | at, number))
            return false;
    }
    return bytes != NULL;
}

static const struct spool_part *part_of(uint32_t group, const struct spool_part *parts, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (parts[i].group == group && group != 0)
            return &parts[i];
    return NULL;
}

static bool list(struct walk *w, const struct spool_part *parts, size_t n_parts, head_fn *take) {
    for (size_t k = 0; k < w->view.n; k++) {
        const struct chunk *c = &w->view.chunks[k];
        const struct spool_part *part = c->pixel == w->pixel ? part_of(c->group, parts, n_parts) : NULL;
        if (part != NULL && !list_chunk(w, k, c->number, part, take))
            return false;
    }
    const struct open_chunk *o = &w->spool->open[w->pixel];
    const struct spool_part *part = w->view.open && o->used > 0 ? part_of(o->group, parts, n_parts) : NULL;
    return part == NULL || list_chunk(w, w->view.n, UINT64_MAX, part, take);
}

/* ---- one record after the other ---- */

static void put_out(const struct walk *w, const struct head *h, const uint8_t *payload, struct channel_record *out) {
    *out = (struct channel_record){ .time_ns = h->time_ns, .frame = h->frame, .gap_before = h->gap_before != 0, .coefficients = h->basis != 0 };
    if (h->basis != 0)
        memcpy(&out->off, payload, sizeof out->off);
    else
        out->samples = (struct pulse_record){ .samples = (const sample_u16 *)(const void *)payload, .n_samples = h->n_samples, .n_presamples = h->n_presamples,
                                              .pixel = (uint32_t)w->pixel, .sample_period_s = h->sample_period_s, .trigger_time_ns = h->time_ns, .trigger_frame = h->frame };
}

static bool next(void *context, struct channel_record *out) {
    struct walk *w = context;
    struct head h;
    if (w->at == w->index.n || w->failed)
        return false;
    uint64_t where = w->index.places[w->at++].where;
    const uint8_t *bytes = load(w, (size_t)(where >> 32));
    if (bytes == NULL)
        return false;
    bytes += where & UINT32_MAX;
    memcpy(&h, bytes, sizeof h);
    put_out(w, &h, bytes + sizeof h, out);
    return true;
}

static void rewind_walk(void *context) { ((struct walk *)context)->at = 0; }

static void close_walk(void *context) {
    struct walk *w = context;
    record_index_done(&w->index);
    free(w->basis);
    free(w);
}

static void begin(struct walk *w, struct record_spool *s, size_t pixel) {
    w->spool = s;
    w->view = view_of(s);
    w->pixel = pixel;
    w->index = (struct record_index){ 0 };
    w->survey = (struct survey){ 0 };
    w->basis = NULL;
    w->at = 0;
    w->loaded = SIZE_MAX;
    w->failed = false;
}

/* Samples, unless most are coefficients: fewer fill here and there what the port lost. False: the basis is not kept any more, or there is no memory for it. */
static bool choose_shape(struct walk *w, struct channel_shape *shape) {
    const enum form f = w->survey.n[COEFFICIENTS] > w->survey.n[SAMPLES] ? COEFFICIENTS : SAMPLES;
    w->like = w->survey.last[f];
    *shape = (struct channel_shape){ .n_samples = w->like.n_samples, .n_presamples = w->like.n_presamples, .sample_period_s = (double)w->like.sample_period_s };
    const bool known = f == SAMPLES || off_bases_copy(w->spool->bases, w->like.basis, shape);
    w->basis = (double *)(uintptr_t)shape->basis;
    return known;
}

bool record_spool_walk(struct record_spool *s, size_t pixel, const struct spool_part *parts, size_t n_parts, struct record_walk *out) {
    struct walk *w = malloc(sizeof *w);
    struct channel_shape shape;
    struct record_order order;
    if (w == NULL)
        return false;
    begin(w, s, pixel);
    if (!list(w, parts, n_parts, survey_head) || (choose_shape(w, &shape) && !list(w, parts, n_parts, index_head))) {
        close_walk(w);
        return false;
    }
    record_index_settle_told(&w->index, shape.sample_period_s, &order);
    *out = (struct record_walk){ .context = w, .next = next, .rewind = rewind_walk, .close = close_walk, .records = w->index.n, .shape = shape };
    return true;
}
