/* calib/monitor_plan.h - when a pixel is looked at: the run cut into windows of some minutes.
 *   timeline + first and last record --monitor_plan_new--> windows by time
 * A window never mixes samples, incident energies more than 25 eV apart, or a calibration with a scan: such stretches have keys, and
 * only windows of one key can be compared, since a line of another compound lies elsewhere. Windows are even within a stretch and
 * follow each other without gaps. Immutable once made; any thread may ask. */
#ifndef TESD_CALIB_MONITOR_PLAN_H
#define TESD_CALIB_MONITOR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"

enum { MONITOR_MAX_WINDOWS = 4096 };   /* longer runs get longer windows */

struct monitor_window {
    int64_t start_ns, end_ns;   /* half-open */
    uint32_t key;               /* 0..n_keys-1 in order of appearance */
    int32_t scan;               /* number of the scan or calibration it begins in or after; -1 before the first */
    bool calibration;
    double mono_eV;             /* of a calibration; NaN: unknown, or none */
};

struct monitor_plan {
    uint32_t n, n_keys;
    struct monitor_window *windows;
};

/* first_ns > last_ns: a plan without windows. window_s > 0. */
enum status monitor_plan_new(const struct scan_timeline *t, int64_t first_ns, int64_t last_ns, double window_s, struct monitor_plan **out);
void monitor_plan_free(struct monitor_plan *p);

/* Window that holds the time, looked for from `from` on and then from the start; p->n: none. */
uint32_t monitor_plan_find(const struct monitor_plan *p, int64_t time_ns, uint32_t from);

#endif
