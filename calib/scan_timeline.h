/* calib/scan_timeline.h - which calibration, scan and point a time belongs to, and at what incident energy.
 * Points are half-open [start_ns, end_ns) in integer ns since 1970 UTC; seconds in logs become ns by rounding s x 1e9.
 * A scan lasts from its first point's start to its last point's end. Immutable once finished; any thread may ask. */
#ifndef TESD_CALIB_SCAN_TIMELINE_H
#define TESD_CALIB_SCAN_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/status.h"

struct scan_point {
    int64_t start_ns, end_ns;  /* start < end */
    double incident_eV;        /* set point; NaN when the motor is not an energy (var_unit other than eV) */
    double i0, i0_sigma;       /* NaN when unknown */
};

struct scan {
    bool calibration;
    int32_t number;            /* the beamline's number where unique in the file, else order of start times from 0 */
    int32_t log_number;        /* number in the log or label; -1: none */
    int64_t start_ns, end_ns;  /* calibrations: the state's interval (all its records) */
    double mono_eV;            /* calibrations: excitation energy; NaN unknown */
    char sample[64];
    char label[32];            /* "SCAN3", "CAL0"; "" when no state names it */
    char log_name[128];        /* file name of the log it came from; "" for a state without a log */
    char var_name[32], var_unit[16];
    uint32_t n_points;         /* 0 for a state without a log */
    struct scan_point *points; /* ordered by start */
    /* Scalars per point carried along from the log ("point_extras"): column k is extras[k].values[0..n_points), NaN = absent. */
    uint32_t n_extras;
    struct scan_extra { char name[48]; double *values; } *extras;
};

/* One log or state as decoders deliver it; scan_timeline_add copies nothing and takes ownership of points and extras. */
void scan_done(struct scan *s);  /* frees points and extras */

struct scan_timeline;  /* opaque */

enum status scan_timeline_new(struct scan_timeline **out);
void scan_timeline_free(struct scan_timeline *t);

/* Takes over *s (leaves it empty). Points out of order are sorted; a point with start >= end, or one that overlaps its
 * predecessor, is refused: *why says which and how many were dropped, the rest is kept. */
enum status scan_timeline_add(struct scan_timeline *t, struct scan *s, struct complaint *why);

/* Sorts by start, joins logs with state labels of the same kind and number (CALn, SCANn): a calibration's interval is the
 * state's when both exist, a scan's points come from its log. Numbers the scans. After this the timeline is immutable. */
enum status scan_timeline_finish(struct scan_timeline *t, struct complaint *why);

size_t scan_timeline_count(const struct scan_timeline *t);                    /* scans and calibrations, by start time */
const struct scan *scan_timeline_at(const struct scan_timeline *t, size_t i);

struct scan_place {
    int32_t index;   /* position in the timeline of the scan that holds the time; -1: none. Calibrations are not scans here */
    int32_t point;   /* point, or -1: between points (moving) */
    int32_t after;   /* when moving: the point it counts under (the one before); else = point */
    int64_t from_ns, until_ns;   /* the place is the same for all times in [from, until) around the one asked for */
};
struct scan_place scan_timeline_place(const struct scan_timeline *t, int64_t time_ns);
/* For times that come more or less in order: *place, of the time before, becomes that of this time. Zeros before the first (holds no time). */
void scan_timeline_move_on(const struct scan_timeline *t, int64_t time_ns, struct scan_place *place);   /* when the place does not hold the time */
static inline void scan_timeline_move(const struct scan_timeline *t, int64_t time_ns, struct scan_place *place) {
    if (time_ns < place->from_ns || time_ns >= place->until_ns)
        scan_timeline_move_on(t, time_ns, place);
}

/* The calibration to use at a time: the latest that started before it, else the first one; -1 when there is none. */
int32_t scan_timeline_calibration_for(const struct scan_timeline *t, int64_t time_ns);

#endif
