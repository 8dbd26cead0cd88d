/* daemon/rebuild_parts.h - what the files rebuild*.c share while one file is made of others: inputs, their pixels and scans put together.
 * Private to them. */
#ifndef TESD_DAEMON_REBUILD_PARTS_H
#define TESD_DAEMON_REBUILD_PARTS_H

#include "daemon/rebuild.h"
#include "daemon/rebuild_input.h"
#include "daemon/rebuild_rows.h"
#include "daemon/scan_copy.h"
#include "daemon/sink/archive.h"

struct rebuild_work {
    const struct rebuild *what;
    struct rebuild_input *inputs;
    uint16_t **pixel_of;             /* input, its pixel -> ours */
    size_t n_pixels, n_scans, most_scans;
    struct archive_pixel *pixels;
    const struct rebuild_pixel **described;   /* each of ours, in the input that named it first */
    struct scan_copy **scans;        /* by start */
    struct rebuild_rows rows;
    uint64_t lost;
};

/* rebuild_join.c. False: no memory, or scans of other axes than can be made. */
bool rebuild_join_pixels(struct rebuild_work *w);
bool rebuild_join_scans(struct rebuild_work *w);
/* rebuild_settle.c: sensitivities, live times and what else belongs to the pixels of all scans. */
bool rebuild_settle_pixels(struct rebuild_work *w, struct scan_products *const *products, struct archive *a);

#endif
