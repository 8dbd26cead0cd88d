/* daemon/sink/scan_group.h - the point table of a scan as named arrays: what scan_NNNN of a file holds for each point, whether it is written
 * at once or grows.   scan_products --scan_group_make--> arrays, all with a row for each point
 * Owns what it copies. Grade times are not among them: they are many, and files differ in how they take them. */
#ifndef TESD_DAEMON_SINK_SCAN_GROUP_H
#define TESD_DAEMON_SINK_SCAN_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/data_array.h"

enum { SCAN_GROUP_ARRAYS = 9 };

struct scan_group {
    unsigned n;
    struct data_array arrays[SCAN_GROUP_ARRAYS];
    void *owned[SCAN_GROUP_ARRAYS];
};

/* The first n_points points. False: no memory. */
bool scan_group_make(const struct scan_products *p, uint32_t n_points, struct scan_group *out);
void scan_group_done(struct scan_group *g);

#endif
