/* daemon/control/scan_regions.h - the emission windows a client has set: name -> [lo, hi) in eV; "tfy" alone to begin with.
 * Names are the client's; the products' names (yield_region.h) are made of them. */
#ifndef TESD_DAEMON_CONTROL_SCAN_REGIONS_H
#define TESD_DAEMON_CONTROL_SCAN_REGIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "calib/yield_region.h"

enum { SCAN_REGIONS = 48, SCAN_REGIONS_WHY = 200 };

struct scan_regions {
    unsigned n;
    struct { char name[32]; struct yield_region region; } list[SCAN_REGIONS];
};

void scan_regions_reset(struct scan_regions *r);   /* tfy alone, 200 to 1600 eV */
/* change: {name: [lo, hi]} or [[lo, hi, name]]; null in place of lo or hi takes one away, whether it is there or not; null or {} resets. False, and nothing changed: why says what is wrong. */
bool scan_regions_change(struct scan_regions *r, const json_t *change, char why[SCAN_REGIONS_WHY]);
json_t *scan_regions_json(const struct scan_regions *r);                          /* all; new reference */
json_t *scan_regions_one(const struct scan_regions *r, const char *name);         /* [lo, hi]; NULL: none of that name */

#endif
