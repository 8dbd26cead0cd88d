/* A run ends while a scan may go on: the scan's own file gets what the run's file has of it, and what comes later is the next run's, or nobody's. */
#include "daemon/clock.h"
#include "daemon/live_session_parts.h"

enum { MOST_SCANS = 8 };

void live_session_run_ends(struct live_session_work *s) {
    const int64_t over_ns = live_runs_end(s->runs, &s->status, s->newest_ns, clock_ms());
    if (over_ns == INT64_MAX)
        return;
    s->over_ns = over_ns;
    if (s->book != NULL)
        live_book_hold(s->book, over_ns);
}

/* As a scan that ended there. */
static struct live_scan scan_of(const struct scan_copy *part) {
    return (struct live_scan){ .scan = part->scan, .products = part->products, .ended = true, .n_final = part->scan.n_points };
}

static void keep_parts(struct live_session_work *s, int64_t over_ns) {
    const struct live_scan *scans[MOST_SCANS], *told[MOST_SCANS];
    struct scan_copy *parts[MOST_SCANS];
    struct live_scan ended[MOST_SCANS];
    const size_t n = live_book_scans(s->book, scans, MOST_SCANS);
    size_t n_parts = 0;
    for (size_t k = 0; k < n; k++) {
        if (!live_book_part(s->book, k, over_ns, &parts[n_parts]))
            continue;
        ended[n_parts] = scan_of(parts[n_parts]);
        told[n_parts] = &ended[n_parts];
        n_parts++;
    }
    live_disk_scans(s->links.disk, told, n_parts, true, true);
    for (size_t k = 0; k < n_parts; k++)
        scan_copy_free(parts[k]);
}

void live_session_run_over(struct live_session_work *s) {
    const int64_t over_ns = s->over_ns;
    s->over_ns = INT64_MAX;
    if (s->book == NULL || over_ns == INT64_MAX)
        return;
    live_book_settle_held(s->book);
    keep_parts(s, over_ns);
}
