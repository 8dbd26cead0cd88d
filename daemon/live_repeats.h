/* daemon/live_repeats.h - do the scans of a run agree with one another, while it goes on? Radiation damage, drift and a moved sample show here.
 *   products of each scan that is over --add--> judgement of it and of those it repeats (calib/scan_consistency.h, calib/scan_repeat.h)
 * Of the last LIVE_REPEATS scans what this needs is kept (calib/repeat_counts.h), of very long scans fewer; which are compared: one calibration, the same axes, windows and pixels in number, the same sample, motor,
 * edge and set points. Without I0 in all of them exposure is live time alone, and the judgement says so. One owner. */
#ifndef TESD_DAEMON_LIVE_REPEATS_H
#define TESD_DAEMON_LIVE_REPEATS_H

#include <jansson.h>
#include <stdbool.h>

#include "calib/scan_products.h"

enum { LIVE_REPEATS = 8, LIVE_REPEATS_BYTES = 16 << 20 };   /* the newest is kept however large it is */

struct live_repeats;

bool live_repeats_new(struct live_repeats **out);   /* false: no memory */
void live_repeats_free(struct live_repeats *r);     /* NULL is fine */
void live_repeats_forget(struct live_repeats *r);   /* another run, or another array */

/* p: a scan that is over, copied; calibration_id: what its energies were made with. New keys of the topic consistency/ (doc/stream.md), to be
 * released; NULL: it repeats none of those that are kept, or no memory. */
json_t *live_repeats_add(struct live_repeats *r, const struct scan_products *p, const char *calibration_id);

size_t live_repeats_bytes(const struct live_repeats *r);   /* that it keeps */

/* Which scans of the last judgement do not agree with the others, as a sentence; "" when all do. */
const char *live_repeats_odd(const struct live_repeats *r);

#endif
