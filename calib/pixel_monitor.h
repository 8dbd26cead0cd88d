/* calib/pixel_monitor.h - one pixel watched through the windows of a monitor_plan (doc/methods.md, Lines and curves): median baseline, median residual,
 * rate, and the centres of one line and of the elastic line.   runs of records by time --move, add, add_lines, end, finish--> a row of values for each monitor
 * Centres are medians within a reach of the centre, repeated until they stay: a flat background does not pull them. Photons near the
 * elastic line, a small part of all, are kept until the points are known at which that line stands free. */
#ifndef TESD_CALIB_PIXEL_MONITOR_H
#define TESD_CALIB_PIXEL_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/monitor_plan.h"
#include "pulse/time_span.h"

enum monitor_kind { MONITOR_PRETRIGGER_MEAN, MONITOR_RESIDUAL, MONITOR_RATE, MONITOR_LINE, MONITOR_ELASTIC, N_MONITORS };
extern const char *const monitor_names[N_MONITORS];   /* as in monitor_NAME of the file */
extern const char *const monitor_units[N_MONITORS];

struct monitor_settings {
    double line_eV;          /* line whose centre is watched; NaN: none */
    double line_above_eV;    /* only photons of incident energies above this count: below, the line moves with the excitation or is not there */
    double line_reach_eV, elastic_reach_eV;   /* half widths */
};

struct monitor_value {       /* of one window */
    float value;             /* counts, counts, photons/s, eV, eV (emission - incident); NaN: nothing to say */
    float sigma;             /* statistical; NaN with it */
    uint32_t n;              /* records behind it */
};

struct pixel_monitor;        /* opaque */

/* Borrows the plan, and until the end the room: pixel_monitor_room(n_rows) bytes, aligned as malloc does, for n_rows records at most. STATUS_NO_MEMORY. */
size_t pixel_monitor_room(size_t n_rows);
enum status pixel_monitor_new(const struct monitor_plan *plan, const struct monitor_settings *settings, void *room, size_t n_rows, struct pixel_monitor **out);
void pixel_monitor_free(struct pixel_monitor *m);

/* Records come in the order of time, in runs that are in one window. The window that holds the time becomes the current one, and
 * *same all times that it holds; false: there is none, or it is over: records at this time are left out. */
bool pixel_monitor_move(struct pixel_monitor *m, int64_t time_ns, struct time_span *same);
struct monitor_run {                   /* columns of n records, borrowed */
    size_t n;
    const float *pretrigger_mean, *residual;   /* counts; NaN: not known */
    const float *energy_eV, *incident_eV;      /* incident: NaN between points; in calibrations the plan knows it */
    const int32_t *point;                      /* of the scan; -1: none */
    const uint32_t *cuts;
    const uint8_t *flags;
};
bool monitor_watches(uint32_t cuts);   /* such a record is one of the pixel's pulses; others are left out of everything here */
/* Baseline, residual and rate of records in the current window, which pixel_monitor_move has found. */
void pixel_monitor_add(struct pixel_monitor *m, const struct monitor_run *run);
/* Lines of those records again, parts that are of one scan each. first_slot: of its points, for `free_slots`; not looked at in calibrations. */
void pixel_monitor_add_lines(struct pixel_monitor *m, const struct monitor_run *run, uint32_t first_slot);
/* After the last record, once: settles the windows; the room is free again. */
void pixel_monitor_end(struct pixel_monitor *m);
/* After that, once. free_slots[slot] != 0: at this point the elastic line stands free (scan_elastic.h); only there it counts.
 * STATUS_NO_MEMORY: some time on the way. */
enum status pixel_monitor_finish(struct pixel_monitor *m, const uint8_t *free_slots);
/* Row of plan->n values of that kind, borrowed. */
const struct monitor_value *pixel_monitor_values(const struct pixel_monitor *m, enum monitor_kind kind);

#endif
