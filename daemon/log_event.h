/* daemon/log_event.h - what the system's journal is told with fields, for programs and `journalctl RIXS_EVENT=lost_upstream`:
 *   MESSAGE, PRIORITY, MESSAGE_ID (one per class of event), SYSLOG_IDENTIFIER, RIXS_EVENT, RIXS_STATE (begins, over), RIXS_RUN, RIXS_SCAN, RIXS_LOST
 * Nothing where the service's stderr is not read by the journal: there people read the lines of daemon/log.h, which are written either way. */
#ifndef TESD_DAEMON_LOG_EVENT_H
#define TESD_DAEMON_LOG_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_event {
    const char *code;     /* class: [a-z_]+ */
    const char *text;     /* for people; line ends become '?' */
    bool error, over;     /* error: priority 3, else 4; over: it has ended (priority 6) */
    const char *run;      /* base name of the run; "" none */
    int32_t scan;         /* -1: none */
    uint64_t lost;        /* records that were lost so far */
};

enum { LOG_EVENT_FIELDS = 9, LOG_EVENT_BYTES = 400 };

/* "NAME=value" each, cut where it is too long; returns how many. */
size_t log_event_fields(const struct log_event *e, char fields[LOG_EVENT_FIELDS][LOG_EVENT_BYTES]);
/* False: no journal reads us, or it did not take it. */
bool log_event(const struct log_event *e);

#endif
