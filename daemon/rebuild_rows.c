#include "daemon/rebuild_rows.h"

#include <stdlib.h>

enum { BUDGET = 128 << 20 };

bool rebuild_rows_new(struct rebuild_rows *r, const char *folder, size_t capacity) {
    *r = (struct rebuild_rows){ .scratch = { .folder = folder, .budget = BUDGET } };
    const size_t bytes = photon_block_bytes(capacity + 1);
    if (bytes == 0 || !scratch_take(&r->scratch, bytes, &r->room) || !scratch_take(&r->scratch, (capacity + 1) * sizeof *r->order, &r->order_room)) {
        rebuild_rows_done(r);
        return false;
    }
    r->all = photon_block_in(r->room.data, capacity + 1);
    r->order = r->order_room.data;
    return true;
}

void rebuild_rows_done(struct rebuild_rows *r) {
    scratch_give(&r->scratch, &r->room);
    scratch_give(&r->scratch, &r->order_room);
    r->all = NULL;
}

/* By time, then frame, then as they came. */
static int compare(const struct photon_block *b, uint64_t x, uint64_t y) {
    if (b->time_ns[x] != b->time_ns[y])
        return b->time_ns[x] < b->time_ns[y] ? -1 : 1;
    if (b->frame[x] != b->frame[y])
        return b->frame[x] < b->frame[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int compare_rows(const void *x, const void *y, void *block) { return compare(block, *(const uint64_t *)x, *(const uint64_t *)y); }

static bool in_order(const struct photon_block *b, const uint64_t *order, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (compare(b, order[i - 1], order[i]) > 0)
            return false;
    return true;
}

/* Leaves the last of equal records; how many remain. */
static size_t once(const struct photon_block *b, uint64_t *order, size_t n, uint64_t *dropped) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const bool same = i + 1 < n && b->time_ns[order[i]] == b->time_ns[order[i + 1]] && b->frame[order[i]] == b->frame[order[i + 1]];
        if (same)
            *dropped = order[i];
        else
            order[kept++] = order[i];
    }
    return kept;
}

/* Pixel by pixel: rows of a pixel come nearly always in order, and are sorted where they do not. */
bool rebuild_rows_sort(struct rebuild_rows *r, size_t n_pixels) {
    const struct photon_block *b = r->all;
    size_t *end = calloc(n_pixels + 1, sizeof *end), from = 0;
    if (end == NULL)
        return false;
    for (size_t i = 0; i < b->n; i++)
        end[b->pixel[i] + (size_t)1]++;
    for (size_t p = 0; p < n_pixels; p++)
        end[p + 1] += end[p];
    for (size_t i = 0; i < b->n; i++)
        r->order[end[b->pixel[i]]++] = i;
    r->n = 0;
    for (size_t p = 0; p < n_pixels; p++) {
        uint64_t *mine = r->order + from;
        const size_t n = end[p] - from;
        if (!in_order(b, mine, n))
            qsort_r(mine, n, sizeof *mine, compare_rows, r->all);
        const size_t kept = once(b, mine, n, &r->first_duplicate);
        for (size_t i = 0; i < kept; i++)
            r->order[r->n++] = mine[i];
        r->duplicates += n - kept;
        from = end[p];
    }
    free(end);
    return true;
}
