/* daemon/inner_event.h - a pulse found inside the record of another (triggers that give it none: trigger_mode.h): no record of its own, an event for live time. */
#ifndef TESD_DAEMON_INNER_EVENT_H
#define TESD_DAEMON_INNER_EVENT_H

#include <stddef.h>
#include <stdint.h>

struct inner_event { size_t row; int64_t time_ns; };   /* by row, then by time */

#endif
