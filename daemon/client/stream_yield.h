/* daemon/client/stream_yield.h - the PFY states (pfy/REGION/) that a subscriber has, and what is seen of one at a glance. */
#ifndef TESD_DAEMON_CLIENT_STREAM_YIELD_H
#define TESD_DAEMON_CLIENT_STREAM_YIELD_H

#include <stdbool.h>

#include "daemon/client/subscriber.h"

enum { STREAM_REGION_TEXT = 64, STREAM_YIELDS = 64 };

bool stream_yield_is(const struct stream_state *s);   /* has incident_energy, yield and counts of one length */
void stream_yield_region(const struct stream_state *s, char out[STREAM_REGION_TEXT]);   /* "pfy/Co_La/" -> "Co_La" */

struct stream_yield_facts {
    double counts;                 /* all points */
    double top, top_error, at;     /* highest yield, its error, its incident energy; NaN: no yield */
    double lo, hi;                 /* of the incident axis; lo > hi: no point */
};
struct stream_yield_facts stream_yield_facts(const struct stream_state *s);

/* By counts, the most first; "tfy", which has all, last. Borrowed until the subscriber's next step. */
struct stream_yields { size_t n; const struct stream_state *list[STREAM_YIELDS]; double counts[STREAM_YIELDS]; };
struct stream_yields stream_yields_of(const struct subscriber *s);
/* The one of that region; the first where there is none such (or region is NULL); NULL: no yields. */
const struct stream_state *stream_yields_find(const struct stream_yields *y, const char *region);
/* The one after that of the region, round and round. */
const struct stream_state *stream_yields_next(const struct stream_yields *y, const char *region);

#endif
