/* daemon/live_status.h - what the acquisition server has said, kept: the last body of every topic, and what follows from them.
 *   topic, body --live_status_take--> record shape, writing state, labels, trigger modes;   all bodies --> *_acquisition.json
 * Any JSON may come; what is not as expected changes nothing. One thread. */
#ifndef TESD_DAEMON_LIVE_STATUS_H
#define TESD_DAEMON_LIVE_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/source/acquisition_status.h"

enum status_change {
    STATUS_NOTHING = 0,
    STATUS_ARRAY = 1,          /* CHANNELNAMES came (same as before or not) */
    STATUS_SHAPE = 2,          /* record length or period */
    STATUS_TRIGGERS = 4,
    STATUS_WRITING = 8,        /* writing began, ended, or another folder */
    STATUS_LABEL = 16,         /* experiment state */
    STATUS_RATE = 32,          /* TRIGGERRATE */
    STATUS_RUNNING = 64        /* the source started or stopped */
};

struct live_status {
    json_t *bodies;            /* object: topic -> last body */
    bool running;
    uint32_t n_samples, n_presamples;   /* 0: unknown */
    double sample_period_s;
    bool writing;
    char folder[512];          /* where it writes; "" unknown */
    char base_name[96];        /* "YYYYMMDD_runNNNN" */
    char label[64];            /* experiment state, "" none */
    int64_t label_ns;          /* when it began; 0: not told */
    int64_t timed_ns;          /* of the last label whose time was told or found */
    int64_t told_ns[16];       /* times that were told with labels, in a circle */
    unsigned n_told;
};

bool live_status_init(struct live_status *s);   /* false: no memory */
void live_status_done(struct live_status *s);
unsigned live_status_take(struct live_status *s, const char *topic, const json_t *body);   /* enum status_change bits */

/* Labels come without a time in STATELABEL: the session says by its data when the present one began (where it was told, that holds). */
void live_status_label_time(struct live_status *s, int64_t time_ns);

const json_t *live_status_body(const struct live_status *s, const char *topic);   /* NULL: not heard */
/* Trigger modes as far as they are known; n = 0 when they are not. Free with acquisition_status_done. False: no memory. */
bool live_status_triggers(const struct live_status *s, struct acquisition_status *out);

#endif
