/* daemon/client/monitor_view.h - what a stream says, on one screen of text or as JSON for scripts.
 * Only what was published: the view computes nothing of its own beyond sums and maxima of what it shows. */
#ifndef TESD_DAEMON_CLIENT_MONITOR_VIEW_H
#define TESD_DAEMON_CLIENT_MONITOR_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/client/subscriber.h"

struct monitor_screen {
    unsigned width, height;      /* characters; at least 40 x 10 is used */
    bool utf8, colour;
    const char *endpoint;
    const char *region;          /* window whose PFY is drawn large; NULL or unknown: the first */
};

/* Exactly `height` lines at most, none wider than `width`, each ended by a newline. */
void monitor_view_text(const struct subscriber *s, int64_t now_ms, const struct monitor_screen *screen, FILE *to);
/* One object: endpoint, silence_s, boot, state, cal, scan, lost, rates, alarms, pfy (with arrays), pixels. Free with json_decref. */
json_t *monitor_view_json(const struct subscriber *s, int64_t now_ms, const char *endpoint);

#endif
