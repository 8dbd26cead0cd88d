#include "daemon/record_spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/record_spool_parts.h"

bool record_spool_new(const char *folder, size_t n_pixels, uint64_t most_bytes, struct off_bases *bases, struct record_spool **out) {
    struct record_spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return false;
    *s = (struct record_spool){ .bases = bases, .n_pixels = n_pixels, .most_chunks = (size_t)(most_bytes / SPOOL_CHUNK) };
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

static struct head head_of(const struct block_record *r) {
    return (struct head){ .time_ns = r->time_ns, .frame = r->frame, .n_samples = r->n_samples, .n_presamples = r->n_presamples, .sample_period_s = r->sample_period_s,
                          .basis = (r->flags & BLOCK_COEFFICIENTS) != 0 ? r->basis : 0, .epoch = r->epoch, .gap_before = (r->flags & BLOCK_GAP_BEFORE) != 0 };
}

static void put_record(uint8_t *to, const struct head *h, const struct block_record *r) {
    memcpy(to, h, sizeof *h);
    if (h->basis != 0)
        memcpy(to + sizeof *h, r->off, sizeof *r->off);
    else if (h->n_samples > 0)
        memcpy(to + sizeof *h, r->samples, 2 * (size_t)h->n_samples);
}

bool record_spool_add(struct record_spool *s, const struct record_block *b, size_t i) {
    const struct block_record *r = &b->rows[i];
    const struct head h = head_of(r);
    const bool known = h.basis != 0 ? s->bases != NULL : (r->flags & BLOCK_COEFFICIENTS) == 0;
    struct group *g = find_group(s, s->now);
    uint8_t *to = known && g != NULL && g->of_pixel[r->pixel] < SPOOL_RECORDS_MAX ? room_for(s, r->pixel, sizeof h + head_payload(&h)) : NULL;
    g = to != NULL ? find_group(s, s->now) : NULL;   /* groups may have closed up */
    if (g == NULL) {
        s->refused++;
        return false;
    }
    put_record(to, &h, r);
    if (h.basis == 0)
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
