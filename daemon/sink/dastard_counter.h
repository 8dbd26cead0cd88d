/* daemon/sink/dastard_counter.h - primary records per channel and second of data: what TRIGGERRATE says.
 * Windows are whole seconds of frames since the source began, whatever the blocks are; nothing is lost between them. Plain struct. */
#ifndef TESD_DAEMON_SINK_DASTARD_COUNTER_H
#define TESD_DAEMON_SINK_DASTARD_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/dastard_record.h"

struct dastard_counter {
    double period_s;
    uint32_t n_channels;
    uint64_t *counts, *next;      /* of this window, and of the one after it */
    int64_t second;               /* number of this window */
};

bool dastard_counter_init(struct dastard_counter *c, uint32_t n_channels, double period_s);   /* false: no memory */
void dastard_counter_done(struct dastard_counter *c);
void dastard_counter_restart(struct dastard_counter *c);     /* the source begins: frames count from 0 */

/* A block spans two windows at most. */
void dastard_counter_add(struct dastard_counter *c, const struct dastard_record *records, size_t n);
/* True when every record before `frame` is in and the window ends before it: counts can be told, then call _next. */
bool dastard_counter_ready(const struct dastard_counter *c, int64_t frame);
void dastard_counter_next(struct dastard_counter *c);

#endif
