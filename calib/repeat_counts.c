#include "calib/repeat_counts.h"

#include <stdlib.h>
#include <string.h>

#include "calib/scan_live_time.h"

/* ---- rows of a map ---- */

/* to: NULL when only the room is wanted. */
static size_t put(uint8_t *to, size_t at, uint32_t value) {
    for (; value >= 128; value >>= 7, at++)
        if (to != NULL)
            to[at] = (uint8_t)(value | 128);
    if (to != NULL)
        to[at] = (uint8_t)value;
    return at + 1;
}

static size_t take(const uint8_t *from, size_t at, uint32_t *value) {
    uint32_t sum = 0;
    for (unsigned shift = 0;; shift += 7) {
        const uint8_t byte = from[at++];
        sum |= (uint32_t)(byte & 127) << shift;
        if (byte < 128)
            break;
    }
    *value = sum;
    return at;
}

static size_t pack_row(const uint32_t *counts, uint32_t n, uint8_t *to, size_t at) {
    for (uint32_t b = 0, end; b < n; b = end) {
        at = put(to, at, counts[b]);
        for (end = b + 1; counts[b] == 0 && end < n && counts[end] == 0;)
            end++;
        if (counts[b] == 0)
            at = put(to, at, end - b - 1);
    }
    return at;
}

void repeat_counts_row(const struct repeat_counts *c, uint32_t point, uint32_t *counts) {
    size_t at = c->row_at[point];
    for (uint32_t b = 0; b < c->n_bins; b++) {
        uint32_t empty = 0;
        at = take(c->map, at, &counts[b]);
        if (counts[b] == 0)
            at = take(c->map, at, &empty);
        memset(counts + b, 0, counts[b] == 0 ? (empty + (size_t)1) * sizeof *counts : 0);
        b += empty;
    }
}

/* ---- all of it ---- */

static bool pack_map(struct repeat_counts *c, const struct rixs_map *m) {
    size_t at = 0;
    for (uint32_t k = 0; k < c->n_points; k++) {
        c->row_at[k] = at;
        at = pack_row(m->counts + (size_t)k * c->n_bins, c->n_bins, NULL, at);
    }
    c->row_at[c->n_points] = at;
    c->map = malloc(at + 1);
    for (uint32_t k = 0; c->map != NULL && k < c->n_points; k++)
        pack_row(m->counts + (size_t)k * c->n_bins, c->n_bins, c->map, c->row_at[k]);
    return c->map != NULL;
}

static bool copy_yields(struct repeat_counts *c, const struct scan_products *p) {
    bool good = true;
    for (uint32_t w = 0; w < c->n_yields && good; w++) {
        struct repeat_yield *y = &c->yields[w];
        *y = (struct repeat_yield){ .region = p->yields[w]->region, .counts = calloc(c->n_points + (size_t)1, sizeof *y->counts), .crowding = calloc(c->n_points + (size_t)1, sizeof *y->crowding) };
        good = y->counts != NULL && y->crowding != NULL;
        if (good) {
            memcpy(y->counts, p->yields[w]->counts, c->n_points * sizeof *y->counts);
            memcpy(y->crowding, p->yields[w]->crowding, c->n_points * sizeof *y->crowding);
        }
    }
    return good;
}

static bool make_room(struct repeat_counts *c) {
    const size_t n = c->n_points + (size_t)1;
    c->scan.points = calloc(n, sizeof *c->scan.points);
    c->edges_eV = calloc(c->n_bins + (size_t)1, sizeof *c->edges_eV);
    c->weighted_ns = calloc(n, sizeof *c->weighted_ns);
    c->yields = calloc(c->n_yields + (size_t)1, sizeof *c->yields);
    c->row_at = calloc(n, sizeof *c->row_at);
    return c->scan.points != NULL && c->edges_eV != NULL && c->weighted_ns != NULL && c->yields != NULL && c->row_at != NULL;
}

enum status repeat_counts_new(const struct scan_products *p, struct repeat_counts **out) {
    struct repeat_counts *c = calloc(1, sizeof *c);
    if (c == NULL)
        return STATUS_NO_MEMORY;
    *c = (struct repeat_counts){ .scan = *p->scan, .n_points = p->n_points, .n_bins = p->emission->n_bins, .n_pixels = p->n_pixels, .n_yields = p->n_yields,
                                 .emission = p->emission->axis, .loss = p->loss->axis };
    c->scan.n_points = p->n_points;
    c->scan.n_extras = 0;
    c->scan.extras = NULL;
    c->scan.points = NULL;
    if (!make_room(c) || !copy_yields(c, p) || !pack_map(c, p->emission)) {
        repeat_counts_free(c);
        return STATUS_NO_MEMORY;
    }
    memcpy(c->scan.points, p->scan->points, c->n_points * sizeof *c->scan.points);
    memcpy(c->edges_eV, p->emission->edges_eV, (c->n_bins + (size_t)1) * sizeof *c->edges_eV);
    for (uint32_t k = 0; k < c->n_points; k++)
        c->weighted_ns[k] = scan_live_time_weighted_ns(p, k);
    *out = c;
    return STATUS_OK;
}

void repeat_counts_free(struct repeat_counts *c) {
    if (c == NULL)
        return;
    for (uint32_t w = 0; c->yields != NULL && w < c->n_yields; w++) {
        free(c->yields[w].counts);
        free(c->yields[w].crowding);
    }
    scan_done(&c->scan);
    free(c->edges_eV);
    free(c->weighted_ns);
    free(c->yields);
    free(c->map);
    free(c->row_at);
    free(c);
}

size_t repeat_counts_bytes(const struct repeat_counts *c) {
    const size_t of_points = sizeof *c->scan.points + sizeof *c->weighted_ns + sizeof *c->row_at + c->n_yields * (sizeof(uint32_t) + sizeof(double));
    return sizeof *c + (c->n_points + (size_t)1) * of_points + (c->n_bins + (size_t)1) * sizeof *c->edges_eV + c->n_yields * sizeof *c->yields + c->row_at[c->n_points];
}
