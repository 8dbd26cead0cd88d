/* Rows find their scan and point, and are counted there or taken back. Places are intervals of time, and chunks of rows know theirs: as a
 * rule one look serves a whole chunk. */
#include <math.h>
#include <string.h>

#include "daemon/live_book_parts.h"

static const struct book_spot nowhere = { -1, { PLACE_OUTSIDE, -1, -1 } };

static bool counts_in(struct live_place p) { return p.kind == PLACE_POINT || p.kind == PLACE_MOVING; }

static bool same(struct book_spot a, struct book_spot b) {
    return a.scan == b.scan && a.place.kind == b.place.kind && a.place.point == b.place.point && a.place.after == b.place.after;
}

/* The newest scan that knows the time. */
static struct book_spot spot_of(const struct live_book *b, int64_t time_ns) {
    for (unsigned k = b->n_scans; k-- > 0;) {
        struct live_place p = live_scan_place(b->scans[k], time_ns);
        if (p.kind != PLACE_OUTSIDE)
            return (struct book_spot){ (int8_t)k, p };
    }
    return nowhere;
}

/* Whether all times from first to last have one spot: a scan's places are intervals, so only one that begins in between can differ. */
static bool one_spot(const struct live_book *b, int64_t first_ns, int64_t last_ns, struct book_spot *spot) {
    *spot = spot_of(b, first_ns);
    for (int k = spot->scan + 1; k < (int)b->n_scans; k++)
        if (b->scans[k]->scan.start_ns > first_ns && b->scans[k]->scan.start_ns <= last_ns)
            return false;
    return same(*spot, spot_of(b, last_ns));
}

static void take_back(struct live_book *b, size_t at) {
    struct book_spot *s = &b->kept->states[at].spot;
    if (s->scan >= 0 && counts_in(s->place)) {
        live_scan_remove(b->scans[s->scan], b->kept->columns, at, s->place);
        b->changed = true;
    }
}

static void put(struct live_book *b, size_t at, struct book_spot spot) {
    struct photon_block *rows = b->kept->columns;
    b->kept->states[at].spot = spot;
    if (spot.scan >= 0 && counts_in(spot.place)) {
        live_scan_add(b->scans[spot.scan], rows, at, spot.place);
        b->changed = true;
        return;
    }
    rows->scan[at] = rows->point[at] = -1;
    rows->incident_eV[at] = NAN;
}

void book_places_put(struct live_book *b, uint32_t row, size_t n) {
    struct book_rows *kept = b->kept;
    struct book_chunk *c = book_rows_chunk(kept, row);
    const size_t first = row & kept->mask;
    struct book_spot spot;
    const bool one = one_spot(b, c->first_ns, c->last_ns, &spot);
    c->together = one && (row % BOOK_CHUNK == 0 || (c->together && same(c->spot, spot)));
    c->spot = spot;
    for (size_t at = first; at < first + n; at++)
        if (!kept->states[at].settled)
            put(b, at, one ? spot : spot_of(b, kept->columns->time_ns[at]));
}

void book_places_put_late(struct live_book *b, uint32_t row) {
    const size_t at = row & b->kept->mask;
    struct book_spot spot = spot_of(b, b->kept->columns->time_ns[at]);
    put(b, at, spot.place.kind == PLACE_WAITS ? nowhere : spot);
}

void book_places_change(struct live_book *b, uint32_t row, uint8_t grade, struct live_place place) {
    const size_t at = row & b->kept->mask;
    take_back(b, at);
    b->kept->columns->grade[at] = grade;
    put(b, at, (struct book_spot){ b->kept->states[at].spot.scan, place });
}

void book_places_keep(struct live_book *b, uint32_t row) {
    const size_t at = row & b->kept->mask;
    const struct book_spot *s = &b->kept->states[at].spot;
    if (s->scan >= 0 && s->place.kind == PLACE_POINT)
        live_scan_keep(b->scans[s->scan], b->kept->columns, at);
}

void book_places_show(struct live_book *b) {
    const struct book_rows *kept = b->kept;
    for (uint32_t k = kept->begin; k != kept->end; k++) {
        const struct book_state *s = &kept->states[k & kept->mask];
        if (!s->settled && s->spot.scan == (int8_t)(b->n_scans - 1) && s->spot.place.kind == PLACE_POINT)
            scan_view_add(b->scans[s->spot.scan]->view, kept->columns, k & kept->mask);
    }
}

static void chunk_again(struct live_book *b, struct book_chunk *c, size_t first) {
    struct book_spot spot;
    const bool one = one_spot(b, c->first_ns, c->last_ns, &spot);
    if (one && c->together && same(c->spot, spot))
        return;
    for (size_t at = first; at < first + c->n; at++) {
        if (b->kept->states[at].settled)
            continue;
        const struct book_spot now = one ? spot : spot_of(b, b->kept->columns->time_ns[at]);
        if (same(b->kept->states[at].spot, now))
            continue;
        take_back(b, at);
        put(b, at, now);
    }
    c->together = one;
    c->spot = spot;
}

void book_places_again(struct live_book *b) {
    const struct book_rows *kept = b->kept;
    for (uint32_t k = kept->begin; k != kept->end;) {
        struct book_chunk *c = book_rows_chunk(kept, k);
        if (c->waiting > 0)
            chunk_again(b, c, k & kept->mask);
        k += c->n;
    }
}

static void forget_in(struct book_spot *s) {
    s->scan = s->scan > 0 ? (int8_t)(s->scan - 1) : -1;
    if (s->scan < 0)
        *s = nowhere;
}

void book_places_forget(struct live_book *b) {
    const struct book_rows *kept = b->kept;
    for (uint32_t k = kept->begin; k != kept->end; k++) {
        forget_in(&kept->states[k & kept->mask].spot);
        if (k % BOOK_CHUNK == 0)
            forget_in(&book_rows_chunk(kept, k)->spot);
    }
    live_scan_free(b->scans[0]);
    memmove(b->scans, b->scans + 1, (--b->n_scans) * sizeof(struct live_scan *));
}
