/* daemon/sink/data_group.h - one product as a signal with its axes, errors and what belongs to it: what the file stores as an
 * NXdata group and the stream sends as a message, so that both hold the same numbers under the same names.
 *   scan_products --> data_group --> archive (NXdata), publish (JSON header + blobs)
 * Borrows from the products where it can, owns what it computes. The incident axis is the point's index (units "") when any point
 * used has no incident energy: plots need finite axes. */
#ifndef TESD_DAEMON_SINK_DATA_GROUP_H
#define TESD_DAEMON_SINK_DATA_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/data_array.h"
#include "pulse/status.h"

enum { DATA_GROUP_ARRAYS = 12 };
struct owned_block;  /* opaque */

struct data_group {
    char title[192];
    const char *signal;
    const char *axes[2];          /* slowest first; names of arrays */
    unsigned n_axes;
    unsigned n_arrays;
    struct data_array arrays[DATA_GROUP_ARRAYS];
    bool is_yield;                /* then the next two mean something */
    double roi_eV[2];             /* [lo, hi) */
    const char *normalised_by;    /* "i0 x live_time" or "live_time" */
    uint32_t n_scans;             /* of a sum; 0: a single scan */
    const int32_t *scan_numbers;  /* borrowed */
    struct owned_block *owned;    /* what was computed; freed with the group */
};

/* The first n_points rows of the map (p->emission or p->loss). `which` ends the title: "scan 3". STATUS_NO_MEMORY only. */
enum status data_group_map(const struct scan_products *p, const struct rixs_map *m, uint32_t n_points, const char *which, struct data_group *out);
/* One row of the map: the emission spectrum of a point. */
enum status data_group_row(const struct scan_products *p, const struct rixs_map *m, uint32_t point, const char *which, struct data_group *out);
/* The emission spectrum of the first n_points points together (counts, counts_errors) and of the last of them (point_counts). */
enum status data_group_spectrum(const struct scan_products *p, const struct rixs_map *m, uint32_t n_points, const char *which, struct data_group *out);
/* The PFY of one region over the first n_points points. */
enum status data_group_yield(const struct scan_products *p, const struct yield_spectrum *y, uint32_t n_points, const char *which, struct data_group *out);
void data_group_done(struct data_group *g);

const struct data_array *data_group_array(const struct data_group *g, const char *name);  /* NULL: none of this name */
/* By I0 and live time when any point of the scan has an I0, else by live time alone. */
enum yield_norm data_group_norm(const struct scan *s);
const char *data_group_norm_text(enum yield_norm norm);

#endif
