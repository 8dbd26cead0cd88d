/* daemon/rebuild_scan.h - one scan of a NeXus file of ours: its points, what each pixel was in it, and how its products were made (axes, windows,
 * grades, pixels used, grade times). One thread (HDF5). */
#ifndef TESD_DAEMON_REBUILD_SCAN_H
#define TESD_DAEMON_REBUILD_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "calib/scan_timeline.h"

enum { REBUILD_REGIONS = 64 };

struct rebuild_scan {
    struct scan scan;
    struct energy_axis emission, loss;
    uint32_t n_regions, map_grades, region_grades[REBUILD_REGIONS];
    struct yield_region regions[REBUILD_REGIONS];
    uint8_t *pixels_used;         /* of this file's pixels */
    int64_t *grade_time_ns;       /* pixels x points x N_LIVETIME_COLUMNS; NULL: the file has none */
    double *window_s, *unresolved_s, *tail_s, *sensitivity, *resolution_eV;   /* of this file's pixels */
    uint32_t array_rules;         /* enum array_rule */
    double *shared_excess;        /* of the points; NULL: 0 */
    double dispersion;            /* of the array's counts within points; NaN unknown */
};

struct rebuild_input;

/* s: zeros before. names: of all groups of the entry. Failures latch in in->file; _done is needed all the same. */
void rebuild_scan_read(struct rebuild_input *in, int32_t number, char *const *names, size_t n_names, struct rebuild_scan *s);
void rebuild_scan_done(struct rebuild_scan *s);

#endif
