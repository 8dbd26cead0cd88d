/* tests/calib/watched.h - a timeline to watch pixels through: a calibration of 900 s, two scans of 600 s on one sample, a calibration. */
#ifndef TESD_TESTS_CALIB_WATCHED_H
#define TESD_TESTS_CALIB_WATCHED_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/monitor_plan.h"

enum { WATCHED_POINTS = 60 };
static const int64_t watched_second = 1000000000, watched_start = INT64_C(1700000000) * 1000000000;

static inline void watched_add(struct scan_timeline *t, bool calibration, int number, double from_s, double length_s, const char *sample, double incident_eV) {
    struct scan s = {.calibration = calibration, .log_number = number, .start_ns = watched_start + (int64_t)(from_s * 1e9),
                     .end_ns = watched_start + (int64_t)((from_s + length_s) * 1e9), .mono_eV = calibration ? incident_eV : (double)NAN};
    strcpy(s.sample, sample);
    strcpy(s.log_name, "made");
    if (!calibration) {
        strcpy(s.var_unit, "eV");
        s.n_points = WATCHED_POINTS;
        s.points = calloc(WATCHED_POINTS, sizeof *s.points);
        for (int i = 0; i < WATCHED_POINTS; i++) {
            int64_t step = (int64_t)(length_s * 1e9) / WATCHED_POINTS;
            s.points[i] = (struct scan_point){.start_ns = s.start_ns + i * step, .end_ns = s.start_ns + (i + 1) * step, .incident_eV = incident_eV + 0.1 * i, .i0 = 1};
        }
    }
    struct complaint why;
    scan_timeline_add(t, &s, &why);
}

static inline struct scan_timeline *watched_timeline(void) {
    struct scan_timeline *t = NULL;
    struct complaint why;
    scan_timeline_new(&t);
    watched_add(t, true, 0, 100, 900, "mix", 1000);
    watched_add(t, false, 1, 1100, 600, "oxide", 780);
    watched_add(t, false, 2, 1710, 600, "oxide", 781);
    watched_add(t, true, 3, 2400, 900, "mix", 1000);
    scan_timeline_finish(t, &why);
    return t;
}

#endif
