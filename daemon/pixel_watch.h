/* daemon/pixel_watch.h - how each pixel does just now: records, baseline, residual since it was last asked.
 *   rows --add--> sums per pixel --take--> a window, and the sums begin anew.   One owner; no clock: the window's length is said by who asks */
#ifndef TESD_DAEMON_PIXEL_WATCH_H
#define TESD_DAEMON_PIXEL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/row_block.h"

struct pixel_watch;   /* opaque */

struct watched_window {
    uint64_t in_window;              /* records since the last _take */
    double baseline_counts;          /* mean of their pretrigger means; NaN: none was measured */
    double residual;                 /* mean of the residuals of those that are photons, in units of what noise leaves; NaN: none */
    uint64_t records, photons;       /* since _new */
};

bool pixel_watch_new(uint32_t n_pixels, struct pixel_watch **out);   /* false: no memory */
void pixel_watch_free(struct pixel_watch *w);
void pixel_watch_rows(struct pixel_watch *w, const struct row_block *rows);
struct watched_window pixel_watch_take(struct pixel_watch *w, uint32_t pixel);

#endif
