/* daemon/book_rows.h - rows of a live book that wait to be settled, in order of arrival, and where each is counted.
 *   row_block --put--> columns of a photon_block used as a ring;   settled rows leave by whole chunks, nothing is moved
 * Rows come nearly in order of time, so each chunk knows the times in it, and whoever looks for rows before some time passes over chunks
 * whole. A row has a number that only grows (modulo 2^32) and stands at number & mask. Owns its memory, made once. One owner thread. */
#ifndef TESD_DAEMON_BOOK_ROWS_H
#define TESD_DAEMON_BOOK_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "daemon/row_block.h"
#include "daemon/stage/live_scan.h"

enum { BOOK_CHUNK = 256 };

struct book_spot { int8_t scan; struct live_place place; };   /* of the book's scans, -1: in none; OUTSIDE and WAITS: counted nowhere */

struct book_state {
    struct book_spot spot;
    uint8_t flags;                 /* enum row_flag */
    bool settled;
};

struct book_chunk {
    uint32_t n, waiting;           /* rows in it; of them not settled */
    int64_t first_ns, last_ns;     /* of all its rows */
    bool together;                 /* all that wait are counted in `spot` */
    struct book_spot spot;
};

struct book_rows {
    size_t capacity;               /* a power of two, whole chunks */
    uint32_t mask, begin, end;     /* numbers: first row of the oldest chunk; the next row */
    struct photon_block *columns;  /* its n is not used */
    struct book_state *states;
    struct book_chunk *chunks;
};

bool book_rows_new(size_t capacity, struct book_rows **out);   /* rounded up; false: no memory */
void book_rows_free(struct book_rows *b);

/* So many rows fit behind one another now; 0: all chunks have rows that wait. */
size_t book_rows_room(const struct book_rows *b);
/* Rows first..first+n-1, n >= 1 and not more than there is room for; they wait, counted nowhere. The number of the first. */
uint32_t book_rows_put(struct book_rows *b, const struct row_block *from, size_t first, size_t n);
void book_rows_settle(struct book_rows *b, uint32_t row);      /* it waits no longer */
void book_rows_drop(struct book_rows *b);                      /* makes room where whole chunks are settled */
size_t book_rows_waiting(const struct book_rows *b);

static inline struct book_chunk *book_rows_chunk(const struct book_rows *b, uint32_t row) { return &b->chunks[(row & b->mask) / BOOK_CHUNK]; }

/* The first row at or behind *row that waits and is before until_ns; false: there is none. */
static inline bool book_rows_next(const struct book_rows *b, uint32_t *row, int64_t until_ns) {
    for (uint32_t k = *row; k != b->end; k++) {
        const struct book_chunk *c = book_rows_chunk(b, k);
        if (k % BOOK_CHUNK == 0)   /* chunks that hold none */
            while (c->waiting == 0 || c->first_ns >= until_ns) {
                if (b->end - k <= BOOK_CHUNK)
                    return false;
                k += BOOK_CHUNK;
                c = book_rows_chunk(b, k);
            }
        if (!b->states[k & b->mask].settled && b->columns->time_ns[k & b->mask] < until_ns) {
            *row = k;
            return true;
        }
    }
    return false;
}

#endif
