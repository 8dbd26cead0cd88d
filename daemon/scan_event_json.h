/* daemon/scan_event_json.h - a scan event as the journal keeps it.   scan_event <-> JSON object
 * Keys are the fields' names; kind is a word; what is unknown (NaN, -1, "") is left out. */
#ifndef TESD_DAEMON_SCAN_EVENT_JSON_H
#define TESD_DAEMON_SCAN_EVENT_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/scan_event.h"

json_t *scan_event_to_json(const struct scan_event *e);                   /* NULL: no memory */
bool scan_event_from_json(const json_t *object, struct scan_event *out);  /* false: not one; *out untouched */

#endif
