/* calib/repeat_counts.h - of one scan what a comparison with its repeats needs (scan_consistency.h), packed, for who keeps many of them.
 *   scan_products --repeat_counts_new--> its own scan, windows, exposures, counts of the windows, map of emission --repeat_counts_row--> a row of that map
 * Of a map of 3600 bins most are empty or small: 60 points of 13,000 photons are some 150 kB, where products of 240 pixels have 1.8 MB.
 * A row is packed as numbers of seven bits a byte, the lowest first, the top bit saying that more follow; behind a 0 stands how many further
 * bins are empty. Pure. */
#ifndef TESD_CALIB_REPEAT_COUNTS_H
#define TESD_CALIB_REPEAT_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "pulse/status.h"

struct repeat_yield { struct yield_region region; uint32_t *counts; double *crowding; };   /* n_points each */

struct repeat_counts {
    struct scan scan;                 /* owned: its points, without what logs add to them */
    uint32_t n_points, n_bins, n_pixels, n_yields;
    struct energy_axis emission, loss;
    double *edges_eV;                 /* n_bins + 1, of emission */
    double *weighted_ns;              /* n_points (scan_live_time_weighted_ns) */
    struct repeat_yield *yields;
    uint8_t *map;                     /* rows of emission, packed */
    size_t *row_at;                   /* n_points + 1: where each begins */
};

/* Nothing of p is borrowed. STATUS_NO_MEMORY, and *out untouched. */
enum status repeat_counts_new(const struct scan_products *p, struct repeat_counts **out);
void repeat_counts_free(struct repeat_counts *c);   /* NULL is fine */
size_t repeat_counts_bytes(const struct repeat_counts *c);
/* counts: n_bins, of one point. */
void repeat_counts_row(const struct repeat_counts *c, uint32_t point, uint32_t *counts);

#endif
