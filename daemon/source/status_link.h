/* daemon/source/status_link.h - what the acquisition server says about itself: its status port, and the one call that repeats it all.
 *   SUB base + 1: topic, JSON --strict--> told(topic, body)        TCP base: SourceControl.SendAllStatus, nothing else
 * A late joiner hears nothing until something changes, so SendAllStatus is asked for once the subscription has had time to travel, again
 * until the channel names are known, and again whenever the server has come back. Topics are compared whole. One thread owns it. */
#ifndef TESD_DAEMON_SOURCE_STATUS_LINK_H
#define TESD_DAEMON_SOURCE_STATUS_LINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct status_link;   /* opaque */

struct status_counts {
    uint64_t messages, unknown_topics;   /* unknown ones are let pass: names change between versions */
    uint64_t refused;            /* not two frames, a topic that is none, no JSON */
    uint64_t asked, answered, unanswered;   /* SendAllStatus */
};

/* host: name or address; base_port: of the control port. False after logging. */
bool status_link_new(const char *host, int base_port, struct status_link **out);
void status_link_free(struct status_link *l);

/* body: borrowed, any JSON value. */
typedef void status_told(void *context, const char *topic, const json_t *body);
/* Never waits. now_ms: CLOCK_MONOTONIC. */
void status_link_step(struct status_link *l, int64_t now_ms, status_told *told, void *context);
void status_link_want_all(struct status_link *l);   /* something essential is still unknown: ask again in a while */
bool status_link_alive(const struct status_link *l, int64_t now_ms);   /* something was heard in the last 5 s */
const struct status_counts *status_link_counts(const struct status_link *l);

#endif
