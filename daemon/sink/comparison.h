/* daemon/sink/comparison.h - two conditions compared, as groups of a NeXus file of its own: compare_NAME_rixs (difference map with errors and
 * significance) and compare_NAME_pfy_ROI (ratio, difference, both yields).   conditions --comparison_*--> C.nxs
 * One thread (HDF5). */
#ifndef TESD_DAEMON_SINK_COMPARISON_H
#define TESD_DAEMON_SINK_COMPARISON_H

#include "daemon/condition_file.h"
#include "daemon/h5_file.h"

struct comparison {
    const char *name;                    /* of the pair */
    const struct condition *a, *b;
    double a_scale, b_scale;             /* yields of the maps are divided by these; 1: by exposure alone */
    const char *normalised_by;           /* "i0 x live_time", "live_time", "pfy tfy" */
};

/* Difference of the maps, per exposure and bin. False: the emission axes are not the same (logged). */
bool comparison_map(struct h5_file *f, hid_t entry, const struct comparison *c);
struct comparison_window { double lo_eV, hi_eV; struct condition_ratio ratio; double counts_a, counts_b, counts_needed; struct condition_shape shape; };
void comparison_yield(struct h5_file *f, hid_t entry, const struct comparison *c, const struct condition_yield *a, const struct condition_yield *b, const struct comparison_window *w);

#endif
