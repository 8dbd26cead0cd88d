/* daemon/scan_copy.h - products of a scan that are their own: with the scan they point to, its points, and the names of their windows.
 * For those who need them longer than their maker keeps them, or make them from a file. */
#ifndef TESD_DAEMON_SCAN_COPY_H
#define TESD_DAEMON_SCAN_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"

struct scan_copy {
    struct scan scan;                  /* owned */
    struct scan_products *products;    /* products->scan is the one above */
};

/* The first n_points points of p. False: no memory. */
bool scan_copy_make(const struct scan_products *p, uint32_t n_points, struct scan_copy **out);
/* Empty products of the form of p, of a scan that is taken over (left empty), with other axes, windows and pixels. False: no memory, or no such axes;
 * then the scan is freed too. */
bool scan_copy_begin(struct scan *scan, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, struct scan_copy **out);
/* Grade times of one pixel in one point (N_LIVETIME_COLUMNS) made to fill its dwell: what is missing is dead time, what is too much is taken
 * from all alike. For times counted while nobody knew yet where the point would end. */
void scan_copy_fit_times(int64_t *row, int64_t dwell_ns);
void scan_copy_free(struct scan_copy *c);   /* NULL is fine */

#endif
