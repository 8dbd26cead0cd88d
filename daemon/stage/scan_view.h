/* daemon/stage/scan_view.h - a scan that runs, as somebody wants to see it now: other windows, other axes, counted from the same photons.
 *   settled photons --keep--> memory --show--> maps and yields of any windows and axes;   rows that come later are counted in both
 * Everything that does not depend on windows and axes (points, live time, sensitivities, pixels) is that of the scan's own products, which
 * stay as the scan began: its growing file is made of them. Memory is bounded: 12 bytes a photon, `most` photons; a scan that has more
 * keeps the view it has. One owner thread. */
#ifndef TESD_DAEMON_STAGE_SCAN_VIEW_H
#define TESD_DAEMON_STAGE_SCAN_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "calib/scan_products.h"

enum { SCAN_VIEW_PHOTON_BYTES = 12 };

struct scan_view;   /* opaque */

bool scan_view_new(size_t most, struct scan_view **out);   /* false: no memory */
void scan_view_free(struct scan_view *v);

/* Row i, a row of the scan that will not be taken back any more; what counts in no map is left out. */
void scan_view_keep(struct scan_view *v, const struct scan_products *p, const struct photon_block *b, size_t i);
/* From now on with these settings (copied), the kept photons counted. Rows that are not kept yet are the caller's to add. False, and the
 * view is as before: why says so. */
bool scan_view_show(struct scan_view *v, struct scan_products *p, const struct product_settings *settings, const char **why);
/* A row that is counted in, or taken back from, the products is so here. */
void scan_view_add(struct scan_view *v, const struct photon_block *b, size_t i);
void scan_view_remove(struct scan_view *v, const struct photon_block *b, size_t i);
/* The products have been replaced by ones with more points. False: no memory, and from now on the products themselves are seen. */
bool scan_view_grow(struct scan_view *v, const struct scan_products *grown);

/* The products as they are to be seen: p itself unless something else is shown. Borrowed until the next call. */
struct scan_products *scan_view_of(struct scan_view *v, struct scan_products *p);
/* What is shown when it is not the products themselves; NULL: nothing else. */
const struct product_settings *scan_view_settings(const struct scan_view *v);

#endif
