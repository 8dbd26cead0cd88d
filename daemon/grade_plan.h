/* daemon/grade_plan.h - for what times live time is counted: the points of all scans, the calibrations, and when records were taken at all.
 * The same for every channel; made once, then only read. */
#ifndef TESD_DAEMON_GRADE_PLAN_H
#define TESD_DAEMON_GRADE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/array_activity.h"
#include "calib/scan_products.h"
#include "calib/scan_timeline.h"
#include "daemon/source/run_input.h"

struct time_cells { uint32_t n; int64_t *start_ns, *end_ns; };  /* by time, disjoint */
uint32_t time_cell_of(const struct time_cells *c, int64_t time_ns);   /* UINT32_MAX: in none */
uint32_t time_cell_around(const struct time_cells *c, int64_t time_ns, struct time_span *same);   /* and the times that have the same answer */

struct grade_plan {
    struct time_cells points;        /* of all products, one after the other */
    struct time_cells calibrations;  /* states; one that overlaps its predecessor begins where that ends */
    struct time_cells all;           /* both, by time; none when a calibration and a point overlap, and they must be walked apart */
    uint32_t *place;                 /* of each of those: its number among the points, or points.n + that among the calibrations */
    struct time_span *up;            /* one per run (files of one name before "_chan"), joined where they overlap */
    size_t n_up;
};

bool grade_plan_make(const struct scan_timeline *timeline, struct scan_products *const *products, size_t n_products, const struct run_input *pulses, struct grade_plan *out);
void grade_plan_done(struct grade_plan *p);

#endif
