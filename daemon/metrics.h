/* daemon/metrics.h - counters as a page for Prometheus: GET /metrics (text format 0.0.4), through civetweb.
 * One table of rows (name, type, help, where the number is); nothing else is served. civetweb's threads read figures, which are copies. */
#ifndef TESD_DAEMON_METRICS_H
#define TESD_DAEMON_METRICS_H

#include <stdbool.h>

#include "daemon/ingest.h"
#include "daemon/live_session.h"

struct metrics;   /* opaque */

/* port 0: none, *out is NULL and all is well. False after logging. */
bool metrics_new(const char *host, int port, struct live_session_work *session, const struct ingest *ingest, struct metrics **out);
void metrics_free(struct metrics *m);   /* NULL is fine */

/* The page; free() it. NULL: no memory. */
char *metrics_text(const struct live_figures *f, const struct ingest_figures *g);

#endif
