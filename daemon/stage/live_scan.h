/* daemon/stage/live_scan.h - a scan while it is measured: points come one after the other, products grow with them.
 *   scan_events --> points;   rows + points --> place;   products: as stage/bin fills them, with one row more for each new point
 * The last point may be open: it holds every time from its start on until its end is told. Rows beyond what is known of the scan wait.
 * One owner thread. */
#ifndef TESD_DAEMON_STAGE_LIVE_SCAN_H
#define TESD_DAEMON_STAGE_LIVE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/scan_products.h"
#include "daemon/scan_event.h"
#include "daemon/stage/scan_view.h"

struct live_scan {
    struct scan scan;              /* points known so far; end_ns of an open one is its start + 1 until then */
    struct scan_products *products;   /* NULL before the first point */
    struct scan_view *view;        /* the same with other windows and axes, when somebody asked for them */
    struct product_settings settings;
    struct yield_region *regions;  /* own copy: those of settings, whatever is set for the next scan */
    uint8_t *pixels_used;
    uint32_t n_pixels, capacity;
    bool open;                     /* the last point has no end yet */
    bool ended;                    /* no more points will come */
    uint32_t n_final;              /* points 0..n_final-1 will not change any more */
};

/* pixels_used: n_pixels bytes, copied. kept: most photons remembered for other windows and axes (scan_view.h). False: no memory. */
bool live_scan_begin(const struct scan_event *start, uint32_t n_pixels, const uint8_t *pixels_used, const struct product_settings *settings, size_t kept, struct live_scan **out);
void live_scan_free(struct live_scan *s);
/* Before the first point: these windows and axes instead. False: no memory. */
bool live_scan_begin_with(struct live_scan *s, const struct product_settings *settings);

/* An open point is ended first, where the new one begins. False, and nothing changed: no memory, the point begins before the last one
 * ended, the scan has ended. */
bool live_scan_point_start(struct live_scan *s, int64_t start_ns, double incident_eV);
/* False, and nothing changed: no open point, or an end that is not after its start. */
bool live_scan_point_end(struct live_scan *s, int64_t end_ns, double i0, double i0_sigma);
void live_scan_end(struct live_scan *s, int64_t end_ns);   /* an open point ends with it, after 1 ns at the least */

/* A point that is final: each pixel's grade times sum to the dwell. They do, unless its end was told after times behind it had been counted:
 * then they are scaled down, and what a following point lacks of its dwell is dead time. True: something had to be fitted. */
bool live_scan_fit_times(struct live_scan *s, uint32_t point);

enum live_place_kind { PLACE_OUTSIDE, PLACE_POINT, PLACE_MOVING, PLACE_WAITS };   /* waits: later than all that is known of the scan */
struct live_place { enum live_place_kind kind; int32_t point, after; };   /* as scan_place; point -1 and after -1 where there is none */
struct live_place live_scan_place(const struct live_scan *s, int64_t time_ns);

/* Row i of the block, placed there (its scan, point and incident_eV are set), is counted or taken back. MOVING and POINT only. */
void live_scan_add(struct live_scan *s, struct photon_block *b, size_t i, struct live_place place);
void live_scan_remove(struct live_scan *s, const struct photon_block *b, size_t i, struct live_place place);
/* A row counted in a point that will not be taken back any more. */
void live_scan_keep(struct live_scan *s, const struct photon_block *b, size_t i);
/* The products with the windows and axes that are to be seen; NULL before the first point. */
struct scan_products *live_scan_seen(const struct live_scan *s);

#endif
