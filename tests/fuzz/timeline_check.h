/* tests/fuzz/timeline_check.h - whatever scans a log gave, the timeline made of them keeps its promises. */
#ifndef TESD_TESTS_FUZZ_TIMELINE_CHECK_H
#define TESD_TESTS_FUZZ_TIMELINE_CHECK_H

#include <stdlib.h>

#include "daemon/source/scan_log.h"

static inline void timeline_check(struct scan_log *log) {
    struct scan_timeline *t;
    struct complaint why;
    if (scan_timeline_new(&t) != STATUS_OK)
        return;
    for (size_t i = 0; i < log->n; i++)
        (void)scan_timeline_add(t, &log->scans[i], &why);
    if (scan_timeline_finish(t, &why) == STATUS_OK)
        for (size_t i = 0; i < scan_timeline_count(t); i++) {
            const struct scan *s = scan_timeline_at(t, i);
            for (uint32_t k = 0; k < s->n_points && !s->calibration; k++)
                if (scan_timeline_place(t, s->points[k].start_ns).point != (int32_t)k || s->start_ns >= s->end_ns)
                    abort();
        }
    scan_timeline_free(t);
}

#endif
