#include "daemon/book_rows.h"

#include <assert.h>
#include <stdlib.h>

bool book_rows_new(size_t capacity, struct book_rows **out) {
    struct book_rows *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->capacity = 2 * BOOK_CHUNK;
    while (b->capacity < capacity)
        b->capacity *= 2;
    b->mask = (uint32_t)(b->capacity - 1);
    b->states = calloc(b->capacity, sizeof *b->states);
    b->chunks = calloc(b->capacity / BOOK_CHUNK, sizeof *b->chunks);
    if (b->states == NULL || b->chunks == NULL || photon_block_new(b->capacity, &b->columns) != STATUS_OK) {
        book_rows_free(b);
        return false;
    }
    *out = b;
    return true;
}

void book_rows_free(struct book_rows *b) {
    if (b == NULL)
        return;
    photon_block_free(b->columns);
    free(b->states);
    free(b->chunks);
    free(b);
}

size_t book_rows_room(const struct book_rows *b) {
    return b->end - b->begin == b->capacity ? 0 : BOOK_CHUNK - b->end % BOOK_CHUNK;
}

uint32_t book_rows_put(struct book_rows *b, const struct row_block *from, size_t first, size_t n) {
    assert(n >= 1 && n <= book_rows_room(b));
    const uint32_t row = b->end;
    const size_t at = row & b->mask;
    struct book_chunk *c = book_rows_chunk(b, row);
    photon_block_put(b->columns, at, from->photons, first, n);
    if (row % BOOK_CHUNK == 0)
        *c = (struct book_chunk){ .first_ns = INT64_MAX, .last_ns = INT64_MIN };
    for (size_t k = 0; k < n; k++) {
        const int64_t time_ns = b->columns->time_ns[at + k];
        c->first_ns = time_ns < c->first_ns ? time_ns : c->first_ns;
        c->last_ns = time_ns > c->last_ns ? time_ns : c->last_ns;
        b->states[at + k] = (struct book_state){ .spot = { -1, { PLACE_OUTSIDE, -1, -1 } }, .flags = from->flags[first + k] };
    }
    c->n += (uint32_t)n;
    c->waiting += (uint32_t)n;
    b->end += (uint32_t)n;
    return row;
}

void book_rows_settle(struct book_rows *b, uint32_t row) {
    struct book_state *s = &b->states[row & b->mask];
    assert(!s->settled);
    s->settled = true;
    book_rows_chunk(b, row)->waiting--;
}

void book_rows_drop(struct book_rows *b) {
    while (b->end - b->begin >= BOOK_CHUNK && book_rows_chunk(b, b->begin)->waiting == 0)
        b->begin += BOOK_CHUNK;
}

size_t book_rows_waiting(const struct book_rows *b) {
    size_t n = 0;
    for (uint32_t k = b->begin; k != b->end; k += b->end - k < BOOK_CHUNK ? b->end - k : BOOK_CHUNK)
        n += book_rows_chunk(b, k)->waiting;
    return n;
}
