#include "daemon/record_block.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, SAMPLE_STEP = ALIGNMENT / 2 };
_Static_assert(sizeof(struct off_record) % sizeof(uint16_t) == 0, "the arena is counted in samples");

static size_t rounded(size_t n, size_t step) { return (n + step - 1) / step * step; }

bool record_block_new(size_t capacity, size_t sample_capacity, struct record_block **out) {
    struct record_block *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->capacity = capacity;
    b->sample_capacity = rounded(sample_capacity, SAMPLE_STEP);
    b->rows = calloc(capacity, sizeof *b->rows);
    b->left_out = calloc(capacity, sizeof *b->left_out);
    if (sample_capacity > 0)
        b->samples = aligned_alloc(ALIGNMENT, b->sample_capacity * sizeof *b->samples);
    if (b->rows == NULL || b->left_out == NULL || (sample_capacity > 0 && b->samples == NULL)) {
        record_block_free(b);
        return false;
    }
    *out = b;
    return true;
}

void record_block_free(struct record_block *b) {
    if (b == NULL)
        return;
    free(b->rows);
    free(b->left_out);
    free(b->samples);
    free(b);
}

/* n: room in the arena, in samples. NULL: there is none, for it or for the row. */
static uint16_t *place_for(struct record_block *b, size_t n) {
    uint16_t *place = b->samples + b->n_samples;
    if (b->n == b->capacity || n > b->sample_capacity - b->n_samples)
        return NULL;
    size_t next = rounded(b->n_samples + n, SAMPLE_STEP);
    b->n_samples = next < b->sample_capacity ? next : b->sample_capacity;
    return place;
}

bool record_block_add(struct record_block *b, const struct block_record *row, const void *samples) {
    uint16_t *place = place_for(b, row->n_samples);
    if (place == NULL)
        return false;
    if (row->n_samples > 0)
        memcpy(place, samples, row->n_samples * sizeof *place);
    b->rows[b->n] = *row;
    b->rows[b->n++].samples = place;
    return true;
}

bool record_block_add_off(struct record_block *b, const struct block_record *row, const struct off_record *off) {
    void *place = place_for(b, sizeof *off / sizeof *b->samples);
    if (place == NULL)
        return false;
    struct block_record *to = &b->rows[b->n++];
    *to = *row;
    to->flags |= BLOCK_COEFFICIENTS;
    to->off = memcpy(place, off, sizeof *off);
    return true;
}

bool record_block_lend(struct record_block *b, const struct block_record *row, const void *samples) {
    if (b->n == b->capacity)
        return false;
    b->rows[b->n] = *row;
    b->rows[b->n++].samples = samples;
    return true;
}

bool record_block_copy(struct record_block *to, const struct record_block *from, size_t i) {
    if (to->n == 0)
        to->arrived_ns = from->arrived_ns;
    const struct block_record *r = &from->rows[i];
    return (r->flags & BLOCK_COEFFICIENTS) != 0 ? record_block_add_off(to, r, r->off) : record_block_add(to, r, r->samples);
}

bool record_block_leave_out(struct record_block *b, struct left_out what) {
    if (b->n_left_out == b->capacity)
        return false;
    b->left_out[b->n_left_out++] = what;
    return true;
}

static uint32_t bucket(const struct block_record *r, uint32_t n_pixels) { return r->pixel < n_pixels ? r->pixel : n_pixels; }

void record_block_sort(struct record_block *b, uint32_t n_pixels, struct block_record **scratch, uint32_t *places) {
    struct block_record *from = b->rows, *to = *scratch;
    memset(places, 0, ((size_t)n_pixels + 2) * sizeof *places);
    for (size_t i = 0; i < b->n; i++)
        places[bucket(&from[i], n_pixels) + 1]++;
    for (uint32_t p = 0; p < n_pixels; p++)
        places[p + 1] += places[p];
    for (size_t i = 0; i < b->n; i++)
        to[places[bucket(&from[i], n_pixels)]++] = from[i];
    b->rows = to;
    *scratch = from;
}

/* Those of the next record; there is none, or it has none: these again. */
static const sample_u16 *samples_behind(const struct record_block *b, size_t i) {
    return b->rows[i + 1 < b->n && (b->rows[i + 1].flags & BLOCK_COEFFICIENTS) == 0 ? i + 1 : i].samples;
}

void record_block_get(const struct record_block *b, size_t i, struct channel_record *out) {
    const struct block_record *r = &b->rows[i];
    out->time_ns = r->time_ns;
    out->frame = r->frame;
    out->gap_before = (r->flags & BLOCK_GAP_BEFORE) != 0;
    out->coefficients = (r->flags & BLOCK_COEFFICIENTS) != 0;
    if (out->coefficients)
        out->off = *r->off;
    else
        out->samples = (struct pulse_record){ .samples = r->samples, .n_samples = r->n_samples, .n_presamples = r->n_presamples, .pixel = r->pixel,
                                              .sample_period_s = r->sample_period_s, .next = samples_behind(b, i), .trigger_time_ns = r->time_ns, .trigger_frame = r->frame };
}

struct channel_record record_block_at(const struct record_block *b, size_t i) {
    struct channel_record out;   /* no zeros where nobody looks: coefficients would be most of it */
    record_block_get(b, i, &out);
    return out;
}
