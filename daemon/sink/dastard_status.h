/* daemon/sink/dastard_status.h - the acquisition server's status messages: topic + JSON --> port base + 1.
 * Keeps the last message of every topic ever sent, stale or not, and repeats them all on demand. Keys and types are those of
 * DASTARD 0.3.10. One thread owns it. */
#ifndef TESD_DAEMON_SINK_DASTARD_STATUS_H
#define TESD_DAEMON_SINK_DASTARD_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/dastard_array.h"
#include "daemon/sink/dastard_ports.h"

struct dastard_status;   /* opaque */

bool dastard_status_new(struct dastard_status **out);
void dastard_status_free(struct dastard_status *s);
/* The ports to send to from now on; NULL: none, messages are only remembered. Borrowed. `forget` drops what was remembered: the
 * server is a new process. */
void dastard_status_connect(struct dastard_status *s, struct dastard_ports *ports, bool forget);

/* Takes over `body`; NULL (no memory) sends nothing. */
void dastard_status_tell(struct dastard_status *s, const char *topic, json_t *body);
void dastard_status_repeat_all(struct dastard_status *s);

/* Bodies; NULL when there is no memory. */
json_t *dastard_body_status(const struct dastard_array *a, bool running);
json_t *dastard_body_names(const struct dastard_array *a);
json_t *dastard_body_triggers(const struct dastard_array *a);      /* channels of equal settings are one group */
json_t *dastard_body_couplings(const struct dastard_array *a);
json_t *dastard_body_alive(bool running, double data_s, double megabytes);
json_t *dastard_body_rate(int64_t end_ns, int64_t duration_ns, const uint64_t *counts, uint32_t n);
json_t *dastard_body_numbers(const char *key, const uint64_t *counts, uint32_t n);

#endif
