#include "daemon/row_block.h"

#include <stdlib.h>
#include <string.h>

enum { SECONDS_PER_ROW = 2 };   /* on average; a block that is full of them is handed on early */

bool row_block_new(size_t capacity, struct row_block **out) {
    struct row_block *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->capacity = capacity;
    b->second_capacity = SECONDS_PER_ROW * capacity + 16;
    b->pulses = calloc(capacity, sizeof *b->pulses);
    b->flags = calloc(capacity, 1);
    b->seconds = calloc(b->second_capacity, sizeof *b->seconds);
    if (b->pulses == NULL || b->flags == NULL || b->seconds == NULL || photon_block_new(capacity, &b->photons) != STATUS_OK) {
        row_block_free(b);
        return false;
    }
    *out = b;
    return true;
}

void row_block_free(struct row_block *b) {
    if (b == NULL)
        return;
    photon_block_free(b->photons);
    free(b->pulses);
    free(b->flags);
    free(b->seconds);
    free(b);
}

void row_block_clear(struct row_block *b) {
    b->n = b->photons->n = b->n_seconds = 0;
}

bool row_block_copy(struct row_block *to, const struct row_block *from, size_t i) {
    size_t first = 0, n = 0;
    while (first < from->n_seconds && from->seconds[first].row < i)
        first++;
    while (first + n < from->n_seconds && from->seconds[first + n].row == i)
        n++;
    if (to->n == to->capacity || n > to->second_capacity - to->n_seconds)
        return false;
    photon_block_copy_row(to->photons, from->photons, i);
    to->pulses[to->n] = from->pulses[i];
    to->flags[to->n] = from->flags[i];
    for (size_t k = 0; k < n; k++)
        to->seconds[to->n_seconds++] = (struct inner_event){ to->n, from->seconds[first + k].time_ns };
    to->n++;
    return true;
}

size_t row_block_append(struct row_block *to, const struct row_block *from, size_t first, size_t *second) {
    size_t n = from->n - first < to->capacity - to->n ? from->n - first : to->capacity - to->n;
    size_t k = *second;
    for (; k < from->n_seconds && from->seconds[k].row < first + n; k++) {
        if (to->n_seconds == to->second_capacity) {   /* a row's events stay together: it goes with the next block */
            n = from->seconds[k].row - first;
            while (k > *second && from->seconds[k - 1].row == first + n) {
                k--;
                to->n_seconds--;
            }
            break;
        }
        to->seconds[to->n_seconds++] = (struct inner_event){ to->n + (from->seconds[k].row - first), from->seconds[k].time_ns };
    }
    *second = k;
    photon_block_put(to->photons, to->n, from->photons, first, n);
    memcpy(to->pulses + to->n, from->pulses + first, n * sizeof *to->pulses);
    memcpy(to->flags + to->n, from->flags + first, n);
    to->n += n;
    to->photons->n = to->n;
    return n;
}
