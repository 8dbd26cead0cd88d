/* A scan as far as some time: what a run had of it when it ended, while the scan may go on. */
#include "calib/scan_live_time.h"
#include "daemon/live_book_parts.h"

/* Points as they are told by now. One that is open ends where the part does; when it begins behind that, it is none of this part. */
static uint32_t points_of(const struct live_scan *s, int64_t until_ns) {
    const uint32_t n = s->scan.n_points;
    return n > 0 && s->open && s->scan.points[n - 1].start_ns >= until_ns ? n - 1 : n;
}

static void end_points(struct scan_copy *c, const struct live_scan *s, int64_t until_ns) {
    struct scan_point *last = &c->scan.points[c->scan.n_points - 1];
    const bool all = c->scan.n_points == s->scan.n_points;
    if (s->open && all)
        last->end_ns = until_ns;
    c->scan.end_ns = all ? last->end_ns : until_ns;
}

/* What waits is of later times. */
static void take_later(const struct live_book *b, int8_t scan, struct scan_products *p) {
    const struct book_rows *kept = b->kept;
    for (uint32_t row = kept->begin; book_rows_next(kept, &row, INT64_MAX); row++) {
        const struct book_spot *spot = &kept->states[row & kept->mask].spot;
        const bool counted = spot->place.kind == PLACE_POINT || spot->place.kind == PLACE_MOVING;
        if (spot->scan == scan && counted && (uint32_t)spot->place.after < p->n_points)
            scan_products_remove(p, kept->columns, row & kept->mask, spot->place.after);
    }
}

static void fit_times(struct scan_products *p, uint32_t first) {
    for (uint32_t k = first; k < p->n_points; k++)
        for (uint32_t pixel = 0; pixel < p->n_pixels; pixel++)
            scan_copy_fit_times(p->grade_time_ns + ((size_t)pixel * p->n_points + k) * N_LIVETIME_COLUMNS, p->scan->points[k].end_ns - p->scan->points[k].start_ns);
}

bool live_book_part(const struct live_book *b, size_t k, int64_t until_ns, struct scan_copy **out) {
    const struct live_scan *s = k < b->n_scans ? b->scans[k] : NULL;
    const uint32_t n = s != NULL && s->products != NULL ? points_of(s, until_ns) : 0;
    struct scan_copy *c;
    if (n == 0 || !scan_copy_make(s->products, n, &c))
        return false;
    end_points(c, s, until_ns);
    take_later(b, (int8_t)k, c->products);
    fit_times(c->products, s->n_final < n ? s->n_final : n);
    scan_live_time_settle(c->products);
    *out = c;
    return true;
}
