/* daemon/learning_input.h - where learning finds its records: the files of a beamtime, or what a live session kept aside (record_spool.h).
 * Each channel's records in their true order, as often as wanted; different channels may be walked at the same time. */
#ifndef TESD_DAEMON_LEARNING_INPUT_H
#define TESD_DAEMON_LEARNING_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/scan_timeline.h"
#include "daemon/beamtime.h"
#include "daemon/channel_record.h"
#include "pulse/pixel_model.h"

struct record_walk {
    void *context;
    bool (*next)(void *context, struct channel_record *out);   /* false: no more. The record lives until the next call. NULL: there is no such walk */
    void (*rewind)(void *context);
    void (*close)(void *context);    /* the shape ends with it */
    struct channel_shape shape;
    uint64_t records;                /* in one pass */
};

struct learning_channel {
    int32_t channel;
    const char *name;                /* "chan17" */
    const struct pixel_model *keep;  /* its filters are kept where its record length fits, and no noise is wanted; NULL: learnt anew */
};

struct learning_input {
    void *context;
    size_t n_channels;
    const struct scan_timeline *timeline;
    size_t n_calibrations;           /* in it */
    int64_t first_ns, last_ns;       /* stamps of the first and the last record */
    struct learning_channel (*channel)(void *context, size_t i);
    uint32_t (*n_samples)(void *context, size_t i);   /* record length; 0: no samples, or none known */
    bool (*pulses)(void *context, size_t i, struct record_walk *out);   /* false: no memory. Without records: records == 0 */
    bool (*noise)(void *context, size_t i, struct record_walk *out);    /* false: no memory. Without noise *out is left alone */
};

/* The beamtime is borrowed. */
struct learning_input learning_input_of_files(const struct beamtime *b);

#endif
