/* calib/product_counter.h - counts rows in a scan's products many at a time: what scan_products_add does row by row.
 *   init, begin(products, pixel) --add rows in points--> point totals and regions are counted, map bins are fetched --flush--> and counted
 * Which rows are photons, and in which bin, is as good as random: it is computed without branches. Plain; borrows the products. One owner thread. */
#ifndef TESD_CALIB_PRODUCT_COUNTER_H
#define TESD_CALIB_PRODUCT_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "calib/scan_products.h"

enum { PRODUCT_COUNTER_ROOM = 4 * RIXS_MAP_PIECE };

struct product_counter {
    struct scan_products *products;    /* NULL before the first begin */
    uint32_t pixel;
    uint64_t regions[N_GRADES];        /* bit r: region r counts photons of this pixel and that grade */
    size_t n_pending;
    uint32_t *pending[PRODUCT_COUNTER_ROOM];   /* numbers of the maps that are 1 too small */
};

/* What is not room, which is most of it. */
void product_counter_init(struct product_counter *c);
/* Rows that follow are of this pixel and belong to this scan; cheap when they did before. */
void product_counter_begin(struct product_counter *c, struct scan_products *products, uint32_t pixel);
/* Rows first..first+n-1, of that pixel, those in points (point >= 0). Where the others moved from, only their times tell: scan_products.moving is the
 * caller's. */
void product_counter_add(struct product_counter *c, const struct photon_block *b, size_t first, size_t n);
/* Before the products are looked at. */
void product_counter_flush(struct product_counter *c);

#endif
