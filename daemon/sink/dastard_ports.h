/* daemon/sink/dastard_ports.h - the three publishing ports of the acquisition server, as it has them.
 *   records --dastard_ports_send--> base + 2 (36 bytes + samples) and base + 4 (48 bytes + coefficients);  topic + JSON --> base + 1
 * The record and summary sockets have a send limit (100 messages upstream) per subscriber connection and never wait: what a burst exceeds
 * is dropped in silence, as upstream. One thread owns it. */
#ifndef TESD_DAEMON_SINK_DASTARD_PORTS_H
#define TESD_DAEMON_SINK_DASTARD_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/dastard_record.h"

enum { DASTARD_PORT_CONTROL = 0, DASTARD_PORT_STATUS = 1, DASTARD_PORT_RECORDS = 2, DASTARD_PORT_SUMMARIES = 4, DASTARD_HOST = 64 };

struct dastard_ports;   /* opaque */

/* host: an IPv4 address, or * for all. queue: the record port's limit. False with errno set (EADDRINUSE: another server has one of them); *taken is then the port
 * that could not be had. */
bool dastard_ports_open(const char *host, int base, int queue, struct dastard_ports **out, int *taken);
/* Lets what is queued leave, half a second at most; at_once: the server died, nothing leaves. */
void dastard_ports_close(struct dastard_ports *p, bool at_once);

uint32_t dastard_ports_subscriptions(struct dastard_ports *p);   /* different ones to records, now */
void dastard_ports_send(struct dastard_ports *p, const struct dastard_record *records, size_t n);   /* back to back */
void dastard_ports_tell(struct dastard_ports *p, const char *topic, const char *json);

#endif
