/* tests/daemon/counted_scan.h - the scan of a made beamtime as events, and whether two books counted it alike. Behind cmocka.h. */
#ifndef TESD_TESTS_DAEMON_COUNTED_SCAN_H
#define TESD_TESTS_DAEMON_COUNTED_SCAN_H

#include <math.h>

#include "daemon/live_book.h"

/* Event k of the scan: start, then start and end of each point, then end. */
static inline struct scan_event event_of(const struct scan *s, uint32_t k) {
    struct scan_event e = { .kind = SCAN_EVENT_SCAN_START, .time_ns = s->points[0].start_ns - 1000000, .number = s->number, .incident_eV = NAN, .i0 = NAN, .i0_sigma = NAN };
    if (k > 2 * s->n_points) {
        e.kind = SCAN_EVENT_SCAN_END;
        e.time_ns = s->points[s->n_points - 1].end_ns;
    } else if (k > 0) {
        const struct scan_point *p = &s->points[(k - 1) / 2];
        e.kind = k % 2 == 1 ? SCAN_EVENT_POINT_START : SCAN_EVENT_POINT_END;
        e.time_ns = k % 2 == 1 ? p->start_ns : p->end_ns;
        e.incident_eV = p->incident_eV;
        e.i0 = p->i0;
        e.i0_sigma = p->i0_sigma;
    }
    return e;
}

static inline void check_same_scan(struct live_book *got, struct live_book *want) {
    const struct live_scan *g = live_book_scan(got), *x = live_book_scan(want);
    assert_int_equal(g->scan.n_points, x->scan.n_points);
    size_t cells = (size_t)g->scan.n_points * g->products->emission->n_bins;
    assert_memory_equal(g->products->emission->counts, x->products->emission->counts, cells * sizeof(uint32_t));
    assert_memory_equal(g->products->photons, x->products->photons, g->scan.n_points * sizeof(uint32_t));
    assert_memory_equal(g->products->grade_time_ns, x->products->grade_time_ns, (size_t)g->n_pixels * g->scan.n_points * N_LIVETIME_COLUMNS * sizeof(int64_t));
    for (uint32_t k = 0; k < g->products->n_yields; k++)
        assert_memory_equal(g->products->yields[k]->counts, x->products->yields[k]->counts, g->scan.n_points * sizeof(uint32_t));
}

#endif
