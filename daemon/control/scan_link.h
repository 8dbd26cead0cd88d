/* daemon/control/scan_link.h - scan points from whoever knows them, as JSON-RPC 1.0 over TCP.   requests --> scan_event --> session
 * The small internal entry: the scan server's own protocol (port 4000) makes the same events. One thread owns it.
 *
 *   method            parameter (one object; time_ns: ns since 1970 UTC as number or decimal string, default: the clock of this machine)
 *   Scan.Start        {"number", "sample", "label", "var_name", "var_unit", "log_name", "time_ns"}
 *   Scan.PointStart   {"incident_eV", "time_ns"}
 *   Scan.PointEnd     {"i0", "i0_sigma", "time_ns"}
 *   Scan.End          {"time_ns"}
 * Answers {"result": true, ...}, or an error that says what is wrong. */
#ifndef TESD_DAEMON_CONTROL_SCAN_LINK_H
#define TESD_DAEMON_CONTROL_SCAN_LINK_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/scan_event.h"

struct scan_link;   /* opaque */

/* False: refused; *why says why, borrowed. */
typedef bool scan_told(void *context, const struct scan_event *event, const char **why);

/* host: an IPv4 address. False after logging. */
bool scan_link_open(const char *host, int port, scan_told *told, void *context, struct scan_link **out);
void scan_link_close(struct scan_link *l);
void scan_link_step(struct scan_link *l);   /* never waits */

/* The object of a request -> event; text outputs are cut to their room. False with why. Pure: for the fuzzer. */
bool scan_link_event(enum scan_event_kind kind, const json_t *argument, struct scan_event *out, const char **why);

#endif
