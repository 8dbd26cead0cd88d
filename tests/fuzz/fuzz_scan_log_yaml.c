/* YAML scan logs -> scans -> a timeline that holds its promises. */
#include <stdlib.h>

#include "daemon/source/scan_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_timeline(struct scan_log *log) {
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct scan_log log;
    struct complaint why = { .offset = 0 };
    if (scan_log_parse_yaml("20200219_017_log", bytes, n, &log, &why) != STATUS_OK)
        return 0;
    check_timeline(&log);
    scan_log_done(&log);
    return 0;
}
