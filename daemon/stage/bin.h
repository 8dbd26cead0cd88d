/* daemon/stage/bin.h - photons + timeline -> products of every scan.   photon_block --place, add--> scan_products[]
 * One owner thread. Blocks may come in any order: all sums are integers. */
#ifndef TESD_DAEMON_STAGE_BIN_H
#define TESD_DAEMON_STAGE_BIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "calib/scan_products.h"
#include "calib/scan_timeline.h"

struct bin_stage {
    const struct scan_timeline *timeline;
    size_t n_products;
    struct scan_products **products;   /* of the scans with points, in time order */
    int32_t *of_scan;                  /* timeline index -> index into products, -1: none */
    struct scan_place place;           /* of the last row: the next one is nearly always there too */
};

/* pixels_used: for timeline index i, n_pixels bytes at pixels_used(context, i), NULL: no memory. False when memory fails. */
typedef const uint8_t *bin_pixels_used(void *context, size_t timeline_index);
bool bin_stage_new(const struct scan_timeline *timeline, uint32_t n_pixels, const struct product_settings *settings, bin_pixels_used *used, void *context, struct bin_stage **out);
void bin_stage_free(struct bin_stage *b);
/* Sets scan, point and incident_eV of every row by its time. Any thread. */
void bin_stage_place(const struct bin_stage *b, struct photon_block *block);
/* Counts the photons among rows that have their place. */
void bin_stage_add(struct bin_stage *b, const struct photon_block *block);
/* A row added before is counted anew under another grade and other flags, which it is given. */
void bin_stage_regrade(struct bin_stage *b, struct photon_block *block, size_t i, uint8_t grade, uint8_t flags);

#endif
