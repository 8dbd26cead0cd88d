/* The file is an array of chunks of equal size. A chunk holds records of one pixel and one group, one behind the other: a head and its
 * samples, each padded to 8 bytes. A record longer than a chunk is refused. */
#include "daemon/record_spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/source/record_order.h"

struct head {
    int64_t time_ns, frame;
    uint32_t n_samples, n_presamples;
    float sample_period_s;
    uint32_t gap_before;
};

struct chunk {
    uint32_t group;                /* 0: free */
    uint32_t used;                 /* bytes */
    uint64_t number;               /* grows in order of filling */
    uint16_t pixel;
};

struct open_chunk { uint8_t *bytes; uint32_t used, group; };

struct group { uint32_t id; uint64_t records; int64_t first_ns, last_ns; uint32_t *of_pixel; bool forgotten; };

struct record_spool {
    int fd;
    size_t n_pixels, n_chunks, capacity, most_chunks;
    struct chunk *chunks;          /* of the file */
    uint64_t filled;               /* chunks so far */
    struct open_chunk *open;       /* one per pixel */
    struct head *last;             /* of each pixel */
    size_t n_groups, group_capacity;
    struct group *groups;          /* oldest first */
    uint32_t newest, now;          /* group ids */
    uint64_t refused;
    bool complained;
    struct { struct chunk *chunks; struct head *last; size_t n_chunks; uint32_t newest; } frozen;   /* chunks NULL: not */
};

bool record_spool_new(const char *folder, size_t n_pixels, uint64_t most_bytes, struct record_spool **out) {
    struct record_spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return false;
    *s = (struct record_spool){ .n_pixels = n_pixels, .most_chunks = (size_t)(most_bytes / SPOOL_CHUNK) };
    s->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    s->open = calloc(n_pixels + 1, sizeof *s->open);
    s->last = calloc(n_pixels + 1, sizeof *s->last);
    if (s->fd < 0 || s->open == NULL || s->last == NULL) {
        record_spool_free(s);
        return false;
    }
    *out = s;
    return true;
}

void record_spool_free(struct record_spool *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; s->open != NULL && i < s->n_pixels; i++)
        free(s->open[i].bytes);
    for (size_t i = 0; i < s->n_groups; i++)
        free(s->groups[i].of_pixel);
    if (s->fd >= 0)
        close(s->fd);
    free(s->open);
    free(s->last);
    free(s->groups);
    free(s->chunks);
    free(s->frozen.chunks);
    free(s->frozen.last);
    free(s);
}

/* ---- groups ---- */

static struct group *find_group(const struct record_spool *s, uint32_t id) {
    for (size_t i = 0; i < s->n_groups; i++)
        if (s->groups[i].id == id)
            return &s->groups[i];
    return NULL;
}

bool record_spool_holds(const struct record_spool *s, uint32_t group) { return find_group(s, group) != NULL; }

uint32_t record_spool_begin(struct record_spool *s) {
    s->now = ++s->newest;
    if (s->n_groups == s->group_capacity) {
        size_t capacity = s->group_capacity ? 2 * s->group_capacity : 8;
        struct group *grown = realloc(s->groups, capacity * sizeof *grown);
        if (grown == NULL)
            return s->now;   /* its records are refused */
        s->groups = grown;
        s->group_capacity = capacity;
    }
    struct group g = { .id = s->now, .first_ns = INT64_MAX, .last_ns = INT64_MIN, .of_pixel = calloc(s->n_pixels + 1, sizeof *g.of_pixel) };
    if (g.of_pixel != NULL)
        s->groups[s->n_groups++] = g;
    return s->now;
}

void record_spool_resume(struct record_spool *s, uint32_t group) { s->now = group; }

static bool is_frozen(const struct record_spool *s, uint32_t group) { return s->frozen.chunks != NULL && group <= s->frozen.newest; }

void record_spool_forget(struct record_spool *s, uint32_t group) {
    struct group *g = find_group(s, group);
    if (g == NULL)
        return;
    if (is_frozen(s, group)) {
        g->forgotten = true;
        return;
    }
    for (size_t i = 0; i < s->n_chunks; i++)
        if (s->chunks[i].group == group)
            s->chunks[i].group = 0;
    for (size_t i = 0; i < s->n_pixels; i++)
        if (s->open[i].group == group)
            s->open[i].used = 0;
    free(g->of_pixel);
    size_t at = (size_t)(g - s->groups);
    memmove(g, g + 1, (--s->n_groups - at) * sizeof *g);
}

uint64_t record_spool_records(const struct record_spool *s, uint32_t group) {
    const struct group *g = find_group(s, group);
    return g != NULL ? g->records : 0;
}

uint64_t record_spool_refused(const struct record_spool *s) { return s->refused; }

void record_spool_span(const struct record_spool *s, uint32_t group, int64_t *first_ns, int64_t *last_ns) {
    const struct group *g = find_group(s, group);
    *first_ns = g != NULL ? g->first_ns : INT64_MAX;
    *last_ns = g != NULL ? g->last_ns : INT64_MIN;
}

uint32_t record_spool_n_samples(const struct record_spool *s, size_t pixel) { return (s->frozen.last != NULL ? s->frozen.last : s->last)[pixel].n_samples; }

/* ---- adding ---- */

static bool forget_oldest(struct record_spool *s) {
    for (size_t i = 0; i < s->n_groups; i++)
        if (s->groups[i].id != s->now && !is_frozen(s, s->groups[i].id)) {
            log_warning("records kept for learning: no more room, those of the oldest state are forgotten");
            record_spool_forget(s, s->groups[i].id);
            return true;
        }
    return false;
}

/* A chunk of the file that is free; SIZE_MAX: none, and no more may be made. */
static size_t free_chunk(struct record_spool *s) {
    for (size_t i = 0; i < s->n_chunks; i++)
        if (s->chunks[i].group == 0)
            return i;
    if (s->n_chunks == s->most_chunks)
        return SIZE_MAX;
    if (s->n_chunks == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 256;
        struct chunk *grown = realloc(s->chunks, capacity * sizeof *grown);
        if (grown == NULL)
            return SIZE_MAX;
        s->chunks = grown;
        s->capacity = capacity;
    }
    s->chunks[s->n_chunks] = (struct chunk){ 0 };
    return s->n_chunks++;
}

static bool write_chunk(struct record_spool *s, size_t k, const uint8_t *bytes, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t wrote = pwrite(s->fd, bytes + done, n - done, (off_t)(k * SPOOL_CHUNK + done));
        if (wrote <= 0) {
            if (!s->complained)
                log_warning("records kept for learning cannot be written: %m; a calibration learnt now rests on fewer records");
            s->complained = true;
            return false;
        }
        done += (size_t)wrote;
    }
    return true;
}

/* What is open of the pixel goes to the file. False: there is no room, and it stays open. */
static bool close_chunk(struct record_spool *s, size_t pixel) {
    struct open_chunk *o = &s->open[pixel];
    if (o->used == 0)
        return true;
    size_t k = free_chunk(s);
    if (k == SIZE_MAX && forget_oldest(s))
        k = free_chunk(s);
    if (o->used == 0)
        return true;   /* it was of the group that has been forgotten */
    if (k == SIZE_MAX || !write_chunk(s, k, o->bytes, o->used))
        return false;
    s->chunks[k] = (struct chunk){ .group = o->group, .used = o->used, .number = ++s->filled, .pixel = (uint16_t)pixel };
    o->used = 0;
    return true;
}

static size_t padded(size_t n) { return (n + 7) / 8 * 8; }

static uint8_t *room_for(struct record_spool *s, size_t pixel, size_t bytes) {
    struct open_chunk *o = &s->open[pixel];
    if (o->bytes == NULL)
        o->bytes = malloc(SPOOL_CHUNK);
    if (o->bytes == NULL || bytes > SPOOL_CHUNK)
        return NULL;
    if ((o->used + bytes > SPOOL_CHUNK || o->group != s->now) && !close_chunk(s, pixel))
        return NULL;
    o->group = s->now;
    o->used += (uint32_t)bytes;
    return o->bytes + o->used - bytes;
}

bool record_spool_add(struct record_spool *s, const struct record_block *b, size_t i) {
    const struct block_record *r = &b->rows[i];
    struct group *g = find_group(s, s->now);
    size_t sample_bytes = 2 * (size_t)r->n_samples, bytes = sizeof(struct head) + padded(sample_bytes);
    uint8_t *to = g != NULL && g->of_pixel[r->pixel] < SPOOL_RECORDS_MAX ? room_for(s, r->pixel, bytes) : NULL;
    g = to != NULL ? find_group(s, s->now) : NULL;   /* groups may have closed up */
    if (g == NULL) {
        s->refused++;
        return false;
    }
    const struct head h = { .time_ns = r->time_ns, .frame = r->frame, .n_samples = r->n_samples, .n_presamples = r->n_presamples,
                            .sample_period_s = r->sample_period_s, .gap_before = (r->flags & BLOCK_GAP_BEFORE) != 0 };
    memcpy(to, &h, sizeof h);
    memcpy(to + sizeof h, r->samples, sample_bytes);
    s->last[r->pixel] = h;
    g->of_pixel[r->pixel]++;
    g->records++;
    g->first_ns = r->time_ns < g->first_ns ? r->time_ns : g->first_ns;
    g->last_ns = r->time_ns > g->last_ns ? r->time_ns : g->last_ns;
    return true;
}

/* ---- frozen ---- */

bool record_spool_freeze(struct record_spool *s) {
    for (size_t i = 0; i < s->n_pixels; i++)
        if (!close_chunk(s, i))
            return false;
    s->frozen.chunks = malloc((s->n_chunks + 1) * sizeof *s->frozen.chunks);
    s->frozen.last = malloc((s->n_pixels + 1) * sizeof *s->frozen.last);
    if (s->frozen.chunks == NULL || s->frozen.last == NULL) {
        record_spool_thaw(s);
        return false;
    }
    if (s->n_chunks > 0)
        memcpy(s->frozen.chunks, s->chunks, s->n_chunks * sizeof *s->frozen.chunks);
    memcpy(s->frozen.last, s->last, s->n_pixels * sizeof *s->frozen.last);
    s->frozen.n_chunks = s->n_chunks;
    s->frozen.newest = s->newest;
    return true;
}

void record_spool_thaw(struct record_spool *s) {
    free(s->frozen.chunks);
    free(s->frozen.last);
    s->frozen.chunks = NULL;
    s->frozen.last = NULL;
    for (size_t i = s->n_groups; i-- > 0;)
        if (s->groups[i].forgotten)
            record_spool_forget(s, s->groups[i].id);
}

/* ---- walking ---- */

/* Chunks of the file as a walk may see them, and whether what is open belongs to it too. */
struct view { const struct chunk *chunks; size_t n; bool open; };

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

static bool same_shape(const struct head *a, const struct head *b) { return a->n_samples == b->n_samples && a->n_presamples == b->n_presamples; }

/* Two passes over a chunk's heads: what shape the last record has; and which records are of it. */
static bool list_chunk(struct walk *w, size_t k, const struct spool_part *part, struct head *shape, bool keep) {
    const uint8_t *bytes = load(w, k);
    struct head h;
    for (size_t at = 0; bytes != NULL && at < w->n_loaded; at += sizeof h + padded(2 * (size_t)h.n_samples)) {
        memcpy(&h, bytes + at, sizeof h);
        if (!keep)
            *shape = h;
        else if (same_shape(&h, shape) && h.time_ns >= part->from_ns && h.time_ns < part->until_ns &&
                 !record_index_add(&w->index, (struct record_place){ .time_ns = h.time_ns, .frame = h.frame, .where = (uint64_t)k << 32 | at }))
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

static bool list(struct walk *w, const struct spool_part *parts, size_t n_parts, struct head *shape, bool keep) {
    const struct record_spool *s = w->spool;
    uint64_t newest = 0;
    for (size_t k = 0; k < w->view.n; k++) {
        const struct chunk *c = &w->view.chunks[k];
        const struct spool_part *part = part_of(c->group, parts, n_parts);
        if (c->pixel != w->pixel || part == NULL || (!keep && c->number < newest))
            continue;
        newest = c->number;
        if (!list_chunk(w, k, part, shape, keep))
            return false;
    }
    if (!w->view.open)
        return true;
    const struct open_chunk *o = &s->open[w->pixel];
    const struct spool_part *part = o->used > 0 ? part_of(o->group, parts, n_parts) : NULL;
    return part == NULL || list_chunk(w, w->view.n, part, shape, keep);
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
    *out = (struct channel_record){
        .time_ns = h.time_ns, .frame = h.frame, .gap_before = h.gap_before != 0,
        .samples = { .samples = (const sample_u16 *)(const void *)(bytes + sizeof h), .n_samples = h.n_samples, .n_presamples = h.n_presamples,
                     .pixel = (uint32_t)w->pixel, .sample_period_s = h.sample_period_s, .trigger_time_ns = h.time_ns, .trigger_frame = h.frame },
    };
    return true;
}

static void rewind_walk(void *context) { ((struct walk *)context)->at = 0; }

static void close_walk(void *context) {
    struct walk *w = context;
    record_index_done(&w->index);
    free(w);
}

bool record_spool_walk(struct record_spool *s, size_t pixel, const struct spool_part *parts, size_t n_parts, struct record_walk *out) {
    struct walk *w = malloc(sizeof *w);
    struct head shape = { 0 };
    struct record_order order;
    if (w == NULL)
        return false;
    w->spool = s;
    w->view = view_of(s);
    w->pixel = pixel;
    w->index = (struct record_index){ 0 };
    w->at = 0;
    w->loaded = SIZE_MAX;
    w->failed = false;
    if (!list(w, parts, n_parts, &shape, false) || !list(w, parts, n_parts, &shape, true)) {
        close_walk(w);
        return false;
    }
    if (w->index.n > 0)
        record_index_settle(&w->index, (double)shape.sample_period_s, &order);
    *out = (struct record_walk){ .context = w, .next = next, .rewind = rewind_walk, .close = close_walk, .records = w->index.n,
                                 .shape = { .n_samples = shape.n_samples, .n_presamples = shape.n_presamples, .sample_period_s = (double)shape.sample_period_s } };
    return true;
}
