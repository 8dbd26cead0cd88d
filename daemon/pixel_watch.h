/* daemon/pixel_watch.h - how each pixel does just now: records, baseline, residual since it was last asked.
 *   rows --add--> sums per pixel --take--> a window, and the sums begin anew;   photons by energy --spectrum--> since they were forgotten
 * One owner; no clock: the time is said by who asks. */
#ifndef TESD_DAEMON_PIXEL_WATCH_H
#define TESD_DAEMON_PIXEL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/shift_watch.h"
#include "daemon/row_block.h"

struct pixel_watch;   /* opaque */

struct watched_window {
    int64_t jumped_ns;               /* its newest record is cut as jumped, and all are since this one; 0: not */
    double window_s, rate_per_s;     /* since the last _take, or _new; its records per second, NaN when it has no length */
    double baseline_counts;          /* mean of their pretrigger means; NaN: none was measured */
    double residual;                 /* mean of the residuals of those that are photons, counts rms; NaN: none */
    uint64_t records, photons;       /* since _new */
};

bool pixel_watch_new(uint32_t n_pixels, int64_t now_ms, struct pixel_watch **out);   /* false: no memory */
void pixel_watch_free(struct pixel_watch *w);
void pixel_watch_rows(struct pixel_watch *w, const struct row_block *rows);
struct watched_window pixel_watch_take(struct pixel_watch *w, uint32_t pixel, int64_t now_ms);
int64_t pixel_watch_jumped(const struct pixel_watch *w, uint32_t pixel);   /* as jumped_ns above */
struct pixel_shift pixel_watch_shift(const struct pixel_watch *w, uint32_t pixel);   /* lines beside those of the array (calib/shift_watch.h) */
/* Photons of the pixel by energy, DETAIL_BINS of pixel_detail.h; borrowed. */
const uint32_t *pixel_watch_spectrum(const struct pixel_watch *w, uint32_t pixel);
void pixel_watch_forget_spectra(struct pixel_watch *w);   /* energies have another meaning from now on */

#endif
