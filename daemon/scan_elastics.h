/* daemon/scan_elastics.h - the elastic lines of all scans of a file and of their sums, repeats helping one another.
 *   products, sums --scan_elastics_find--> one scan_elastic and the points behind it for each
 * One scan of a few photons a point does not know where its line stands free; the sum of its repeats does. So a scan of a group of several takes
 * the points of the sum, k-th by energy for k-th (scan_repeat.h), and the sum's width where it was fitted: position and area are its own. Where
 * the sum has no line, or there is no other repeat, each looks for itself (calib/scan_elastic.h). */
#ifndef TESD_DAEMON_SCAN_ELASTICS_H
#define TESD_DAEMON_SCAN_ELASTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_elastic.h"
#include "calib/scan_products.h"

struct scan_elastics {
    size_t n_scans, n_sums;
    struct scan_elastic *of;     /* n_scans + n_sums, in their order */
    uint8_t **point_used;        /* one byte a point of each */
};

/* resolution_at: FWHM of the typical pixel at a time, NaN unknown. False: no memory. */
bool scan_elastics_find(struct scan_products *const *products, size_t n_products, const struct scan_sum *sums, size_t n_sums,
                        double (*resolution_at)(const void *context, int64_t time_ns), const void *context, struct scan_elastics *out);
void scan_elastics_done(struct scan_elastics *e);

#endif
