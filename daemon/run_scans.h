/* daemon/run_scans.h - the scans of a run as they were told, kept for its file.   scan_events, labels --> struct scan[]
 * One thread. */
#ifndef TESD_DAEMON_RUN_SCANS_H
#define TESD_DAEMON_RUN_SCANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "daemon/scan_event.h"

struct run_scans {
    size_t n, capacity;
    struct scan *list;
    uint32_t point_capacity;   /* of the last one */
    bool open, scanning;       /* the last scan's last point, the last scan */
    bool label_open;           /* the last state lasts still */
    size_t label_at;           /* its place */
};

/* Events the book accepted. False: no memory. */
bool run_scans_event(struct run_scans *r, const struct scan_event *e);
/* An experiment state begins, and ends the one before. CALn and SCANn are kept. */
bool run_scans_label(struct run_scans *r, const char *label, int64_t time_ns);
/* Ends what is open; the caller owns the list from now on (scan_done each, free), and *r is empty. */
struct scan *run_scans_take(struct run_scans *r, int64_t end_ns, bool with_labels, size_t *n);
void run_scans_done(struct run_scans *r);
/* Before _take or _done: the scan under way, with its points so far, for the run that may follow while it goes on; empty: there is none, or no memory. */
struct run_scans run_scans_under_way(struct run_scans *r);

#endif
