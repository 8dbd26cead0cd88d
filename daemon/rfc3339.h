/* daemon/rfc3339.h - "2026-11-22T07:23:05.25Z", "...+01:00" -> ns since 1970 UTC. */
#ifndef TESD_DAEMON_RFC3339_H
#define TESD_DAEMON_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

/* False: not such a time, or outside 1970..2200; *out is untouched. Digits beyond ns are dropped. A leap second counts as the next second. */
bool rfc3339_parse(const char *text, int64_t *out);

#endif
